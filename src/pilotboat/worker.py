"""The worker class that gunicorn runs.

Relies on what uvicorn-worker 0.4 and gunicorn 27 keep private: that `UvicornWorker` makes `config` in its
constructor and serves in `_serve`, which `run` calls on a new event loop; that gunicorn halts for the exit
codes 3 and 4 of a worker, and calls `init_signals` before the application is loaded.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
from math import ceil
from types import FrameType
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from pilotboat.protocol import Connection, Server

logger = logging.getLogger(__name__)

BEAT = 1.0
"""Seconds between two signs of life."""
FAILED = 1
"""The exit code of a worker that could not start: not one of those for which gunicorn halts."""


class Worker(UvicornWorker):  # type: ignore[misc]  # its package has no types
    """uvicorn with uvloop and httptools, under gunicorn.

    It shows that it is alive until its last request is answered, goes when its supervisor has gone, and
    writes where it hangs when it is ended for that. lifespan "on": with "auto" a start-up that fails would
    pass for an application without one.
    """

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": Connection,
        "proxy_headers": False,
        "lifespan": "on",
        "ws": "none",
        "server_header": False,
        "access_log": False,
        "callback_notify": None,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config.timeout_graceful_shutdown = ceil(self.app.settings.drain_seconds)

    def init_signals(self) -> None:
        super().init_signals()
        faulthandler.enable()  # SIGABRT, which the supervisor sends to a worker that hangs

    def init_process(self) -> None:
        try:
            super().init_process()
        except SystemExit as left:
            self._failed("it gave up while it started")
            sys.exit(FAILED if left.code else 0)
        except Exception as error:
            logger.exception("the worker failed")
            self._failed(f"{type(error).__name__}: {error}")
            sys.exit(FAILED)

    def _failed(self, reason: str) -> None:
        if not self.app.is_ready:
            self.app.tell(failed=reason)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop: gunicorn sends SIGQUIT when it is told to be quick, and uvicorn knows SIGTERM."""
        super().handle_exit(sig, frame)
        signal.raise_signal(signal.SIGTERM)

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = Server(self.config, on_started=self.app.ready, owns=False)
        self._install_sigquit_handler()
        beat = asyncio.get_running_loop().create_task(self._beat(server))
        try:
            await server.serve(sockets=[listener.sock for listener in self.sockets])
        finally:
            beat.cancel()

    async def _beat(self, server: Server) -> None:
        """Show that this worker is alive, also while it finishes; go when its supervisor has gone."""
        while True:
            self.notify()
            if os.getppid() != self.ppid and not server.should_exit:
                logger.error("the supervisor has gone: so does this worker")
                signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(BEAT)
