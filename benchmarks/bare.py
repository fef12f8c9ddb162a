"""Pilotboat's worker for an application that gunicorn itself loads: what the ceilings are served by."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pilotboat.worker


class Worker(pilotboat.worker.Worker):
    """The same process, protocol and event loop. Nobody waits to hear that it is ready."""

    def __init__(self, age: int, parent: int, sockets: Any, app: Any, *others: Any) -> None:
        app.settings = SimpleNamespace(drain_seconds=1)
        app.is_ready = True
        app.ready = lambda: None
        super().__init__(age, parent, sockets, app, *others)
