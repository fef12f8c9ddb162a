"""The store in PostgreSQL, for several servers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_loads

from pilotboat.errors import DataRefusedError, StoreUnavailableError
from pilotboat.operations.store import address, faults
from pilotboat.operations.store.payload import LAYOUTS, OUTCOMES, PREDICTIONS, Batch, Row
from pilotboat.operations.store.query import moment
from pilotboat.operations.store.store import Store

CONNECTION: dict[str, Any] = {
    "application_name": "pilotboat",
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What a URL does not say. The last is in milliseconds, the others in seconds."""
STATEMENT, LOCK, ALONE = 5, 3, 30
"""Seconds that a statement may take, and that it may wait for a lock; and where nobody waits for it."""
SCHEMA_LOCK, DAY_LOCK = 0x70696C6F74626F61, 0x70696C6F74626F62
"""Advisory locks, which are numbers: migrations, and the making of partitions."""
DAY = timedelta(days=1)
PARTITION = re.compile(r"(?:.*\.)?predictions_(\d{8})")
SPECIAL = re.compile(r"[\\\t\n\r]")
NULL = r"\N"
ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}

LEDGER = """
INSERT INTO events (event, time)
SELECT * FROM unnest(%s::uuid[], %s::timestamptz[]) ORDER BY 1
ON CONFLICT DO NOTHING RETURNING uuid_send(event)
"""
"""In order: two who store the same events wait for each other in one direction only."""
LAYOUT = f"""
INSERT INTO layouts ({", ".join(LAYOUTS)})
VALUES ({", ".join(["%s"] * len(LAYOUTS))}) ON CONFLICT DO NOTHING
"""  # noqa: S608 - names of ours
KNOWN_DAYS = """
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'predictions'::regclass AND relname = ANY(%s)
"""
NEW_DAY = """
CREATE TABLE IF NOT EXISTS {name} (LIKE predictions INCLUDING DEFAULTS);
ALTER TABLE predictions ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')
"""
"""Attached, because CREATE TABLE … PARTITION OF would wait for everyone who reads."""
SIZE = """
SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree('predictions')
UNION ALL SELECT pg_total_relation_size(name)
FROM unnest(ARRAY['events', 'outcomes', 'layouts']::regclass[]) AS name
"""


class PostgresStore(Store):
    """Tables in a database, those of predictions with a partition for each day."""

    dialect = "postgresql+psycopg://"
    behind = faults.MIGRATE
    failures = (psycopg.Error, UnicodeError)

    def __init__(self, where: address.Address, *, read_only: bool = False) -> None:
        self._days: set[str] = set()
        self._layouts: set[Row] = set()
        self._reached = False
        self._given = _parameters(where)
        super().__init__(where, read_only=read_only)

    def close(self) -> None:
        self._forget()
        super().close()

    def _forget(self) -> None:
        """What was found out in a transaction that may not have happened."""
        self._days.clear()
        self._layouts.clear()

    def _connected(self) -> psycopg.Connection[Any]:
        self._reached = False
        raw = psycopg.connect(
            **self._given, autocommit=False, client_encoding="utf8", prepare_threshold=None
        )
        self._reached = True
        self._deadline.watch(raw.fileno())
        set_json_loads(orjson.loads, raw)
        return raw

    def _watch(self) -> None:
        if not self._raw.closed:
            self._deadline.watch(self._raw.fileno())

    def _prepare(self) -> None:
        """Its schema is others' too, and is changed by `pilotboat store migrate` alone."""

    def vacuum(self) -> None:
        """It does by itself."""

    def _begin(self, seconds: float | None, *, reads: bool) -> None:
        statement, lock = (0, ALONE) if seconds is None else (STATEMENT, LOCK)
        first = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;" if reads else ""
        idle = 0 if seconds is None else ALONE
        self._raw.execute(
            f"{first} SET LOCAL statement_timeout = '{statement}s'; SET LOCAL lock_timeout = '{lock}s';"
            f" SET LOCAL idle_in_transaction_session_timeout = '{idle}s'; SET LOCAL timezone = 'UTC'"
        )

    def _has(self, table: str) -> bool:
        found = self._raw.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
        return bool(found[0])

    def _insert(self, batch: Batch) -> int:
        raw = self._raw
        names = "{" + ",".join([event.hex() for event in batch.events]) + "}"
        times = "{" + ",".join([_stamp(time) for time in batch.events.values()]) + "}"
        new = {event for (event,) in raw.execute(LEDGER, (names, times))}
        events, predictions, outcomes = batch.without(batch.events.keys() - new)
        self._make_days({_stamp(time)[:10].replace("-", "") for _, time in events})
        for row in sorted(batch.layouts.keys() - self._layouts):  # in order, as above
            raw.execute(LAYOUT, row)
            self._layouts.add(row)
        _copy(raw, "predictions", PREDICTIONS, map(_prediction, predictions))
        _copy(raw, "outcomes", OUTCOMES, map(_outcome, outcomes))
        return len(predictions) + len(outcomes)

    def _make_days(self, days: set[str]) -> None:
        """Make the partitions that are not there yet."""
        raw = self._raw
        wanted = days - self._days
        if not wanted:
            return
        for is_alone in (False, True):
            if is_alone:
                raw.execute("SELECT pg_advisory_xact_lock(%s)", (DAY_LOCK,))
            found = raw.execute(KNOWN_DAYS, ([_partition(day) for day in wanted],)).fetchall()
            wanted -= {day for day in wanted if (_partition(day),) in found}
            if not wanted:
                break
        for day in sorted(wanted):
            start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
            raw.execute(NEW_DAY.format(name=_partition(day), start=start, end=start + DAY))
        self._days |= days

    def _lock_schema(self) -> None:
        self._raw.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))

    def _drop_day(self, before: datetime) -> tuple[str, int] | None:
        with self._work(None):
            raw = self._raw
            for name in _partitions(raw):
                match = PARTITION.fullmatch(name)
                if (
                    match
                    and datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC) + DAY <= before
                ):
                    rows = raw.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608
                    self._days.discard(match[1])
                    raw.execute(f"SET LOCAL lock_timeout = '{LOCK}s'; DROP TABLE {name}")
                    return match[1], rows[0] if rows else 0
        return None

    def _size(self) -> int:
        return int(sum(size for (size,) in self._raw.execute(SIZE)))

    def _roll_back(self) -> None:
        self._forget()
        super()._roll_back()

    def _explain(self, error: Any) -> DataRefusedError | StoreUnavailableError:
        if isinstance(error, UnicodeError):
            return _refused("half a character")
        if not self._reached:
            secrets = (*self.address.secrets, self._given.get("password") or "")
            why = faults.unreached(error, secrets)
            return self._unavailable(f"cannot be reached: {why}")
        if faults.is_data(error):
            return _refused(faults.named(error))
        if error.sqlstate is None:
            return self._unavailable("broke the connection", lost=True)
        lost = error.sqlstate[:3] == "57P"
        return self._unavailable(*faults.cause(error), lost=lost)


def _parameters(where: address.Address) -> dict[str, Any]:
    try:
        return CONNECTION | conninfo_to_dict(where.target)
    except psycopg.Error:
        raise address.unreadable() from None


def _refused(why: str) -> DataRefusedError:
    return DataRefusedError(f"PostgreSQL refuses the record: {why}.")


def _partition(day: str) -> str:
    return f"predictions_{day}"


def _partitions(raw: psycopg.Connection[Any]) -> list[str]:
    """The partitions, the oldest first."""
    found = raw.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent = 'predictions'::regclass ORDER BY 1"
    )
    return [name for (name,) in found]


def _copy(raw: Any, table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
    text = "".join(lines)
    if text:
        told = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with raw.cursor() as cursor, cursor.copy(told) as copy:
            copy.write(text)


def _prediction(row: Row) -> str:
    """A row in COPY's text format."""
    event, number, time, request, key, model, version, digest, operation, ms = row[:10]
    inputs, prediction, spread, reference = row[10:]
    return (
        f"{event.hex()}\t{number}\t{_stamp(time)}\t{_text(request)}\t{_often(key)}\t{_often(model)}\t"
        f"{_often(version)}\t{_often(digest)}\t{_often(operation)}\t{NULL if ms is None else ms}\t"
        f"{_json(inputs)}\t{_json(prediction)}\t{NULL if spread is None else _json(spread)}\t"
        f"{_text(reference)}\n"
    )


def _outcome(row: Row) -> str:
    event, item, time, request, number, reference, model, key, actual, known = row
    return (
        f"{event.hex()}\t{item}\t{_stamp(time)}\t{_text(request)}\t{number}\t{_text(reference)}\t"
        f"{_often(model)}\t{_often(key)}\t{_json(actual)}\t{NULL if known is None else _stamp(known)}\n"
    )


def _text(value: str | None) -> str:
    if value is None:
        return NULL
    return SPECIAL.sub(lambda found: ESCAPES[found[0]], value) if SPECIAL.search(value) else value


_often = lru_cache(4096)(_text)


def _json(text: str) -> str:
    return text.replace("\\", "\\\\")


@lru_cache(4096)
def _stamp(time: int) -> str:
    """Milliseconds of Unix time as PostgreSQL reads them: 2026-11-28T12:00:00.123+00:00"""
    return moment(time).isoformat(timespec="milliseconds")
