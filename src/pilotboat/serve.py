"""The server put together, in the order a request meets it."""

from __future__ import annotations

import logging
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvicorn

from pilotboat import settings as settings_module
from pilotboat.errors import EnvironmentFault
from pilotboat.http.app import create_app
from pilotboat.http.body import Limits
from pilotboat.operations.access import Access, App
from pilotboat.rows import Reader
from pilotboat.runtime.model import Model
from pilotboat.runtime.offload import offloaded
from pilotboat.runtime.repository import Live, Repository, bundles
from pilotboat.settings import Settings

logger = logging.getLogger(__name__)

UVICORN: dict[str, Any] = {
    "log_config": None,
    "server_header": False,
    "ws": "none",
    "lifespan": "on",
    "timeout_keep_alive": 75,
}
"""uvicorn's settings that do not depend on ours. Keep-alive outlasts a proxy's usual 60 s."""


def build(settings: Settings) -> App:
    """The ASGI application that `settings` describe."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")

    def wrap(model: Model) -> Live:
        reader = Reader(model.schema, settings.unknown_fields, settings.max_text)
        return Live(model, reader, offloaded(model, executor))

    repository = Repository(
        settings.repository,
        wrap,
        default=settings.model,
        trust=settings.trust,
        allow_version_skew=settings.allow_version_skew,
    )

    def start() -> None:
        repository.open()
        _report(repository)

    app = create_app(
        repository,
        Limits(body=settings.max_body_bytes, rows=settings.max_rows),
        max_text=settings.max_text,
        unknown_fields=settings.unknown_fields,
        on_start=start,
        on_stop=lambda: executor.shutdown(wait=True),
    )
    return Access(app)


def reloaded() -> App:
    """The application of a process that reads its settings from the environment."""
    made = settings_module.read()
    configure_logging(made.log_level)
    return build(made)


def _report(repository: Repository) -> None:
    for name in repository.names:
        for live in repository.versions(name):
            is_default = name == repository.default_name
            logger.info(
                "%s %s is served by %s%s",
                name,
                live.model.version,
                live.model.engine,
                ", the default" if is_default else "",
            )
    if not repository.names and not repository.refused:
        logger.warning(
            "There is no model in '%s': not ready. Pack one with 'pilotboat pack'.", repository.path
        )
    for name, reason in repository.not_ready.items():
        logger.error("not ready: %s: %s", name, reason)


def configure_logging(level: str) -> None:
    """Log to standard error, a line an event."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )


def check(settings: Settings) -> None:
    """Raise `EnvironmentFault` for what would stop the server, before it starts."""
    for _ in bundles(Path(settings.repository)):
        break
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise EnvironmentFault(
                f"Cannot listen on {settings.host} port {settings.port}: "
                f"{os.strerror(error.errno) if error.errno else 'unknown address'}.",
                code="port-unavailable",
                hint="Choose another with --port, or stop what holds it.",
            ) from error


def run(settings: Settings, *, reload: bool = False) -> None:
    """Serve in one process until told to stop.

    reload: serve from a child that starts anew when the source or a bundle changes.
    """
    if not reload:
        uvicorn.run(build(settings), host=settings.host, port=settings.port, **UVICORN)
        return
    os.environ.update(settings_module.exported(settings))
    uvicorn.run(
        "pilotboat.serve:reloaded",
        factory=True,
        reload=True,
        reload_dirs=[str(Path(__file__).parent), settings.repository],
        reload_includes=["*.py", "bundle.json"],
        host=settings.host,
        port=settings.port,
        **UVICORN,
    )
