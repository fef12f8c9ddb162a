"""Removing what is old, piece by piece, so that nobody who writes has to wait for long."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, Table, delete, func, select

from pilotboat.operations.store.query import Pruned
from pilotboat.operations.store.tables import events, outcomes, predictions

PIECE = 5_000
"""Rows of a transaction."""
TABLES = (predictions, outcomes, events)
"""In this order: what is no longer in the ledger could be stored once more."""


def count(connection: Connection, before: datetime) -> Pruned:
    """What `prune` would remove."""
    rows, said, known = (
        connection.scalar(select(func.count()).where(table.c.time < before)) or 0
        for table in TABLES
    )
    return Pruned(rows, said, known)


def prune(
    transaction: Callable[[], AbstractContextManager[Connection]],
    drop_day: Callable[[datetime], tuple[str, int] | None],
    before: datetime,
    progress: Callable[[Pruned], None],
) -> Pruned:
    """Remove what is older than `before`, after every piece telling what has been removed."""
    done = Pruned()
    while (dropped := drop_day(before)) is not None:
        day, rows = dropped
        done = replace(done, predictions=done.predictions + rows, days=(*done.days, day))
        progress(done)
    for table in TABLES:
        while True:
            with transaction() as connection:
                removed = _piece(connection, table, before)
            if not removed:
                break
            done = replace(done, **{table.name: getattr(done, table.name) + removed})
            progress(done)
    return done


def _piece(connection: Connection, table: Table, before: datetime) -> int:
    """Remove the oldest rows, about `PIECE` of them; how many."""
    time = table.c.time
    old = select(time).where(time < before).order_by(time)
    last = connection.scalar(old.offset(PIECE - 1).limit(1))
    within = time < before if last is None else time <= last
    return connection.execute(delete(table).where(within)).rowcount
