"""The worker class that gunicorn runs."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from pilotboat.protocol import Protocol


class Worker(UvicornWorker):  # type: ignore[misc]  # its package has no types
    """uvicorn with uvloop and httptools, under gunicorn.

    lifespan "on": with "auto" a start-up that fails would pass for an application without one.
    """

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": Protocol,
        "proxy_headers": False,
        "lifespan": "on",
        "ws": "none",
        "server_header": False,
        "access_log": False,
    }

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop: gunicorn sends SIGQUIT when it is told to be quick, and uvicorn knows SIGTERM."""
        super().handle_exit(sig, frame)
        signal.raise_signal(signal.SIGTERM)
