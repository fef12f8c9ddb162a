"""The server put together, in the order a request meets it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors.basereload import BaseReload

from pilotboat import settings as settings_module
from pilotboat.bundle.manifest import MANIFEST
from pilotboat.cgroup import cpu_limit
from pilotboat.errors import EnvironmentFault
from pilotboat.http.app import create_app
from pilotboat.http.body import Limits
from pilotboat.operations.access import Access, App, Lines, Receive, Scope, Send
from pilotboat.protocol import Protocol
from pilotboat.rows import Reader
from pilotboat.runtime.batcher import Bounds, stacked
from pilotboat.runtime.model import Model
from pilotboat.runtime.pace import measure
from pilotboat.runtime.repository import Live, Repository, bundles
from pilotboat.settings import Settings

logger = logging.getLogger(__name__)

UVICORN: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "http": Protocol,
    "proxy_headers": False,
    "server_header": False,
    "ws": "none",
    "lifespan": "on",
    "timeout_keep_alive": 75,
}
"""uvicorn's settings that do not depend on ours. Keep-alive outlasts a proxy's usual 60 s."""


def build(settings: Settings) -> App:
    """The ASGI application that `settings` describe."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")

    bounds = Bounds(settings.batch_rows, settings.batch_wait_ms / 1000)

    def wrap(model: Model) -> Live:
        reader = Reader(model.schema, settings.unknown_fields, settings.max_text)
        return Live(model, reader, *stacked(model, measure(model), executor, bounds))

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
    log = _access_log() if settings.log_level in ("info", "debug") else None
    return Access(_uncut(app), log, app.quick)


def _access_log() -> Lines:
    """One line a request on standard output: JSON, or words where a person is looking."""
    return Lines(sys.stdout.buffer, readable=sys.stdout.isatty())


def _uncut(app: App) -> App:
    """`app` that takes a life cut off, as by a second Ctrl-C, for one that ended."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def told() -> MutableMapping[str, Any]:
            try:
                return await receive()
            except asyncio.CancelledError:
                return {"type": "lifespan.shutdown"}

        await app(scope, told if scope["type"] == "lifespan" else receive, send)

    return wrapped


def reloaded() -> App:
    """The application of a process that reads its settings from the environment."""
    made = settings_module.read()
    configure_logging(made.log_level)
    return build(made)


def _report(repository: Repository) -> None:
    for name in repository.names:
        default = name == repository.default_name
        for older, live in enumerate(repository.versions(name)):
            logger.info(
                "%s %s is served by %s%s",
                name,
                live.model.version,
                live.model.engine,
                ", the default" if default and not older else "",
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
    """Raise `EnvironmentFault` for what would stop the server, before it starts; warn of the rest."""
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
                f"{error.strerror or 'unknown address'}.",
                code="port-unavailable",
                hint="Choose another with --port, or stop what holds it.",
            ) from error
    _check_processors(settings.workers)


def _check_processors(workers: int) -> None:
    """Warn where the workers have less than a processor between them: each answer waits for it."""
    limit = cpu_limit()
    if limit is not None and limit < 1:
        fewer = "" if workers == 1 else f" The {workers} workers share it: one would do."
        logger.warning(
            "Only %.2g of a processor is allowed here: starting and answering take long.%s",
            limit,
            fewer,
        )


def run(settings: Settings, *, reload: bool = False) -> None:
    """Serve in one process until told to stop.

    reload: serve from a child that starts anew when the source or a bundle changes.
    """
    if not reload:
        # uvicorn stops first and then raises the signal anew: a stop that was asked for is a success.
        signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(0))
        uvicorn.run(build(settings), host=settings.host, port=settings.port, **UVICORN)
        return
    os.environ.update(settings_module.exported(settings))
    config = uvicorn.Config(
        "pilotboat.serve:reloaded",
        factory=True,
        host=settings.host,
        port=settings.port,
        **UVICORN,
    )
    target = uvicorn.Server(config).run
    Reload(config, target, [config.bind_socket()], Path(settings.repository)).run()


class Reload(BaseReload):
    """Starts the child anew when a source file or a bundle appears, changes or goes."""

    def __init__(
        self, config: uvicorn.Config, target: Any, sockets: list[socket.socket], repository: Path
    ) -> None:
        super().__init__(config, target, sockets)
        self.reloader_name = "pilotboat"
        self.repository = repository
        self.seen = self.files()

    def should_restart(self) -> list[Path] | None:
        """The files that are not as they were."""
        self.pause()
        before, self.seen = self.seen, self.files()
        return sorted({path for path, _ in before ^ self.seen}) or None

    def files(self) -> set[tuple[Path, float]]:
        """Every file that is watched, and when it was changed."""
        found = set(Path(__file__).parent.rglob("*.py"))
        for place in ("", "[!.]*/", "[!.]*/[!.]*/"):  # a bundle being written has a dot in front
            found |= set(self.repository.glob(f"{place}{MANIFEST}"))
        made = set()
        for path in found:
            with suppress(OSError):  # gone meanwhile
                made.add((path, path.stat().st_mtime))
        return made
