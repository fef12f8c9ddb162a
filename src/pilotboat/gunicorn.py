"""gunicorn's settings computed from ours."""

from __future__ import annotations

import gc
import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from pilotboat import scratch
from pilotboat.operations import directory
from pilotboat.operations.seat import Seat
from pilotboat.remembering import Shipping
from pilotboat.runtime.repository import Repository
from pilotboat.serve import FORMAT, build
from pilotboat.settings import Settings, renewed
from pilotboat.supervisor import Supervisor

KEEP_ALIVE = 75
"""Seconds: longer than a proxy's usual 60."""
GRACE = 5
"""Seconds that a worker gets beyond its drain before it is killed."""


def options(settings: Settings) -> dict[str, Any]:
    """What gunicorn is told. Not max_requests: what is recycled loses requests, what is rolled none."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}",
        "workers": settings.workers,
        "worker_class": "pilotboat.worker.Worker",
        "worker_tmp_dir": str(_place(settings)),
        "timeout": settings.hang_seconds,
        "graceful_timeout": int(settings.drain_seconds) + GRACE,
        "keepalive": KEEP_ALIVE,
        "backlog": 512,
        "loglevel": settings.log_level,
        "logger_class": Log,
        "control_socket_disable": True,
    }


class Log(Logger):  # type: ignore[misc]  # its package has no types
    """gunicorn's log, in the form of ours."""

    error_fmt = FORMAT
    datefmt = None


class Application(BaseApplication):  # type: ignore[misc]  # its package has no types
    """Pilotboat under gunicorn: several workers, each with its own application.

    In a worker: `seat`, and `pipe`, on which it tells the supervisor how its start goes.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.seat: Seat | None = None
        self.pipe = -1
        self.opened: dict[str, Any] = {}
        self.is_ready = False
        super().__init__()

    def load_config(self) -> None:
        for name, value in options(self.settings).items():
            self.cfg.set(name, value)
        self.cfg.set("post_fork", lambda _arbiter, worker: self.sit(worker.start))

    def sit(self, start: Any) -> None:
        """From here on this process is the worker that `start` is about."""
        self.seat, self.pipe = start.seat, start.pipe[1]
        os.close(start.pipe[0])

    def load(self) -> Any:
        settings = renewed(self.settings)  # a key that is new, or one that is no more
        return build(settings, self.seat, lambda at: self.tell(at=at), self._opened)

    def _opened(self, repository: Repository) -> None:
        lacks = [(one.name, one.version, str(one.error)) for one in repository.refused]
        lacks += [(name, "", reason) for name, reason in repository.not_ready.items()]
        self.opened = {"lacks": lacks}

    def ready(self) -> None:
        """Tell that this worker takes requests."""
        self.is_ready = True
        self.tell(**self.opened)

    def tell(self, **news: Any) -> None:
        """Let the supervisor know, and wake it."""
        if self.pipe >= 0:
            with suppress(OSError):
                os.write(self.pipe, json.dumps(news).encode() + b"\n")
                os.kill(os.getppid(), signal.SIGCHLD)

    def run(self) -> None:
        gc.freeze()  # a look of the collector at what is shared would make a copy of it in each worker
        with directory.made(self.settings.port, _place(self.settings)) as made:
            shipping = Shipping(self.settings) if self.settings.remembers else None
            Supervisor(self, made, shipping).run()


def _place(settings: Settings) -> Path:
    """Where the files are that workers share."""
    workers = settings.workers if isinstance(settings.workers, int) else 1
    return scratch.choose(workers, scratch.places())


def run(settings: Settings) -> None:
    """Serve with worker processes until told to stop."""
    Application(settings).run()
