"""SQLite: a file, what may happen to it, and what is said of that."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pilotboat.errors import DataRefusedError, StoreUnavailableError
from pilotboat.operations.store import Query, open_store
from tests.operations.store.records import NOON, event, prediction, spread

find = pytest.importorskip("pilotboat.operations.store.find", reason="needs sqlalchemy")
dialects = pytest.importorskip("sqlalchemy.dialects.sqlite", reason="needs sqlalchemy")
if TYPE_CHECKING:
    from pilotboat.operations.store.store import Store

VALUE = "a-value-of-a-row"
SHIP = """
import sys
from pilotboat.operations.store import open_store
from tests.operations.store.records import spread
store = open_store(sys.argv[1])
for _ in range(10):
    assert store.write(spread(100)) == 100
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "predictions.db"


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    with closing(open_store(sqlite_url)) as opened:
        yield opened


def refused(store: Store, fault: type[Exception] = StoreUnavailableError) -> str:
    """What is said where a record cannot be stored, in one line."""
    with pytest.raises(fault) as caught:
        store.write([prediction(inputs={"x": [VALUE]})])
    said = str(caught.value)
    assert VALUE not in said
    assert "\n" not in said
    return said


def test_a_file_is_its_owners_alone(store: Store, file: Path) -> None:
    store.write([prediction()])
    beside = [file, *file.parent.glob("predictions.db-*")]
    assert len(beside) == 3, "a write-ahead log, and its index"
    assert {stat.S_IMODE(one.stat().st_mode) for one in beside} == {0o600}


def test_a_commit_is_on_the_disk(store: Store) -> None:
    store.check()
    assert store._raw.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert store._raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_several_processes_write_and_others_read(sqlite_url: str, store: Store) -> None:
    """They begin with a file that is not there, and make it together."""
    shippers = [
        subprocess.Popen([sys.executable, "-c", SHIP, sqlite_url], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    seen = [0]
    while any(one.poll() is None for one in shippers):
        seen.append(len(store.find(Query(limit=5_000)).items))
    assert [one.communicate()[1] for one in shippers] == [b""] * 3
    assert [one.returncode for one in shippers] == [0] * 3
    assert seen == sorted(seen), "whoever reads sees whole batches"
    assert not any(one % 100 for one in seen)
    assert store.status().predictions == 3_000


def test_two_who_store_the_same_store_it_once(sqlite_url: str) -> None:
    batches = [spread(30) for _ in range(8)]

    def ship(at: int) -> int:
        with closing(open_store(sqlite_url)) as store:
            return sum(store.write(batch) for batch in (batches if at % 2 else batches[::-1]))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ship, range(4))) == 240


def test_a_reader_sees_one_state_while_rows_arrive(sqlite_url: str, store: Store) -> None:
    store.write(spread(10))
    with closing(open_store(sqlite_url, read_only=True)) as reader, reader._work(None, reads=True):
        count = "SELECT count(*) FROM predictions"
        assert reader._raw.execute(count).fetchone() == (10,)
        store.write(spread(10))
        assert reader._raw.execute(count).fetchone() == (10,)
    assert store.status().predictions == 20


def test_a_writer_that_does_not_end_is_named(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write([prediction()])
    store._raw.execute("PRAGMA busy_timeout=50")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert refused(store).endswith("predictions.db is held by another process that writes.")
        assert len(store.find(Query()).items) == 1, "who reads, waits for nobody"
    assert store.write([prediction()]) == 1


@pytest.mark.parametrize("size", [100, 5_000, 100_000])
def test_what_is_no_database_is_named(store: Store, file: Path, size: int) -> None:
    file.write_bytes(os.urandom(size))
    assert "is no database of SQLite. Put a copy of it back" in refused(store)
    with pytest.raises(StoreUnavailableError, match="is no database"):
        store.find(Query())
    assert file.stat().st_size == size, "it is left as it is"


def test_a_damaged_file_is_named(store: Store, file: Path) -> None:
    store.write(spread(2_000))
    store.close()
    whole = file.read_bytes()
    half = len(whole) // 2
    file.write_bytes(whole[:4096] + b"\xa5" * (half - 4096) + whole[half:])
    with pytest.raises(StoreUnavailableError, match=r"is damaged\. Put a copy of it back"):
        store.write([prediction()])


def test_a_full_disk_is_named(store: Store) -> None:
    store.write([prediction()])
    store._raw.execute("PRAGMA max_page_count=1")
    with pytest.raises(StoreUnavailableError, match=r"cannot grow: the disk is full\. Make room\."):
        store.write(spread(200))
    assert store.write([prediction()]) == 1
    assert store.status().predictions == 2


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/nowhere/predictions.db")) as store:
        assert "cannot be opened: No such file or directory" in refused(store)


def test_a_reader_makes_no_file(sqlite_url: str, file: Path) -> None:
    with closing(open_store(sqlite_url, read_only=True)) as reader:
        for use in (reader.check, reader.status, lambda: reader.find(Query())):
            with pytest.raises(StoreUnavailableError, match="is not there yet"):
                use()
    assert not file.exists()


def test_a_file_without_tables_is_not_there_yet_for_readers(sqlite_url: str, file: Path) -> None:
    file.touch()
    with (
        closing(open_store(sqlite_url, read_only=True)) as reader,
        pytest.raises(StoreUnavailableError, match=r"has no tables yet\. It begins with"),
    ):
        reader.find(Query())


def test_a_later_schema_is_not_touched(store: Store, file: Path) -> None:
    store.write([prediction()])
    store.close()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("UPDATE pilotboat_schema SET version_num = '0999'")
    assert "has the schema 0999 of a later release of Pilotboat; this one knows 0001" in refused(
        store
    )


def test_tables_of_others_are_named(store: Store, file: Path) -> None:
    store.write([prediction()])
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("ALTER TABLE events RENAME TO elsewhere")
    assert "has other tables than this release made" in refused(store)


def test_what_it_has_no_place_for_is_refused(store: Store) -> None:
    store.check()
    limit = sqlite3.SQLITE_LIMIT_LENGTH
    store._raw.setlimit(limit, 10_000)
    with pytest.raises(DataRefusedError, match="SQLite refuses the record: it is too large"):
        store.write([prediction(inputs={"x": ["x" * 20_000]})])
    assert store.write([prediction()]) == 1


def test_text_with_nul_is_kept(store: Store) -> None:
    store.write([prediction("r", inputs={"x": ["a\0b"]})])
    assert store.find(Query(id="r")).items[0]["inputs"] == {"x": "a\0b"}


def test_its_file_is_plain(store: Store, file: Path) -> None:
    """Whoever has the shell of SQLite can ask it."""
    name = event()
    store.write([prediction("r", event=name, predictions=["yes"])])
    with closing(sqlite3.connect(file)) as other:
        asked = "SELECT event, datetime(time / 1000, 'unixepoch'), json_extract(inputs, '$.age') FROM predictions"
        assert other.execute(asked).fetchall() == [(name.bytes, "2026-11-28 12:00:00", 22.0)]


def test_vacuum_gives_space_back(store: Store, file: Path) -> None:
    store.write(spread(3_000))
    assert store.prune(NOON + timedelta(days=1)).predictions == 3_000
    before = store.status().size
    store.vacuum()
    assert file.stat().st_size == store.status().size < before / 5
    assert store.write([prediction()]) == 1


def test_vacuum_waits_for_nobody(store: Store, file: Path) -> None:
    store.write([prediction()])
    store._raw.execute("PRAGMA busy_timeout=50")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="held by another process"):
            store.vacuum()
    store.vacuum()


def test_plans_use_the_indexes(store: Store) -> None:
    """No query reads the table from end to end, whether it finds something or not."""
    store.write(spread(50, references=["x"]))
    queries = {
        Query(): "sqlite_autoindex_predictions_1",
        Query(id="r"): "predictions_request (request=?)",
        Query(id="r", row=0): "predictions_request (request=? AND row=?)",
        Query(reference="x"): "predictions_reference (reference=?)",
        Query(reference="x", since=NOON): "predictions_reference (reference=? AND time>?)",
        Query(model="m"): "predictions_model (model=?)",
        Query(model="m", version="1"): "predictions_version (model=? AND version=?)",
        Query(since=NOON): "sqlite_autoindex_predictions_1 (time>?)",
        Query(cursor=store.find(Query(limit=5)).cursor): "sqlite_autoindex_predictions_1 (time<?)",
    }
    for query, index in queries.items():
        made = find.newest(query).compile(dialect=dialects.dialect())
        values = [None] * len(made.positiontup)
        told = store._raw.execute(f"EXPLAIN QUERY PLAN {made}", values).fetchall()
        plan = [row[3] for row in told]
        assert any(index in line for line in plan), (query, plan)
