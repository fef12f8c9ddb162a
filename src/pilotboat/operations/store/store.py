"""A store: one connection, and what is done with it. SQLite and PostgreSQL are its two kinds.

Whoever only writes needs the driver alone: SQLAlchemy is imported by the first question.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, BinaryIO

from pilotboat.errors import DataRefusedError, StoreUnavailableError
from pilotboat.imports import resolve
from pilotboat.operations.segments import Record
from pilotboat.operations.store import payload
from pilotboat.operations.store.address import Address
from pilotboat.operations.store.deadline import Deadline
from pilotboat.operations.store.payload import Batch
from pilotboat.operations.store.query import Page, Pruned, Query, Status
from pilotboat.operations.store.schema import SCHEMA, VERSIONS

if TYPE_CHECKING:
    from sqlalchemy import Connection

SOON = 10.0
"""Seconds after which a write, a check or a page is given up."""
CORE = "pilotboat.operations.store.tables:core"
FIND = "pilotboat.operations.store.find:page"
EXPORT = "pilotboat.operations.store.export:export"
COUNT = "pilotboat.operations.store.prune:count"
PRUNE = "pilotboat.operations.store.prune:prune"
STATUS = "pilotboat.operations.store.status:status"
MIGRATE = "pilotboat.operations.store.migrations:apply"
"""Imported when asked for."""


class Store(ABC):
    """The store at `address`. Several threads may use it; one at a time does.

    Its connection is made when it is needed, and closed on any error but that of refused data, which
    leaves it as it was. Every method raises `StoreUnavailableError` where the store cannot be used.
    """

    dialect: str
    """SQLAlchemy's URL, without where it is."""
    behind: str
    """What to do where the schema is behind."""
    failures: tuple[type[Exception], ...]
    """What its driver raises."""

    patience = SOON

    def __init__(self, address: Address, *, read_only: bool = False) -> None:
        self.address, self.read_only = address, read_only
        self._lock = RLock()
        self._deadline = Deadline(None)
        self._raw: Any = None
        self._core: Connection | None = None

    def write(self, records: Sequence[Record]) -> int:
        """Store records, or none of them; how many of their rows are new.

        A record whose event is known is passed over. Raises `DataRefusedError` where one of them can
        never be stored.
        """
        batch = payload.read(records)
        if not batch.events:
            return 0
        with self._work(self.patience):
            return self._insert(batch)

    def check(self) -> None:
        """Nothing, where the store can be used and has the schema of this release."""
        with self._work(self.patience, reads=True):
            self._verify()

    def find(self, query: Query) -> Page:
        """A page of predictions. Raises `UsageError` for a cursor that is none."""
        is_new = self._raw is None
        try:
            return self._page(query)
        except StoreUnavailableError as error:
            if is_new or not error.facts.get("lost"):
                raise
        return self._page(query)  # the connection had gone since it was last used

    def _page(self, query: Query) -> Page:
        page = resolve(FIND)
        with self._asked(self.patience) as connection:
            found: Page = page(connection, query)
            return found

    def export(
        self,
        query: Query,
        form: str,
        sink: BinaryIO,
        *,
        json_inputs: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Write predictions to `sink`, the oldest first; how many. form: "csv" or "parquet".

        json_inputs: the inputs as one column. progress: is called with how many rows are done, of how
        many. Raises `UsageError` where several models would have to share columns, `DataError` where
        there is nothing.
        """
        run = resolve(EXPORT)
        with self._asked(None) as connection:
            rows: int = run(
                connection, query, form, sink, json_inputs=json_inputs, progress=progress
            )
            return rows

    def prune(
        self,
        before: datetime,
        *,
        dry_run: bool = False,
        progress: Callable[[Pruned], None] = lambda _: None,
    ) -> Pruned:
        """Remove what is older than `before`, piece by piece; what that was. dry_run: count it only."""
        if dry_run:
            count = resolve(COUNT)
            with self._asked(None) as connection:
                found: Pruned = count(connection, before)
                return found
        removed: Pruned = resolve(PRUNE)(
            lambda: self._asked(None, reads=False), self._drop_day, before, progress
        )
        return removed

    def status(self) -> Status:
        """What is in the store."""
        status = resolve(STATUS)
        with self._asked(None) as connection:
            found: Status = status(connection, self._version(), self._size())
            return found

    def version(self) -> str:
        """The schema that is there; "" for none."""
        with self._work(self.patience, verify=False, reads=True):
            return self._version()

    def migrate(self) -> str:
        """Bring the schema up to date, one process at a time, and return its version."""
        with self._asked(None, verify=False, reads=False) as connection:
            self._lock_schema()
            if self._version() != SCHEMA:
                self._refuse_newer(self._version())
                resolve(MIGRATE)(connection)
        return SCHEMA

    @abstractmethod
    def vacuum(self) -> None:
        """Give space that nothing is in back to the disk, where the database does not by itself."""

    def close(self) -> None:
        """Close the connection, if there is one. The store may be used again."""
        with self._lock:
            raw, self._raw = self._raw, None
            core, self._core = self._core, None
            with suppress(*self.failures):
                if core is not None:
                    core.invalidate()
                    core.close()
                if raw is not None:
                    raw.close()

    @contextmanager
    def _asked(
        self, seconds: float | None, *, verify: bool = True, reads: bool = True
    ) -> Iterator[Connection]:
        """A transaction for SQLAlchemy's statements."""
        with self._work(seconds, verify=verify, reads=reads, core=True):
            if self._core is not None:
                yield self._core

    @contextmanager
    def _work(
        self,
        seconds: float | None,
        *,
        verify: bool = True,
        reads: bool = False,
        core: bool = False,
    ) -> Iterator[None]:
        """A transaction, whose failures are told as our own errors.

        reads: of one and the same state. core: with a connection of SQLAlchemy's.
        """
        with self._lock, Deadline(seconds) as self._deadline:
            try:
                fresh = self._open(verify=verify)
                if core and self._core is None:
                    self._core = resolve(CORE)(self.dialect, self._raw)
                self._begin(seconds, reads=reads or self.read_only)
                if fresh and verify:
                    self._verify()
                yield
                if self._core is not None:
                    self._core.commit()
                self._raw.commit()
            except BaseException as error:
                told = self._told(error)
                if isinstance(told, DataRefusedError):
                    self._roll_back()
                else:
                    self.close()
                if told is error:
                    raise
                raise told from None  # a driver's words hold values of rows
            if self._deadline.expired:  # a moment too late to be noticed
                self.close()

    def _told(self, error: BaseException) -> BaseException:
        cause = getattr(error, "orig", None) or error
        if not isinstance(cause, self.failures):
            return error
        if self._deadline.expired:
            return self._unavailable(f"did not answer within {self._deadline.seconds:g} s")
        return self._explain(cause)

    def _roll_back(self) -> None:
        try:
            self._raw.rollback()
        except self.failures:
            self.close()

    def _open(self, *, verify: bool) -> bool:
        """Connect, where that is not done; whether it was not."""
        if self._raw is not None:
            self._watch()
            return False
        self._raw = self._connected()
        if verify:
            self._prepare()
        return True

    def _verify(self) -> None:
        found = self._version()
        self._refuse_newer(found)
        if found != SCHEMA:
            says = f"has the schema {found} and needs {SCHEMA}" if found else "has no tables yet"
            raise self._unavailable(says, self.behind)

    def _version(self) -> str:
        if not self._has(VERSIONS):
            return ""
        found = self._raw.execute(f"SELECT max(version_num) FROM {VERSIONS}").fetchone()  # noqa: S608
        return found[0] or ""

    def _refuse_newer(self, found: str) -> None:
        if found > SCHEMA:
            raise self._unavailable(
                f"has the schema {found} of a later release of Pilotboat; this one knows {SCHEMA}",
                "Use that release, or another database.",
            )

    def _unavailable(self, says: str, hint: str = "", **facts: Any) -> StoreUnavailableError:
        return StoreUnavailableError(f"{self.address.shown} {says}.", hint=hint, **facts)

    @abstractmethod
    def _connected(self) -> Any:
        """A new connection of the driver."""

    @abstractmethod
    def _prepare(self) -> None:
        """What a new connection needs before its first transaction."""

    @abstractmethod
    def _watch(self) -> None:
        """Let the deadline know the connection."""

    @abstractmethod
    def _begin(self, seconds: float | None, *, reads: bool) -> None:
        """The first statements of a transaction that may take so long."""

    @abstractmethod
    def _has(self, table: str) -> bool:
        """Whether there is such a table."""

    @abstractmethod
    def _insert(self, batch: Batch) -> int:
        """Store what is new of a batch; how many rows that is."""

    @abstractmethod
    def _lock_schema(self) -> None:
        """Let no other process change the schema in this transaction."""

    @abstractmethod
    def _drop_day(self, before: datetime) -> tuple[str, int] | None:
        """Drop a whole day before `before` at once; its name and its rows. None: there is none."""

    @abstractmethod
    def _size(self) -> int:
        """Bytes on disk."""

    @abstractmethod
    def _explain(self, error: Any) -> DataRefusedError | StoreUnavailableError:
        """An error of the driver, in our words and without values."""
