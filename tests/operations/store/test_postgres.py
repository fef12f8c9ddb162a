"""PostgreSQL: what may happen to it, and what is said of that."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pilotboat.errors import DataRefusedError, StoreUnavailableError
from pilotboat.operations.store import Query, open_store
from tests.operations.store.records import NOON, outcome, prediction, spread
from tests.postgres import PASSWORD, Postgres
from tests.processes import eventually

psycopg = pytest.importorskip("psycopg", reason="needs psycopg")
dialects = pytest.importorskip("sqlalchemy.dialects.postgresql", reason="needs sqlalchemy")
if TYPE_CHECKING:
    from pilotboat.operations.store.store import Store

VALUE = "a-value-of-a-row"


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def others(url: str) -> Iterator[Callable[[], Store]]:
    """More connections to the same store."""
    made: list[Store] = []

    def another() -> Store:
        made.append(open_store(url))
        return made[-1]

    yield another
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """A server to stop, kill and suspend."""
    with Postgres() as running:
        yield running


@pytest.fixture
def troubled(own: Postgres) -> Iterator[Store]:
    """A store on that server."""
    if own.process is None:
        own.start()
    with closing(open_store(own.database())) as opened:
        opened.migrate()
        opened.write([prediction("before")])
        yield opened


def refused(store: Store, fault: type[Exception] = StoreUnavailableError) -> str:
    """What is said where a record cannot be stored. It is one sentence or two, in one line."""
    with pytest.raises(fault) as caught:
        store.write([prediction(inputs={"x": [VALUE]})])
    said = str(caught.value)
    assert VALUE not in said
    assert PASSWORD not in said
    assert "\n" not in said
    assert len(said) < 300
    return said


def count(store: Store) -> int:
    return store.status().predictions


def test_two_who_store_the_same_store_it_once(others: Callable[[], Store]) -> None:
    """The same batches, in other orders, at the same time: each event once, and nobody fails."""
    batches = [spread(40) for _ in range(12)]
    shippers = [others() for _ in range(4)]
    together = threading.Barrier(len(shippers))
    written: list[int] = []

    def ship(at: int) -> None:
        together.wait()
        mine = [batch[::-1] if at > 1 else batch for batch in batches]
        written.append(sum(map(shippers[at].write, mine if at % 2 else mine[::-1])))

    with ThreadPoolExecutor(len(shippers)) as pool:
        list(pool.map(ship, range(len(shippers))))
    assert sum(written) == 480
    assert count(shippers[0]) == 480


@pytest.mark.parametrize("commits", [True, False])
def test_who_comes_second_waits_for_the_first(
    url: str, postgres: Postgres, store: Store, commits: bool
) -> None:
    """The first has stored an event and not committed: the second stores it if he takes it back."""
    record = prediction()
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'"
    with psycopg.connect(url) as first, ThreadPoolExecutor(1) as pool:
        first.execute("INSERT INTO events VALUES (%s, now())", (record.uuid,))
        second = pool.submit(store.write, [record])
        assert eventually(lambda: bool(postgres.query(waiting)), 2)
        if commits:
            first.commit()
        else:
            first.rollback()
        assert second.result(10) == (0 if commits else 1)


def test_several_begin_a_day_at_once(url: str, others: Callable[[], Store]) -> None:
    shippers = [others() for _ in range(6)]
    together = threading.Barrier(len(shippers))

    def ship(store: Store) -> int:
        together.wait()
        days = [prediction(time=NOON + timedelta(days=at)) for at in range(4)]
        return store.write(days)

    with ThreadPoolExecutor(len(shippers)) as pool:
        assert list(pool.map(ship, shippers)) == [4] * 6
    assert count(shippers[0]) == 24
    assert [day for day, _ in days(url)] == [
        "predictions_20261128",
        "predictions_20261129",
        "predictions_20261130",
        "predictions_20261201",
    ]


def days(url: str) -> list[tuple[str, str]]:
    """The partitions, and their bounds."""
    with psycopg.connect(url) as connection:
        connection.execute("SET timezone = 'UTC'")
        found: list[tuple[str, str]] = connection.execute(
            "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class"
            " WHERE relispartition AND relkind = 'r' ORDER BY 1"
        ).fetchall()
        return found


def test_days_are_those_of_utc(url: str, store: Store) -> None:
    """The server is in Seoul, where it is the next day already."""
    evening = datetime(2026, 12, 31, 23, 59, 59, 999_000, UTC)
    store.write([prediction(time=evening), prediction(time=evening + timedelta(milliseconds=1))])
    assert days(url) == [
        (
            "predictions_20261231",
            "FOR VALUES FROM ('2026-12-31 00:00:00+00') TO ('2027-01-01 00:00:00+00')",
        ),
        (
            "predictions_20270101",
            "FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-01-02 00:00:00+00')",
        ),
    ]
    assert [one["time"] for one in store.find(Query()).items] == [
        "2027-01-01T00:00:00.000Z",
        "2026-12-31T23:59:59.999Z",
    ]


def test_a_new_day_waits_for_no_reader(url: str, store: Store) -> None:
    """A backup reads for hours, beyond midnight."""
    store.write([prediction()])
    with psycopg.connect(url) as backup:
        backup.execute("SELECT count(*) FROM predictions")
        assert store.write([prediction(time=NOON + timedelta(days=1))]) == 1


def test_a_day_that_was_dropped_comes_back(url: str, store: Store, postgres: Postgres) -> None:
    """Somebody prunes the day that late rows belong to."""
    store.write([prediction("gone")])
    postgres.query("DROP TABLE predictions_20261128", url)
    assert "lacks the partition of a day" in refused(store)
    assert store.write([prediction("late")]) == 1
    assert [one["id"] for one in store.find(Query()).items] == ["late"]


def test_a_day_that_was_rolled_back_is_made_anew(store: Store) -> None:
    with pytest.raises(DataRefusedError):
        store.write([prediction(inputs={"x": ["\0"]})])
    assert store.write([prediction("good")]) == 1


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (lambda: prediction(inputs={"x": [f"{VALUE}\0"]}), "untranslatable character (22P05)"),
        (lambda: prediction(f"{VALUE}\0"), "character not in repertoire (22021)"),
        (lambda: prediction(model=f"{VALUE}\0"), "data error"),
        (lambda: prediction(references=[_long()]), "program limit exceeded (54000)"),
        (lambda: outcome({"id": "r", "actual": f"{VALUE}\0"}), "untranslatable character (22P05)"),
    ],
)
def test_what_it_refuses_is_named_without_values(
    store: Store, made: Callable[[], Any], name: str
) -> None:
    with pytest.raises(DataRefusedError) as caught:
        store.write([prediction("good"), made()])
    assert str(caught.value) == f"PostgreSQL refuses the record: {name}."
    assert count(store) == 0, "all or nothing"
    assert store.write([prediction("good")]) == 1


def _long() -> str:
    """A text that no index holds, however well it is compressed."""
    letters = random.Random(0)  # noqa: S311
    return VALUE + "".join(chr(letters.randrange(33, 126)) for _ in range(20_000))


def test_refused_data_costs_no_connection(store: Store, url: str, postgres: Postgres) -> None:
    mine = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pilotboat'"
    store.write([prediction()])
    before = postgres.query(mine)
    with pytest.raises(DataRefusedError):
        store.write([prediction("\0")])
    store.write([prediction()])
    assert postgres.query(mine) == before


STATES = {
    "53100": "its disk is full. Make room there.",
    "53200": "has no memory left.",
    "40P01": "stopped one of two writers that waited for each other.",
    "57014": "took too long for a statement",
    "25006": "it is read-only, or a standby.",
    "58030": "cannot read or write its files",
    "XX001": "has damaged data",
    "42883": "cannot be used: undefined function (42883).",
    "P0001": "cannot be used: raise exception (P0001).",
    "ZZ999": "cannot be used: database error (ZZ999).",
}


@pytest.mark.parametrize("state", STATES)
def test_what_is_wrong_with_it_is_named(
    store: Store, url: str, postgres: Postgres, state: str
) -> None:
    """The server itself says so, in a trigger, in the middle of a write."""
    store.write([prediction()])
    postgres.query(
        f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', NEW"
        f" USING ERRCODE = '{state}'; END $$",
        url,
    )
    postgres.query(
        "CREATE TRIGGER fail BEFORE INSERT ON predictions FOR EACH ROW EXECUTE FUNCTION fail()", url
    )
    said = refused(store)
    assert said.startswith("PostgreSQL at 127.0.0.1:")
    assert STATES[state] in said
    postgres.query("DROP TRIGGER fail ON predictions", url)
    assert store.write([prediction()]) == 1


def test_without_tables_it_says_what_to_run(database: str) -> None:
    with closing(open_store(database)) as store:
        for use in (store.check, store.status, lambda: store.find(Query())):
            with pytest.raises(StoreUnavailableError, match="Run 'pilotboat store migrate'"):
                use()
        assert "has no tables yet. Run 'pilotboat store migrate'." in refused(store)
        assert store.version() == ""


def test_tables_that_went_away_are_named(store: Store, url: str, postgres: Postgres) -> None:
    store.check()
    postgres.query("ALTER TABLE events RENAME TO elsewhere", url)
    assert "lacks a table. Run 'pilotboat store migrate'." in refused(store)
    postgres.query("ALTER TABLE elsewhere RENAME TO events", url)
    assert store.write([prediction()]) == 1


def test_a_later_schema_is_not_touched(store: Store, url: str, postgres: Postgres) -> None:
    store.write([prediction()])
    postgres.query("UPDATE pilotboat_schema SET version_num = '0999'", url)
    for use in (store.check, store.migrate):
        with pytest.raises(StoreUnavailableError, match="schema 0999 of a later release"):
            use()
    assert "schema 0999 of a later release" in refused(store), "the connection is a new one"


def test_a_schema_that_is_behind_says_what_to_run(
    store: Store, url: str, postgres: Postgres
) -> None:
    postgres.query("UPDATE pilotboat_schema SET version_num = '0000'", url)
    with pytest.raises(StoreUnavailableError, match=r"schema 0000 and needs 0001\. Run 'pilotboat"):
        store.check()


def test_a_role_without_its_right_is_told(url: str, postgres: Postgres) -> None:
    name = url.rpartition("/")[2]
    postgres.query(f"CREATE ROLE guest_{name} LOGIN PASSWORD '{PASSWORD}'")
    postgres.query(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest_{name}", url)
    with closing(open_store(postgres.url(name, f"guest_{name}"))) as guest:
        assert "does not permit this to the role" in refused(guest)
        assert guest.find(Query()).items == []
        assert "does not permit" in refused(guest)
    postgres.query(f"DROP OWNED BY guest_{name}", url)
    postgres.query(f"DROP ROLE guest_{name}")


def test_a_locked_table_is_given_up(
    url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilotboat.operations.store.postgres.LOCK", 1)
    store.write([prediction()])
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE")
        begun = time.monotonic()
        assert "is locked by somebody else" in refused(store)
        assert 0.9 < time.monotonic() - begun < 4
    assert store.write([prediction()]) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"password": "wrong-one"}, "password authentication failed for user 'postgres'"),
        ({"user": "nobody"}, "password authentication failed for user 'nobody'"),
        ({"database": "nowhere"}, "database 'nowhere' does not exist"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    postgres: Postgres, change: dict[str, str], says: str
) -> None:
    with closing(open_store(postgres.url(**change))) as store:
        said = refused(store)
        assert "cannot be reached" in said
        assert says in said.replace('"', "'")
        assert "wrong-one" not in said


def test_no_message_holds_a_password() -> None:
    """Not even where the server repeats it, as part of a name."""
    for url in (
        f"postgresql://{PASSWORD}:{PASSWORD}@127.0.0.1:1/db",
        f"postgresql://127.0.0.1:1/db?password={PASSWORD}&host={PASSWORD}.invalid",
    ):
        with closing(open_store(url)) as store:
            assert "cannot be reached" in refused(store)


def test_nobody_there_is_told() -> None:
    with closing(open_store(f"postgresql://u:{PASSWORD}@127.0.0.1:1/db")) as store:
        assert "127.0.0.1:1, database 'db' cannot be reached: Connection refused" in refused(store)
    with closing(open_store(f"postgresql://u:{PASSWORD}@nowhere.invalid/db")) as store:
        assert "nowhere.invalid" in refused(store)


def test_no_connection_left_is_told() -> None:
    with Postgres(max_connections="3", superuser_reserved_connections="0") as small:
        url = small.database()
        with closing(open_store(url)) as store:
            store.migrate()
        with open_connections(url, 3), closing(open_store(url)) as store:
            assert "too many clients" in refused(store)
        with closing(open_store(url)) as store:
            assert store.write([prediction()]) == 1


@contextmanager
def open_connections(url: str, number: int) -> Iterator[None]:
    made = [psycopg.connect(url) for _ in range(number)]
    try:
        yield
    finally:
        for one in made:
            one.close()


@pytest.mark.parametrize("way", ["fast", "immediate", "kill"])
def test_a_server_that_ended_is_found_again(own: Postgres, troubled: Store, way: Any) -> None:
    if way == "kill":
        own.kill()
    else:
        own.stop(way)
    assert "PostgreSQL at 127.0.0.1" in refused(troubled)
    assert "cannot be reached: Connection refused" in refused(troubled)
    own.start()
    assert troubled.write([prediction("after")]) == 1
    assert count(troubled) == 2


def test_whoever_reads_does_not_notice_a_restart(own: Postgres, troubled: Store) -> None:
    assert len(troubled.find(Query()).items) == 1
    own.stop("immediate")
    own.start()
    assert len(troubled.find(Query()).items) == 1


def test_a_suspended_server_is_given_up(own: Postgres, troubled: Store) -> None:
    """It accepts, and answers nothing: whoever is connected, and whoever is not."""
    assert troubled.patience == 10
    with closing(open_store(troubled.address.target)) as reader:
        reader.find(Query())
        reader.patience = troubled.patience = 1.5
        own.suspend()
        try:
            begun = time.monotonic()
            assert "did not answer within 1.5 s" in refused(troubled)
            assert time.monotonic() - begun < 2.5
            assert "cannot be reached: no answer in time" in refused(troubled)
            assert time.monotonic() - begun < 6.5
            begun = time.monotonic()
            with pytest.raises(StoreUnavailableError, match=r"did not answer within 1\.5 s"):
                reader.find(Query())
            assert time.monotonic() - begun < 2.5
        finally:
            own.resume()
        assert troubled.write([prediction()]) == 1
        assert len(reader.find(Query()).items) == 2


def test_tables_may_be_in_a_schema_of_their_own(database: str, postgres: Postgres) -> None:
    postgres.query("CREATE SCHEMA apart", database)
    with closing(open_store(f"{database}?options=-csearch_path%3Dapart")) as store:
        store.migrate()
        assert store.write([prediction("r")]) == 1
        assert [one["id"] for one in store.find(Query()).items] == ["r"]
        assert store.status().size > 10_000
        found = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename ~ 'predictions|events'"
        assert postgres.query(found, database) == [("apart",)]
        assert store.prune(NOON + timedelta(days=2)).days == ("20261128",)


def test_the_documented_query_finds_outcomes(store: Store, url: str, postgres: Postgres) -> None:
    text = (Path(__file__).parents[3] / "docs" / "prediction-log.md").read_text()
    (query,) = re.findall(r"```sql\n(SELECT.*?)```", text, re.DOTALL)
    now = datetime.now(UTC)
    store.write([prediction("r", predictions=["yes", "no"], time=now)])
    store.write([outcome({"id": "r", "actual": "a"}, time=now)])
    store.write([outcome({"id": "r", "actual": "b"}, time=now + timedelta(seconds=1))])
    found = [row[2:] for row in postgres.query(query, url)]
    assert sorted(found) == [("22.0", "no", None), ("22.0", "yes", "b")]


def test_a_large_batch_to_a_suspended_server_is_given_up_too(
    own: Postgres, troubled: Store
) -> None:
    """More than sockets hold: it is the sending that waits."""
    stop = threading.Event()
    troubled.patience = 2.0

    def suspend_in_the_middle() -> None:
        while not stop.is_set():
            if _copying(own):
                own.suspend()
                return

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(suspend_in_the_middle)
        begun = time.monotonic()
        try:
            with pytest.raises(StoreUnavailableError, match="did not answer within 2 s"):
                _write_large(troubled)
        finally:
            stop.set()
            watching.result()
            own.resume()
        assert time.monotonic() - begun < 30
    assert troubled.write([prediction()]) == 1


def _write_large(store: Store) -> None:
    for _ in range(50):
        store.write([prediction(inputs={"x": ["x" * 1_000_000]}) for _ in range(30)])


def _copying(own: Postgres) -> bool:
    return bool(
        own.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'")
    )


def test_plans_use_the_indexes(store: Store, url: str) -> None:
    """With a table that is worth it: no query that finds something reads a partition from end to end."""
    for at in range(3):
        store.write(spread(400, timedelta(seconds=60), references=[f"order {at}"]))
    find = pytest.importorskip("pilotboat.operations.store.find", reason="needs sqlalchemy")
    queries = [
        Query(),
        Query(id="request-1"),
        Query(id="request-1", row=0),
        Query(reference="order 1"),
        Query(model="titanic"),
        Query(model="nobody's"),
        Query(model="titanic", version="2"),
        Query(since=NOON, until=NOON + timedelta(hours=1)),
        Query(cursor=store.find(Query(limit=5)).cursor),
    ]
    with psycopg.connect(url) as connection:
        connection.execute("ANALYZE")
        connection.execute("SET enable_seqscan = off")
        for query in queries:
            sql = find.newest(query).compile(
                dialect=dialects.dialect(), compile_kwargs={"literal_binds": True}
            )
            plan = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}".replace("%%", "%")).fetchone()[
                0
            ]
            assert "Seq Scan" not in json.dumps(plan), (query, plan)
