"""The store of the prediction log: SQLite, or PostgreSQL where several servers write to one.

Nothing heavy is imported until a store is opened, so that a process that never opens one does not pay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotboat.imports import resolve
from pilotboat.operations.store import address
from pilotboat.operations.store.query import Page, Query

if TYPE_CHECKING:
    from pilotboat.operations.store.store import Store

__all__ = ["Page", "Query", "open_store"]

KINDS = {
    address.SQLITE: "pilotboat.operations.store.sqlite:SqliteStore",
    address.POSTGRESQL: "pilotboat.operations.store.postgres:PostgresStore",
}


def open_store(url: str, *, read_only: bool = False) -> Store:
    """The store at `url`: sqlite:////PATH, or postgresql://USER:PASSWORD@HOST/NAME.

    It connects when it is first used, and again after every failure. Raises `UsageError` for a URL that
    is none, `MissingExtraError` without SQLAlchemy or psycopg.
    """
    where = address.parse(url)
    store: Store = resolve(KINDS[where.kind])(where, read_only=read_only)
    return store
