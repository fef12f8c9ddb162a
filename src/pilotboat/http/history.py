"""Predictions read back, with what has become of them: `/v1/predictions`, for administrators.

The database is asked in a thread of its own: while it does not answer, nothing else waits.
"""

from __future__ import annotations

import asyncio
import logging
import re
from asyncio import Future
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pilotboat.bundle.manifest import NAME, VERSION
from pilotboat.errors import (
    Fault,
    NotOfferedError,
    OverloadedError,
    RowsError,
    StoreUnavailableError,
    UsageError,
)
from pilotboat.http import body
from pilotboat.http.feedback import switched_off
from pilotboat.operations import outcomes
from pilotboat.operations.store.query import Page, Query, place_of
from pilotboat.rows import Faults, nearest
from pilotboat.rows.cells import BadCellError

logger = logging.getLogger(__name__)

PATH = "/v1/predictions"
MOST = 4
"""Requests that may wait for the database, which is asked one after another."""
PATIENCE = 5.0
"""Seconds that an answer may take."""
AGAIN = 5
"""Seconds after which it is worth asking again."""
LONGEST_LIMIT = 1_000

Find = Callable[[Query], Page]
"""Asks the database, and waits for it. Raises `StoreUnavailableError`."""


def routes(find: Find | None, *, remembers: bool, keyed: bool) -> list[BaseRoute]:
    """The route of predictions.

    find: None where nobody may read them. remembers: whether there are any. keyed: whether requests need
    an API key; where they do not, it is for programs of this machine alone.
    """
    reading = None if find is None else Reading(find)

    async def predictions(request: Request) -> Response:
        if not remembers:
            raise switched_off()
        if reading is None or not (keyed or is_local(request.headers.get("host", ""))):
            raise NotOfferedError(
                "Predictions are shown to who has an API key of scope admin; this server has no keys.",
                code="administration-off",
                hint="PILOTBOAT_API_KEYS_FILE names them.",
            )
        raw = await reading.answer(asked(request.query_params.multi_items()))
        return Response(raw, media_type=body.JSON, headers={"cache-control": "no-store"})

    return [Route(PATH, predictions, methods=["GET"])]


def is_local(host: str) -> bool:
    """Whether a Host header is one of this machine's own.

    That of a proxy is not, nor the name under which a page of somebody else reaches this machine.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


class Reading:
    """Asks the database for requests that can wait, as long as they may."""

    def __init__(self, find: Find) -> None:
        self.find = find
        self.executor = ThreadPoolExecutor(1, thread_name_prefix="history")
        self.jobs: set[Future[bytes]] = set()

    async def answer(self, query: Query) -> bytes:
        """A page as JSON. Raises `StoreUnavailableError`, `OverloadedError`."""
        if len(self.jobs) >= MOST:
            raise OverloadedError("Too many ask for predictions at once.", retry_after=AGAIN)
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(self.executor, partial(_page, self.find, query))
        self.jobs.add(job)
        job.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(asyncio.shield(job), PATIENCE)
        except TimeoutError:
            logger.warning("the database of the predictions has not answered in %g s", PATIENCE)
        except StoreUnavailableError as error:
            logger.warning("predictions cannot be read: %s", error)
        raise StoreUnavailableError(
            "The database of the predictions does not answer at present.",
            hint="Predictions go on, and are kept until it does.",
            retry_after=AGAIN,
        )

    def _ended(self, job: Future[bytes]) -> None:
        self.jobs.discard(job)
        if not job.cancelled():
            job.exception()  # nobody may wait for it any more


def _page(find: Find, query: Query) -> bytes:
    found = find(query)
    return orjson.dumps({"predictions": found.items, "next": found.cursor})


def asked(parameters: list[tuple[str, str]]) -> Query:
    """What the parameters of a URL ask for. Raises `RowsError` with every fault, each by its name."""
    faults = Faults()
    counts = Counter(name for name, _ in parameters)
    made: dict[str, Any] = {}
    for name, text in dict(parameters).items():
        if name not in READ:
            faults.add(partial(_unknown, name))
        elif counts[name] > 1:
            faults.add(partial(Fault, name, "conflicting-fields", "expected once"))
        else:
            try:
                made[name] = READ[name](text)
            except BadCellError as bad:
                faults.add(partial(Fault, name, bad.code, bad.detail))
    if faults.total:
        raise RowsError(faults.listed, faults.total)
    return Query(**made)


def _unknown(name: str) -> Fault:
    near = nearest(name, READ)
    hint = f"did you mean '{near}'?" if near else f"there are: {', '.join(READ)}"
    return Fault(name[:64], "unknown-field", f"there is no such parameter; {hint}")


def _number(least: int, most: int, text: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", text) or not least <= int(text) <= most:
        says = f"expected a whole number from {least} to {most}"
        raise BadCellError("number-out-of-range", says)
    return int(text)


def _form(pattern: re.Pattern[str], says: str, text: str) -> str:
    if not pattern.fullmatch(text):
        raise BadCellError("wrong-shape", f"expected {says}")
    return text


def _moment(text: str) -> Any:
    # In a URL + stands for a space, and callers forget to write it as %2B.
    return outcomes.moment(re.sub(r" (\d\d:?\d\d)$", r"+\1", text))


def _cursor(text: str) -> str:
    try:
        place_of(text)
    except UsageError:
        says = 'expected what "next" of the page before says, as it is'
        raise BadCellError("bad-cursor", says) from None
    return text


READ: dict[str, Callable[[str], Any]] = {
    "id": outcomes.request_id,
    "row": partial(_number, 0, outcomes.LAST_ROW),
    "reference": outcomes.reference,
    "model": partial(_form, NAME, "the name of a model"),
    "version": partial(_form, VERSION, "a version, which is a whole number"),
    "since": _moment,
    "until": _moment,
    "limit": partial(_number, 1, LONGEST_LIMIT),
    "cursor": _cursor,
}
"""name of a parameter -> how it is read"""
