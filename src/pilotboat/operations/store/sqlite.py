"""The store in a file of SQLite: nothing to install, and readers beside the one that writes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pilotboat.errors import DataRefusedError, StoreUnavailableError
from pilotboat.operations.store import first
from pilotboat.operations.store.payload import (
    EVENTS,
    LAYOUTS,
    OUTCOMES,
    PREDICTIONS,
    Batch,
    pieces,
)
from pilotboat.operations.store.schema import FIRST, SCHEMA, VERSIONS
from pilotboat.operations.store.store import Store

PATIENCE = 5.0
"""Seconds that it waits for another process that writes."""
PARAMETERS = 500
"""Of one statement: every build of SQLite takes as many."""
KEPT_JOURNAL = 64 * 2**20
"""Bytes of the write-ahead log that stay when a long reader is done."""
BEGINS = "It begins with the first prediction."
REFUSED = {
    sqlite3.SQLITE_TOOBIG: "it is too large",
    sqlite3.SQLITE_CONSTRAINT: "it breaks a constraint",
    sqlite3.SQLITE_MISMATCH: "a value is of another type than its column",
    sqlite3.SQLITE_RANGE: "it has too many values",
}
DAMAGED = "Put a copy of it back, or move it away to begin anew."
CAUSES = {
    sqlite3.SQLITE_BUSY: ("is held by another process that writes", ""),
    sqlite3.SQLITE_LOCKED: ("is held by another process that writes", ""),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "Make room."),
    sqlite3.SQLITE_READONLY: ("may not be written to", "Check who owns it and its directory."),
    sqlite3.SQLITE_PERM: ("may not be used", "Check who owns it and its directory."),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "Check that its directory is there and yours."),
    sqlite3.SQLITE_NOTADB: ("is no database of SQLite", DAMAGED),
    sqlite3.SQLITE_CORRUPT: ("is damaged", DAMAGED),
    sqlite3.SQLITE_IOERR: ("cannot be read or written: the disk fails", ""),
    sqlite3.SQLITE_PROTOCOL: ("cannot be locked", "Put the state directory on a local disk."),
}


class SqliteStore(Store):
    """A file, in WAL mode. Each commit is on the disk when it returns (synchronous=FULL)."""

    dialect = "sqlite://"
    behind = BEGINS
    failures = (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError)

    def vacuum(self) -> None:
        """Give free space back to the disk, which takes as much again for a while."""
        with self._lock:
            try:
                self._open(verify=True)
                self._raw.execute("VACUUM")
                self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except self.failures as error:
                self.close()
                raise self._explain(error) from None

    def _connected(self) -> Any:
        path = self.address.path
        mode = "ro" if self.read_only else "rwc"
        if self.read_only and not path.exists():
            raise self._unavailable("is not there yet", BEGINS)
        if not self.read_only:
            self._create()
        raw = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            raw.execute("PRAGMA synchronous=FULL")
            if not self.read_only:
                raw.execute("PRAGMA journal_mode=WAL").fetchall()
                raw.execute(f"PRAGMA journal_size_limit={KEPT_JOURNAL}").fetchall()
        except BaseException:
            raw.close()
            raise
        return raw

    def _create(self) -> None:
        """The file, for its owner alone: what is in it may be personal data."""
        try:
            os.close(os.open(self.address.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise self._unavailable(f"cannot be opened: {error.strerror}") from error

    def _prepare(self) -> None:
        """A file is ours alone: its schema is brought up to date without asking."""
        if self.read_only:
            return
        if not self._version():
            self._begin(None, reads=False)
            if not self._version():
                self._make()
            self._raw.commit()
        if self._version() < SCHEMA:
            self.migrate()

    def _make(self) -> None:
        """What Alembic would make of an empty file, and note, without Alembic."""
        for statement in first.statements("sqlite"):
            self._raw.execute(statement)
        self._raw.execute(
            f"CREATE TABLE {VERSIONS} (version_num VARCHAR(32) NOT NULL,"
            f" CONSTRAINT {VERSIONS}_pkc PRIMARY KEY (version_num))"
        )
        self._raw.execute(f"INSERT INTO {VERSIONS} VALUES (?)", (FIRST,))  # noqa: S608

    def _watch(self) -> None:
        """It waits for no other than `PATIENCE` lets it."""

    def _lock_schema(self) -> None:
        """Whoever may write is alone."""

    def _drop_day(self, before: datetime) -> None:
        """It has no partitions."""

    def _begin(self, seconds: float | None, *, reads: bool) -> None:  # noqa: ARG002
        self._raw.execute("BEGIN" if reads else "BEGIN IMMEDIATE")

    def _has(self, table: str) -> bool:
        found = self._raw.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,))
        return found.fetchone() is not None

    def _insert(self, batch: Batch) -> int:
        raw, known = self._raw, set[bytes]()
        for some in pieces(list(batch.events), PARAMETERS):
            marks = ",".join("?" * len(some))
            told = f"SELECT event FROM events WHERE event IN ({marks})"  # noqa: S608
            known.update(event for (event,) in raw.execute(told, some))
        events, predictions, outcomes = batch.without(known)
        raw.executemany(_into("layouts", LAYOUTS, "OR IGNORE "), batch.layouts)
        raw.executemany(_into("events", EVENTS), events)
        raw.executemany(_into("predictions", PREDICTIONS), predictions)
        raw.executemany(_into("outcomes", OUTCOMES), outcomes)
        return len(predictions) + len(outcomes)

    def _size(self) -> int:
        path = self.address.path
        files = [path, path.with_name(f"{path.name}-wal")]
        return sum(one.stat().st_size for one in files if one.exists())

    def _explain(self, error: Any) -> DataRefusedError | StoreUnavailableError:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None and isinstance(
            error, OverflowError | UnicodeError | sqlite3.DataError | sqlite3.InterfaceError
        ):
            return _refused("it holds a value that SQLite has no place for")
        kind = (code or 0) & 0xFF
        if kind in REFUSED:
            return _refused(REFUSED[kind])
        if kind == sqlite3.SQLITE_ERROR and "no such" in str(error):
            return self._unavailable("has other tables than this release made", DAMAGED)
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        return self._unavailable(*CAUSES.get(kind, (f"cannot be used ({name})", "")))


def _refused(why: str) -> DataRefusedError:
    return DataRefusedError(f"SQLite refuses the record: {why}.")


def _into(table: str, columns: Sequence[str], way: str = "") -> str:
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    return f"INSERT {way}INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours
