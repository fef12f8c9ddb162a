"""The tables, as queries see them. What makes them stands in `migrations`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    create_engine,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator, TypeEngine

from pilotboat.operations.store.query import milliseconds, moment


class Moment(TypeDecorator[datetime]):
    """A time: `timestamptz`, and in SQLite milliseconds of Unix time."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return DateTime(timezone=True) if dialect.name == "postgresql" else BigInteger()

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else milliseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if dialect.name == "postgresql" else moment(value)


class Event(TypeDecorator[UUID]):
    """A UUID: `uuid`, and in SQLite its 16 bytes, which sort alike."""

    impl = Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Uuid() if dialect.name == "postgresql" else LargeBinary(16)

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else value.bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:  # noqa: ARG002
        is_made = value is None or isinstance(value, UUID)
        return value if is_made else UUID(bytes=value)


class Json(TypeDecorator[Any]):
    """A value of JSON: `jsonb`, and in SQLite its text. Only ever read: rows are written as text."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return JSONB() if dialect.name == "postgresql" else Text()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else orjson.loads(value)


metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("event", Event, primary_key=True),
    Column("time", Moment, nullable=False),
    Index("events_time", "time"),
)
"""The ledger: whatever has been stored, by its event, so that it is stored once."""

predictions = Table(
    "predictions",
    metadata,
    Column("event", Event, nullable=False),
    Column("row", Integer, nullable=False),
    Column("time", Moment, nullable=False),
    Column("request", Text, nullable=False),
    Column("key", Text),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("model_ms", Double),
    Column("inputs", Json, nullable=False),
    Column("prediction", Json, nullable=False),
    Column("probabilities", Json),
    Column("reference", Text),
)
"""A row for each row that was answered. On PostgreSQL partitioned by the day of its time in UTC."""

outcomes = Table(
    "outcomes",
    metadata,
    Column("event", Event, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("time", Moment, nullable=False),
    Column("request", Text),
    Column("row", Integer, nullable=False),
    Column("reference", Text),
    Column("model", Text),
    Column("key", Text),
    Column("actual", Json, nullable=False),
    Column("actual_time", Moment),
)
"""What callers say has become of predictions. time: when they said it; actual_time: as they said."""

layouts = Table(
    "layouts",
    metadata,
    Column("layout", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("inputs", Json, nullable=False),
    Column("classes", Json),
)
"""What names the inputs and the classes of a version's rows have, in their order. Never pruned."""


def core(dialect: str, raw: Any) -> Connection:
    """A connection of SQLAlchemy's over one of a driver, in no transaction."""
    return create_engine(dialect, creator=lambda: raw, poolclass=NullPool).connect()
