"""What callers say has become of predictions: `/v1/feedback`.

It is kept as it comes and matched with predictions only when somebody reads them: so an outcome may be
late, come twice (the latest counts) or before what it is of, and no database is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pilotboat.errors import Fault, ForbiddenError, NotOfferedError, RowsError, TooLargeError
from pilotboat.http import body
from pilotboat.http.keys import needed
from pilotboat.operations import outcomes
from pilotboat.operations.outcomes import Outcome
from pilotboat.operations.ring import Key
from pilotboat.rows import Faults, nearest, pointer
from pilotboat.rows.cells import describe
from pilotboat.runtime.repository import Repository

PATH, OUTCOMES = "/v1/feedback", "outcomes"
LARGE = 2**14
"""A body of so many bytes takes about a millisecond to check: that leaves the event loop."""

Keep = Callable[[Sequence[Outcome], str | None], Awaitable[None]]
"""Keeps outcomes, and the id of the API key that they came with, before it returns.

Raises `BusyError` where it cannot.
"""


def routes(repository: Repository, limits: body.Limits, keep: Keep | None) -> list[BaseRoute]:
    """The route of outcomes. keep: None where predictions are not kept either."""

    async def feedback(request: Request) -> Response:
        if keep is None:
            raise switched_off()
        raw = await body.read(request.scope, request.receive, limits)
        state = request.scope["state"]
        key: Key | None = state.get("key")
        if len(raw) < LARGE:
            found = checked(raw, repository, limits.rows, key)
        else:
            found = await asyncio.to_thread(checked, raw, repository, limits.rows, key)
        state["facts"]["rows"] = len(found)
        await keep(found, None if key is None else key.id)
        answer = {"accepted": len(found), "id": state["id"]}
        return Response(orjson.dumps(answer), HTTPStatus.ACCEPTED, media_type=body.JSON)

    return [Route(PATH, feedback, methods=["POST"])]


def switched_off() -> NotOfferedError:
    """What a route of the prediction log says where there is none."""
    return NotOfferedError(
        "This server keeps no predictions.",
        code="prediction-log-off",
        hint="PILOTBOAT_PREDICTION_LOG=true, or a database in PILOTBOAT_DATABASE_URL, changes that.",
    )


def checked(raw: bytes, repository: Repository, most: int, key: Key | None) -> list[Outcome]:
    """The outcomes in a body. most: how many one request may have.

    Raises `BodyError`, `RowsError` with every fault, `TooLargeError`, `ForbiddenError`,
    `UnknownModelError`.
    """
    document = body.decode(raw)
    listed = isinstance(document, dict) and OUTCOMES in document
    many = _listed(document, most) if listed else [document]

    def place(number: int, name: str) -> str:
        parts: list[str | int] = [OUTCOMES, number] if listed else []
        return pointer(*parts, *([name] if name else []))

    faults = Faults()
    found = [outcomes.check(one, partial(place, number), faults) for number, one in enumerate(many)]
    _raise(faults, len(many))
    models = dict.fromkeys(one["model"] for one in found)
    _check_scope(models, key)
    targets = {name: _target(repository, name) for name in models if name is not None}
    for number, one in enumerate(found):
        if one["model"] is not None:
            outcomes.fit(one, targets[one["model"]], partial(place, number), faults)
    _raise(faults, len(many))
    return found


def _listed(document: dict[str, Any], most: int) -> list[Any]:
    """The list under "outcomes"."""
    unknown = [name for name in document if name != OUTCOMES]
    if unknown:
        raise RowsError([_beside(name) for name in unknown[:21]], len(unknown))
    many = document[OUTCOMES]
    if not isinstance(many, list):
        says = f"expected a list of outcomes, got {describe(many)}"
        raise RowsError([Fault(pointer(OUTCOMES), "wrong-shape", says)])
    if not many:
        raise RowsError([Fault(pointer(OUTCOMES), "empty-batch", "expected at least one")], rows=0)
    if len(many) > most:
        raise TooLargeError(
            f"One request may hold {most:,} outcomes.",
            code="batch-too-large",
            hint="Send them in several requests.",
            limit=most,
            actual=len(many),
            unit="outcomes",
        )
    return many


def _beside(name: str) -> Fault:
    near = nearest(name, [OUTCOMES])
    if name in outcomes.FIELDS:
        says = f'expected inside each of "{OUTCOMES}", not beside them'
    else:
        says = f'allowed here is: "{OUTCOMES}"' + (f"; did you mean '{near}'?" if near else "")
    return Fault(pointer(name[:64]), "unknown-field", says)


def _check_scope(models: Iterable[str | None], key: Key | None) -> None:
    """Raise `ForbiddenError` where a key that is for single models speaks of another, or of none."""
    for name in models:
        if key is None or key.may(name):
            continue
        scope = needed(name)
        if name is None:
            detail = (
                'This API key is for single models: each outcome has to name its own in "model".'
            )
        else:
            detail = f"This API key is not for that model: it takes the scope {scope}."
        raise ForbiddenError(detail, scope=scope)


def _target(repository: Repository, name: str) -> outcomes.Target:
    """What the live versions of a model answer. Raises `UnknownModelError`, `ModelNotReadyError`."""
    repository.choose(name)
    return outcomes.target(one.model.schema.outputs for one in repository.versions(name))


def _raise(faults: Faults, count: int) -> None:
    if faults.total:
        raise RowsError(faults.listed, faults.total, rows=count)
