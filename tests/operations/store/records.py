"""Records as workers write them into the spool."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from pilotboat.operations.segments import OUTCOME, PREDICTION, Record

NOON = datetime(2026, 11, 28, 12, 0, 0, 123_000, UTC)
numbers = itertools.count()


def milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def event() -> UUID:
    return uuid.uuid4()


def prediction(
    request: str | None = None,
    *,
    time: datetime = NOON,
    event: UUID | None = None,
    model: str = "titanic",
    version: str = "1",
    digest: str = "sha256:abc",
    inputs: dict[str, list[Any]] | None = None,
    predictions: Sequence[Any] = ("yes",),
    probabilities: list[list[float]] | None = None,
    classes: list[str] | None = None,
    references: Sequence[str | None] | None = None,
    first: int = 0,
    key: str | None = None,
    model_ms: float | None = 1.25,
) -> Record:
    """A record of predictions, one row unless more are given."""
    if inputs is None:
        inputs = {"age": [22.0] * len(predictions), "sex": ["female"] * len(predictions)}
    head = {
        "model": model,
        "version": version,
        "digest": digest,
        "operation": "predict",
        "inputs": list(inputs),
        "classes": classes,
    }
    request = f"request-{next(numbers)}" if request is None else request
    rows = list(zip(*inputs.values(), strict=True)) or [()] * len(predictions)
    body = [request, key, first, model_ms, rows, list(predictions), probabilities, references]
    payload = orjson.dumps(head) + b"\n" + orjson.dumps(body)
    made = (event or uuid.uuid4()).bytes
    return Record(PREDICTION, milliseconds(time), made, len(predictions), payload)


def outcome(*outcomes: dict[str, Any], time: datetime = NOON, event: UUID | None = None) -> Record:
    """A record of outcomes. What is not given of one is None, and its row is 0."""
    nothing = {"id": None, "row": 0, "reference": None, "model": None, "time": None}
    told = {"key": None, "outcomes": [nothing | one for one in outcomes]}
    made = (event or uuid.uuid4()).bytes
    return Record(OUTCOME, milliseconds(time), made, len(outcomes), orjson.dumps(told))


def spread(count: int, step: timedelta = timedelta(seconds=1), **more: Any) -> list[Record]:
    """Records one after another, from `NOON` on."""
    return [prediction(time=NOON + step * at, **more) for at in range(count)]
