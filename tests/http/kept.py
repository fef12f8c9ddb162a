"""The routes of the prediction log over a real spool and a real store, without a server around them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

from pilotboat.http.app import create_app
from pilotboat.http.body import Limits
from pilotboat.http.history import Find
from pilotboat.http.keys import Keys
from pilotboat.operations import remember, segments
from pilotboat.operations.access import Access, App
from pilotboat.operations.meter import Meter
from pilotboat.operations.outcomes import Outcome
from pilotboat.operations.ring import parse
from pilotboat.operations.seat import Seat
from pilotboat.operations.spool import Spool
from pilotboat.prediction import Call, Prediction
from pilotboat.rows import Reader
from pilotboat.runtime.repository import Live, Repository
from tests.http.wire import stopped

Ask = Callable[..., httpx.Response]
LOCAL = "http://localhost:8000"


@contextmanager
def keeping(
    models: Path,
    spool: Spool | None,
    *,
    find: Find | None = None,
    keys: str = "",
    rows: int = 10_000,
    address: str = LOCAL,
) -> Iterator[Ask]:
    """A way to ask an application over these models. spool: where outcomes go; None: nowhere."""
    app = Access(_application(models, spool, find, keys, rows))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def asked(method: str, path: str, **options: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url=address) as client:
            return await client.request(method, path, **options)

    with asyncio.Runner() as runner:
        yield lambda *one, **options: runner.run(asked(*one, **options))


def _application(models: Path, spool: Spool | None, find: Find | None, keys: str, rows: int) -> App:
    async def keep(outcomes: Sequence[Outcome], key: str | None) -> None:
        assert spool is not None
        remember.keep(spool, list(outcomes), key)

    repository = Repository(models, lambda model: Live(model, Reader(model.schema), nobody))
    repository.open()
    ring = parse(keys)
    door = create_app(
        repository,
        Limits(rows=rows),
        max_text=100,
        page=lambda _: (b"", ""),
        on_start=print,
        on_stop=stopped,
        keyed=bool(ring.keys),
        keep=None if spool is None else keep,
        find=find,
    )
    return Keys(door, ring, Meter(Seat()), repository) if ring.keys else door


async def nobody(_call: Call) -> Prediction:
    raise AssertionError("nothing is predicted here")


def outcomes_in(directory: Path) -> list[dict[str, Any]]:
    """What the records of outcomes in a spool say, in their order."""
    return [
        orjson.loads(record.payload)
        for path in segments.names(directory)
        for record in segments.read(path)[0]
        if record.kind == segments.OUTCOME
    ]
