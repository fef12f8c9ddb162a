"""gunicorn's settings computed from ours."""

from __future__ import annotations

import os
from typing import Any

from gunicorn.app.base import BaseApplication

from pilotboat.serve import build
from pilotboat.settings import Settings

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - heartbeat files belong in memory


def options(settings: Settings) -> dict[str, Any]:
    """What gunicorn is told."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}",
        "workers": settings.workers,
        "worker_class": "pilotboat.worker.Worker",
        "worker_tmp_dir": SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None,
        "timeout": 30,
        "graceful_timeout": 25,
        "keepalive": 75,
        "loglevel": settings.log_level,
        "control_socket_disable": True,
    }


class Application(BaseApplication):  # type: ignore[misc]  # its package has no types
    """Pilotboat under gunicorn: several workers, each with its own application."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in options(self.settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return build(self.settings)


def run(settings: Settings) -> None:
    """Serve with several worker processes until told to stop."""
    Application(settings).run()
