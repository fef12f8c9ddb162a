"""What is old goes, piece by piece, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pilotboat.errors import StoreUnavailableError
from pilotboat.operations.store import Query, open_store
from pilotboat.operations.store.query import Pruned
from tests.operations.store.records import NOON, outcome, prediction, spread

prune = pytest.importorskip("pilotboat.operations.store.prune", reason="needs sqlalchemy")
psycopg = pytest.importorskip("psycopg", reason="needs psycopg")
if TYPE_CHECKING:
    from pilotboat.operations.store.store import Store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "PIECE", 7)


@pytest.mark.usefixtures("small")
def test_what_is_older_goes_in_pieces(store: Store) -> None:
    records = spread(50, HOUR)
    store.write([*records, prediction("many", time=NOON + HOUR, predictions=["a"] * 20)])
    store.write([outcome({"id": "r", "actual": 1}, time=NOON + HOUR * at) for at in range(50)])
    before = NOON + HOUR * 30
    told: list[Pruned] = []
    assert store.prune(before, dry_run=True) == Pruned(50, 30, 61)
    assert store.status().predictions == 70, "it was only counted"
    gone = store.prune(before, progress=told.append)
    assert (gone.predictions, gone.outcomes, gone.events) == (50, 30, 61)
    assert len(told) > 10
    assert told[-1] == gone
    left = store.find(Query(limit=1000)).items
    assert len(left) == 20
    assert left[-1]["time"] == "2026-11-29T18:00:00.123Z", "what is as old as that stays"
    assert store.status().outcomes == 20
    nothing = store.prune(before)
    assert (nothing.predictions, nothing.outcomes, nothing.events) == (0, 0, 0)
    assert store.write(records) == 30, "the ledger has forgotten what is gone, and only that"


def test_nothing_old_is_nothing_to_do(store: Store) -> None:
    store.write([prediction()])
    assert store.prune(NOON) == Pruned()


@pytest.mark.usefixtures("small")
def test_rows_arrive_while_old_ones_go(url: str, store: Store) -> None:
    store.write(spread(300))

    def more(_: int) -> int:
        with closing(open_store(url)) as other:
            return sum(other.write([prediction(time=NOON + DAY)] * 3) for _ in range(100))

    with ThreadPoolExecutor(3) as pool:
        others = pool.map(more, range(2))
        assert store.prune(NOON + HOUR).predictions == 300
        assert sum(others) == 200
    assert store.status().predictions == 200


def test_days_go_whole(postgres_url: str) -> None:
    with closing(open_store(postgres_url)) as store:
        store.write([prediction(time=NOON + DAY * at, predictions=[1, 2]) for at in range(5)])
        gone = store.prune(NOON + DAY * 3 + HOUR)
        assert gone == Pruned(8, 0, 4, ("20261128", "20261129", "20261130"))
        assert store.status().predictions == 2
        with psycopg.connect(postgres_url) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_class WHERE relname ~ '^predictions_2026[0-9]*$'"
            )
            assert found.fetchone() == (2,)
        assert store.write([prediction(time=NOON)]) == 1


def test_a_day_that_is_being_read_is_told_of(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes must not stand behind somebody who waits for a reader."""
    monkeypatch.setattr("pilotboat.operations.store.postgres.LOCK", 1)
    with closing(open_store(postgres_url)) as store, psycopg.connect(postgres_url) as backup:
        store.write([prediction()])
        backup.execute("SELECT count(*) FROM predictions")
        begun = datetime.now(UTC)
        with pytest.raises(StoreUnavailableError, match="is locked by somebody else"):
            store.prune(NOON + DAY * 2)
        assert datetime.now(UTC) - begun < timedelta(seconds=3)
        backup.rollback()
        assert store.prune(NOON + DAY * 2).predictions == 1
