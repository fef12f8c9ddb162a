"""What is asked of a store, and what it answers: plain values."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any
from uuid import UUID

from pilotboat.errors import UsageError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLACE = Struct(">q16si")
"""A cursor: the time, the event and the row of the last item that was given."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which predictions. What is None does not matter.

    id: of the request. row: its number in that request. since, until: aware; from `since` on, before
    `until`. limit: items of a page. cursor: where the page before this one ended.
    """

    id: str | None = None
    row: int | None = None
    reference: str | None = None
    model: str | None = None
    version: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Predictions, the newest first, and the cursor of the page after them; None: there is none.

    An item has id, row, time, model, version, digest, operation, model_ms, key, inputs, prediction,
    probabilities, reference, actual, actual_time: plain values, times as text of ISO 8601 in UTC.
    """

    items: list[dict[str, Any]]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows of each table were removed. days: partitions that were dropped whole."""

    predictions: int = 0
    outcomes: int = 0
    events: int = 0
    days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """schema: the version of the tables. oldest, newest: times of predictions, as text; None without
    any. models: name -> versions that have ever been stored. size: bytes on disk.
    """

    schema: str
    predictions: int
    outcomes: int
    oldest: str | None
    newest: str | None
    models: dict[str, list[str]]
    size: int


def milliseconds(time: datetime) -> int:
    """Milliseconds of Unix time."""
    return (time - EPOCH) // timedelta(milliseconds=1)


def moment(milliseconds: int) -> datetime:
    """The other way. Raises `OverflowError` beyond the year 9999."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def shown(time: datetime) -> str:
    """A time in UTC as it is told: 2026-01-31T12:00:00.123Z"""
    return f"{time.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def cursor_of(time: datetime, event: UUID, row: int) -> str:
    """The cursor that stands behind an item. It says nothing to whoever holds it."""
    return urlsafe_b64encode(PLACE.pack(milliseconds(time), event.bytes, row)).decode().rstrip("=")


def place_of(cursor: str) -> tuple[datetime, UUID, int]:
    """The other way. Raises `UsageError` for one that no page came with."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        time, event, row = PLACE.unpack(urlsafe_b64decode(padded))
        return moment(time), UUID(bytes=event), row
    except (ValueError, struct.error, OverflowError) as error:
        raise UsageError(
            "That cursor is none.",
            code="bad-cursor",
            hint="Take it from the page before, as it is.",
        ) from error
