"""The server put together, in the order a request meets it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from math import ceil
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors.basereload import BaseReload

import pilotboat
from pilotboat import settings as settings_module
from pilotboat.bundle.manifest import MANIFEST
from pilotboat.http import feedback
from pilotboat.http.admission import Admission, Room
from pilotboat.http.app import create_app
from pilotboat.http.body import Limits
from pilotboat.http.door import Door
from pilotboat.http.keys import Keys
from pilotboat.http.metrics import Page
from pilotboat.http.origins import Origins
from pilotboat.imports import resolve
from pilotboat.operations.access import Access, App, Journal, Quick, Reader, Receive, Scope, Send
from pilotboat.operations.lines import Lines
from pilotboat.operations.meter import Meter
from pilotboat.operations.metrics import Metrics
from pilotboat.operations.ring import parse
from pilotboat.operations.seat import Seat
from pilotboat.preflight import is_loopback, is_traced
from pilotboat.protocol import Connection, Server
from pilotboat.remembering import Remembering, Shipping
from pilotboat.rows import Reader as RowReader
from pilotboat.runtime.batcher import BRIEF, Bounds, Place, stacked
from pilotboat.runtime.model import Model
from pilotboat.runtime.pace import measure
from pilotboat.runtime.repository import Live, Repository
from pilotboat.settings import Settings
from pilotboat.sharing import Sharing

logger = logging.getLogger(__name__)

TRACING = "pilotboat.operations.tracing:Tracing"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""A line of the server's own log."""
UVICORN: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "http": Connection,
    "proxy_headers": False,
    "server_header": False,
    "ws": "none",
    "lifespan": "on",
    "timeout_keep_alive": 75,
}
"""uvicorn's settings that do not depend on ours. Keep-alive outlasts a proxy's usual 60 s."""


def build(
    settings: Settings,
    seat: Seat | None = None,
    told: Callable[[str], None] = lambda _: None,
    opened: Callable[[Repository], None] = lambda _: None,
) -> Access:
    """The ASGI application that `settings` describe.

    seat: of this worker; None: it is the only one. told: hears what a start is at. opened: gets the
    repository once it has been opened.
    """
    alone, seat = seat is None, seat or Seat()
    place = Place(ThreadPoolExecutor(max_workers=1, thread_name_prefix="model"))
    metrics, tracing = Metrics(seat, pilotboat.__version__), _tracing()
    journal = _journal(settings, metrics, tracing)
    memory = Remembering(settings) if settings.remembers else None
    sharing = Sharing(settings)
    repository = _repository(settings, place, metrics, sharing, memory)
    shipping = Shipping(settings) if memory is not None and alone else None

    local = is_loopback(settings.host)
    ring = parse(settings.api_keys.get_secret_value(), settings.rate_limit)
    door = create_app(
        repository,
        Limits(body=settings.max_body_bytes, rows=settings.max_rows),
        max_text=settings.max_text,
        unknown_fields=settings.unknown_fields,
        on_start=_start(repository, metrics, sharing, shipping, told, opened),
        page=_page(journal, metrics),
        on_stop=_stop(place, metrics, sharing, memory, shipping),
        keyed=bool(ring.keys),
        keep=None if memory is None else memory.keep,
        find=memory.find if memory is not None and (ring.keys or local) else None,
    )
    meter = Meter(seat)
    keyed = Keys(door, ring, meter, repository, sharing.quota(meter)) if ring.keys else door
    admission = _admission(settings, keyed, door, repository)
    _watch(metrics, repository, admission, place, sharing, memory)
    app: App = admission
    quick: Quick = keyed.quick  # what is answered at once needs no room
    if settings.cors_origins:
        origins = Origins(admission, quick, settings.cors_origins)
        app, quick = origins, origins.quick
    traces = tracing is not None
    return Access(_uncut(app), journal, quick, repository.leave, traces=traces)


def _start(
    repository: Repository,
    metrics: Metrics,
    sharing: Sharing,
    shipping: Shipping | None,
    told: Callable[[str], None],
    opened: Callable[[Repository], None],
) -> Callable[[], None]:
    """What happens before the first request is taken."""

    def start() -> None:
        repository.open(told)
        _report(repository)
        metrics.start()
        sharing.start()
        if shipping is not None:
            shipping.start()
        opened(repository)

    return start


def _stop(
    place: Place,
    metrics: Metrics,
    sharing: Sharing,
    memory: Remembering | None,
    shipping: Shipping | None,
) -> Callable[[], Awaitable[None]]:
    """What happens after the last answer."""

    async def stop() -> None:
        place.executor.shutdown(wait=True)
        await sharing.close()
        if memory is not None:
            memory.close()
        metrics.stop()
        if shipping is not None:  # last, so that it has everything
            shipping.stop()

    return stop


def _journal(settings: Settings, metrics: Metrics, tracing: Any) -> Journal:
    """What takes the facts of requests, and hands them to who reads them."""
    lines = _lines(settings)
    readers: list[Reader] = [one for one in (tracing, metrics, lines) if one is not None]
    return Journal(readers, [one.close for one in (tracing, lines) if one is not None])


def _repository(
    settings: Settings,
    place: Place,
    metrics: Metrics,
    sharing: Sharing,
    memory: Remembering | None,
) -> Repository:
    """The models, each with what surrounds it."""
    bounds = Bounds(settings.batch_rows, settings.batch_wait_ms / 1000, settings.queue_ms / 1000)

    def wrap(model: Model) -> Live:
        reader = RowReader(model.schema, settings.unknown_fields, settings.max_text)
        pace = measure(model)
        predict, soon, backlog = stacked(model, pace, place, bounds, metrics.observe)
        predict, soon = sharing.wrap(model, pace, predict, soon)
        if memory is not None:
            predict, soon = memory.wrap(model, predict, soon)
        return Live(
            model,
            reader,
            predict,
            soon,
            backlog,
            remembers=memory is not None,
            is_slow=pace.one > BRIEF,
        )

    return Repository(
        settings.repository,
        wrap,
        default=settings.model,
        trust=settings.trust,
        allow_version_skew=settings.allow_version_skew,
    )


def _admission(settings: Settings, app: App, door: Door, repository: Repository) -> Admission:
    """What lets predictions in, as many as there is room for."""
    room = Room(
        settings.max_pending,
        settings.max_body_bytes,
        settings.max_pending_bytes,
        settings.request_timeout_ms,
    )
    return Admission(
        app,
        room,
        route=lambda path: (
            path if path == feedback.PATH else getattr(door.find(path), "route", None)
        ),
        is_leaving=lambda: repository.leaving,
    )


def _lines(settings: Settings) -> Lines | None:
    """The access log: of every request, or of those that failed here, or of none."""
    if settings.log_level == "critical" or sys.stdout is None:
        return None
    least = 0 if settings.log_level in ("info", "debug") else HTTPStatus.INTERNAL_SERVER_ERROR
    return Lines(sys.stdout.buffer, readable=sys.stdout.isatty(), least=least)


def _tracing() -> Any:
    """What makes spans of requests; None where no variable of OpenTelemetry asks for it."""
    return resolve(TRACING)(pilotboat.__version__) if is_traced(os.environ) else None


def _page(journal: Journal, metrics: Metrics) -> Page:
    """The page of the metrics, with every request up to now."""

    def page(accept: str) -> tuple[bytes, str]:
        journal.flush()
        return metrics.page(accept)

    return page


def _watch(
    metrics: Metrics,
    repository: Repository,
    admission: Admission,
    place: Place,
    sharing: Sharing,
    memory: Remembering | None,
) -> None:
    """Let the metrics read what there is to be read."""
    metrics.watch(
        ready=lambda: repository.is_ready,
        served=lambda: [
            (name, live.model.version, live.model.engine, live.model.bundle.digest)
            for name in repository.names
            for live in repository.versions(name)
        ],
        gauges={
            "pilotboat_requests_in_flight": lambda: admission.pending,
            "pilotboat_queue_rows": lambda: sum(one.rows for one in place.backlogs),
            **sharing.gauges(),
        },
        counted=lambda: sharing.counted() | ({} if memory is None else memory.counted()),
        told=dict if memory is None else memory.told,
    )


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
    logging.basicConfig(level=level.upper(), format=FORMAT, force=True)


def run(settings: Settings, *, reload: bool = False) -> None:
    """Serve in one process until told to stop.

    reload: serve from a child that starts anew when the source or a bundle changes.
    """
    if not reload:
        # uvicorn stops first and then raises the signal anew: a stop that was asked for is a success.
        signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(0))
        config = uvicorn.Config(
            build(settings),
            host=settings.host,
            port=settings.port,
            timeout_graceful_shutdown=ceil(settings.drain_seconds),
            **UVICORN,
        )
        with suppress(KeyboardInterrupt):  # uvicorn stops first, and then raises it anew
            Server(config).run()
        return
    os.environ.update(settings_module.exported(settings))
    config = uvicorn.Config(
        "pilotboat.serve:reloaded",
        factory=True,
        host=settings.host,
        port=settings.port,
        **UVICORN,
    )
    target = Server(config, owns=False).run
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
