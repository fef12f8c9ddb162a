"""What a store is for, the same on both kinds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilotboat.errors import DataRefusedError, StoreUnavailableError, UsageError
from pilotboat.operations.segments import Record
from pilotboat.operations.store import Query, open_store
from tests.operations.store.records import NOON, event, outcome, prediction, spread
from tests.test_imports import modules_after

if TYPE_CHECKING:
    from pilotboat.operations.store.store import Store

HEAVY = {"sqlalchemy", "alembic", "psycopg", "pyarrow"}
AWKWARD = "tab\there, \\N, \\\\, \"quotes\", 'single'\nnew line\r, \x7f, 한국어, 🚢, \x01"

SECOND = timedelta(seconds=1)


def rows(store: Store, **query: Any) -> list[dict[str, Any]]:
    return store.find(Query(**query)).items


def test_everything_about_a_prediction_is_there(store: Store) -> None:
    made = prediction(
        "r-1",
        key="shop",
        inputs={"zone": ["S"], "age": [22.0], "kin": [0], "alone": [True], "deck": [None]},
        probabilities=[[0.03, 0.97]],
        classes=["no", "yes"],
        references=["order 7"],
    )
    assert store.write([made]) == 1
    (item,) = rows(store)
    assert item == {
        "id": "r-1",
        "row": 0,
        "time": "2026-11-28T12:00:00.123Z",
        "model": "titanic",
        "version": "1",
        "digest": "sha256:abc",
        "operation": "predict",
        "model_ms": 1.25,
        "key": "shop",
        "inputs": {"zone": "S", "age": 22.0, "kin": 0, "alone": True, "deck": None},
        "prediction": "yes",
        "probabilities": {"no": 0.03, "yes": 0.97},
        "reference": "order 7",
        "actual": None,
        "actual_time": None,
    }
    assert list(item["inputs"]) == ["zone", "age", "kin", "alone", "deck"], "their order is kept"
    assert list(item["probabilities"]) == ["no", "yes"]
    assert [type(value) for value in item["inputs"].values()][1:4] == [float, int, bool]


def test_rows_of_a_record_are_rows(store: Store) -> None:
    made = prediction(
        "r-2",
        first=500,
        inputs={"x": [1.5, 2.5, 3.5]},
        predictions=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        references=["a", None, "c"],
        model_ms=None,
    )
    assert store.write([made]) == 3
    found = rows(store, id="r-2")
    assert [one["row"] for one in found] == [502, 501, 500]
    assert [one["inputs"] for one in found] == [{"x": 3.5}, {"x": 2.5}, {"x": 1.5}]
    assert [one["prediction"] for one in found] == [[5.0, 6.0], [3.0, 4.0], [1.0, 2.0]]
    assert [one["reference"] for one in found] == ["c", None, "a"]
    assert {one["probabilities"] for one in found} == {None}
    assert [one["row"] for one in rows(store, id="r-2", row=501)] == [501]


def test_inputs_that_were_all_dropped_leave_predictions(store: Store) -> None:
    assert store.write([prediction(inputs={}, predictions=[1, 2])]) == 2
    assert [one["inputs"] for one in rows(store)] == [{}, {}]


def test_every_text_comes_back(store: Store) -> None:
    made = prediction(
        AWKWARD,
        key=AWKWARD,
        model=AWKWARD,
        version=AWKWARD,
        digest=AWKWARD,
        inputs={AWKWARD: [AWKWARD]},
        predictions=[AWKWARD],
        probabilities=[[1.0]],
        classes=[AWKWARD],
        references=[AWKWARD],
    )
    said = outcome({"reference": AWKWARD, "model": AWKWARD, "actual": AWKWARD})
    assert store.write([made, said]) == 2
    (item,) = rows(store, id=AWKWARD)
    texts = [item[name] for name in ("key", "model", "version", "digest", "reference", "actual")]
    assert texts == [AWKWARD] * 6
    assert item["inputs"] == {AWKWARD: AWKWARD}
    assert item["probabilities"] == {AWKWARD: 1.0}


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
)


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cells=st.lists(scalars, min_size=1, max_size=6), label=scalars)
def test_any_value_comes_back(store: Store, cells: list[Any], label: Any) -> None:
    name = str(event())
    inputs = {f"input {at}": [cell] for at, cell in enumerate(cells)}
    assert store.write([prediction(name, inputs=inputs, predictions=[label])]) == 1
    (item,) = rows(store, id=name)
    assert item["prediction"] == label
    assert list(item["inputs"].values()) == cells


def test_long_floats_stay_floats(store: Store) -> None:
    """4e16 is no integer, and one is not to be made of the digits that it is written with."""
    far = [1e16, -4.316728441941298e16, 1.7976931348623157e308, 5e-324, 2**62, "1e16"]
    made = prediction(inputs={"x": [far[0]]}, predictions=[far])
    assert store.write([made, outcome({"id": "r", "actual": far[1]})]) == 2
    (item,) = rows(store)
    assert item["prediction"] == far
    assert [type(one) for one in item["prediction"]] == [float] * 4 + [int, str]
    assert repr(item["inputs"]["x"]) == "1e+16"


def test_an_event_is_stored_once(store: Store) -> None:
    again = event()
    first, second = prediction("first", event=again), prediction("second", event=again)
    assert store.write([first, second, prediction("other")]) == 2
    assert store.write([second, first]) == 0
    assert store.write([second, prediction("third")]) == 1
    assert sorted(one["id"] for one in rows(store)) == ["first", "other", "third"]
    said = outcome({"id": "first", "actual": "no"}, {"id": "other", "actual": "no"})
    assert store.write([said, said]) == 2
    assert store.write([said]) == 0
    assert store.status().outcomes == 2


def test_nothing_is_written_for_nothing(store: Store) -> None:
    assert store.write([]) == 0


def test_many_events_are_told_apart(store: Store) -> None:
    batch = spread(1_200)
    assert store.write(batch[:700]) == 700
    assert store.write(batch) == 500


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\n[]",
        b'{"model":"m"}\n[]',
        b"[]\n[]",
        prediction().payload[:-1],
        prediction(first=2**31 - 1, predictions=[1, 2]).payload,
        prediction(inputs={"x": [1, 2]}, predictions=[1]).payload,
        prediction(references=[7]).payload,  # type: ignore[list-item]
        prediction(key=7).payload,  # type: ignore[arg-type]
        prediction(probabilities=[[0.5]], classes=["a", "b"]).payload,
        prediction().payload.replace(b'"age"', b"7"),
        prediction().payload.replace(b"22.0", b"1e999"),
        prediction().payload.replace(b"female", b"\\ud800"),
    ],
)
def test_what_no_worker_writes_is_refused_whole(store: Store, payload: bytes) -> None:
    odd = Record(1, 0, event().bytes, 1, payload)
    with pytest.raises(DataRefusedError) as caught:
        store.write([prediction("good"), odd])
    assert caught.value.facts["event"] == str(odd.uuid)
    assert rows(store) == []
    assert store.write([prediction("good")]) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"id": None, "actual": 1},
        {"id": 7, "actual": 1},
        {"id": "r"},
        {"id": "r", "row": -1, "actual": 1},
        {"id": "r", "row": True, "actual": 1},
        {"id": "r", "actual": 1, "time": "yesterday"},
        {"id": "r", "actual": 1, "time": "2026-11-28T12:00:00"},
    ],
)
def test_outcomes_of_no_form_are_refused(store: Store, said: dict[str, Any]) -> None:
    with pytest.raises(DataRefusedError):
        store.write([outcome(said)])


def test_a_time_that_no_calendar_has_is_refused(store: Store) -> None:
    made = prediction()
    far = Record(made.kind, 2**63, made.event, 1, made.payload)
    with pytest.raises(DataRefusedError):
        store.write([far])


def test_outcomes_join_by_id_and_row(store: Store) -> None:
    known = "2026-11-20T09:00:00+09:00"
    store.write([prediction("r", predictions=["yes", "yes", "no"])])
    store.write(
        [
            outcome(
                {"id": "r", "row": 1, "actual": "no", "time": known},
                {"id": "r", "row": 2, "actual": None},
            )
        ]
    )
    found = {one["row"]: (one["actual"], one["actual_time"]) for one in rows(store)}
    assert found == {
        0: (None, None),
        1: ("no", "2026-11-20T00:00:00.000Z"),
        2: (None, "2026-11-28T12:00:00.123Z"),
    }


def test_the_first_and_the_last_time_of_the_calendar(store: Store) -> None:
    """Some languages say the first where they have none."""
    times = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"]
    store.write([prediction("r", predictions=["a", "b"])])
    store.write(
        [outcome(*({"id": "r", "row": at, "actual": 1, "time": times[at]} for at in range(2)))]
    )
    assert [one["actual_time"] for one in rows(store)] == [times[1], "0001-01-01T00:00:00.000Z"]


def test_outcomes_may_come_before_and_of_anything(store: Store) -> None:
    store.write([outcome({"id": "later", "actual": 1}, {"reference": "never", "actual": 2})])
    assert rows(store) == []
    store.write([prediction("later")])
    assert [one["actual"] for one in rows(store)] == [1]
    assert store.status().outcomes == 2


def test_of_several_outcomes_the_last_said_counts(store: Store) -> None:
    later, last = NOON + timedelta(hours=1), NOON + timedelta(hours=2)
    store.write([prediction("r", references=["order"])])
    store.write([outcome({"id": "r", "actual": "third"}, time=last)])
    store.write([outcome({"id": "r", "actual": "first"}, time=NOON)])
    store.write([outcome({"reference": "order", "actual": "second"}, time=later)])
    assert [one["actual"] for one in rows(store)] == ["third"]
    twice = outcome({"id": "r", "actual": "a"}, {"id": "r", "actual": "b"}, time=last + SECOND)
    store.write([twice])
    assert [one["actual"] for one in rows(store)] == ["b"]


def test_a_reference_is_of_the_model_that_is_named(store: Store) -> None:
    store.write(
        [
            prediction("a", model="titanic", references=["order"]),
            prediction("b", model="house", references=["order"]),
            prediction("c", model="house", references=["other"]),
            outcome({"reference": "order", "model": "house", "actual": "of house"}),
            outcome({"id": "c", "model": "titanic", "actual": "of nobody"}),
        ]
    )
    assert {one["id"]: one["actual"] for one in rows(store)} == {
        "a": None,
        "b": "of house",
        "c": None,
    }
    store.write([outcome({"reference": "order", "actual": "of all"}, time=NOON + timedelta(1))])
    assert {one["id"]: one["actual"] for one in rows(store, reference="order")} == {
        "a": "of all",
        "b": "of all",
    }


def test_filters_go_together(store: Store) -> None:
    batch = [
        prediction(f"{model} {version} {hour}", model=model, version=version, time=when)
        for model in ("titanic", "house")
        for version in ("1", "2")
        for hour in range(3)
        for when in [NOON + timedelta(hours=hour)]
    ]
    store.write(batch)

    def found(**query: Any) -> list[str]:
        return [one["id"] for one in rows(store, **query)]

    second, third = NOON + timedelta(hours=1), NOON + timedelta(hours=2)
    assert len(found()) == 12
    assert sorted(found(model="house")) == sorted(
        f"house {version} {hour}" for version in "12" for hour in range(3)
    )
    assert found(model="house", version="2") == ["house 2 2", "house 2 1", "house 2 0"]
    assert found(model="house", version="2", since=second) == ["house 2 2", "house 2 1"]
    assert found(model="house", version="2", since=second, until=third) == ["house 2 1"]
    assert found(version="3") == []
    assert found(id="house 2 1", model="titanic") == []
    assert found(id="house 2 1", since=third) == []
    assert found(id="house 2 1", until=third) == ["house 2 1"]
    assert found(reference="nobody's") == []


def test_pages_are_whole_while_rows_arrive(store: Store) -> None:
    same = [prediction(f"s{at}", time=NOON) for at in range(5)]
    store.write([*spread(20), *same, prediction("many", time=NOON, predictions=["a"] * 5)])
    before = {(one["id"], one["row"]) for one in rows(store, limit=100)}
    assert len(before) == 30
    seen: list[tuple[str, int]] = []
    times: list[str] = []
    cursor = None
    while True:
        page = store.find(Query(limit=7, cursor=cursor))
        seen += [(one["id"], one["row"]) for one in page.items]
        times += [one["time"] for one in page.items]
        store.write([prediction(time=NOON + timedelta(days=1))])
        if page.cursor is None:
            break
        assert len(page.items) == 7
        cursor = page.cursor
    assert len(seen) == len(set(seen)) == 30
    assert set(seen) == before
    assert times == sorted(times, reverse=True)


def test_a_page_that_ends_with_the_last_row_has_no_cursor(store: Store) -> None:
    store.write(spread(4))
    assert store.find(Query(limit=4)).cursor is None
    first = store.find(Query(limit=2))
    assert store.find(Query(limit=2, cursor=first.cursor)).cursor is None


def test_pages_of_a_reference_and_of_a_request(store: Store) -> None:
    store.write([prediction("r", predictions=["a"] * 5, references=["x"] * 5)])
    for query in ({"id": "r"}, {"reference": "x"}, {"id": "r", "model": "titanic"}):
        first = store.find(Query(limit=3, **query))  # type: ignore[arg-type]
        rest = store.find(Query(limit=3, cursor=first.cursor, **query))  # type: ignore[arg-type]
        assert [one["row"] for one in (*first.items, *rest.items)] == [4, 3, 2, 1, 0]
        assert rest.cursor is None


@pytest.mark.parametrize("cursor", ["", "nonsense", "é", "A" * 37, "f" * 38])
def test_a_cursor_of_ones_own_making_is_none(store: Store, cursor: str) -> None:
    with pytest.raises(UsageError) as caught:
        store.find(Query(cursor=cursor))
    assert caught.value.code == "bad-cursor"
    assert store.write([prediction()]) == 1, "the store is none the worse"


def test_half_a_character_is_nowhere(store: Store) -> None:
    with pytest.raises(DataRefusedError):
        store.find(Query(reference="\ud800"))
    assert store.write([prediction()]) == 1


def test_its_status_counts(store: Store) -> None:
    empty = store.status()
    assert (empty.predictions, empty.outcomes, empty.oldest, empty.models) == (0, 0, None, {})
    store.write(
        [
            *spread(3),
            prediction(version="2"),
            outcome({"id": "r", "actual": 1}),
            prediction(model="h"),
        ]
    )
    told = store.status()
    assert (told.schema, told.predictions, told.outcomes) == ("0001", 5, 1)
    assert (told.oldest, told.newest) == ("2026-11-28T12:00:00.123Z", "2026-11-28T12:00:02.123Z")
    assert told.models == {"h": ["1"], "titanic": ["1", "2"]}
    assert told.size > 10_000


def test_a_reader_never_writes(url: str, store: Store) -> None:
    store.write([prediction("r")])
    with closing(open_store(url, read_only=True)) as reader:
        reader.check()
        assert [one["id"] for one in rows(reader)] == ["r"]
        with pytest.raises(StoreUnavailableError):
            reader.write([prediction()])
        assert reader.status().predictions == 1


def test_a_closed_store_opens_again(store: Store) -> None:
    store.write([prediction("r")])
    store.close()
    store.close()
    assert len(rows(store)) == 1


def test_threads_take_turns(store: Store) -> None:
    with ThreadPoolExecutor(6) as pool:
        written = sum(pool.map(lambda _: store.write(spread(20)), range(12)))
        pages = list(pool.map(lambda _: len(rows(store, limit=500)), range(6)))
    assert written == 240
    assert pages == [240] * 6


def test_who_does_not_open_a_store_pays_nothing() -> None:
    assert not modules_after("import pilotboat.operations.store") & HEAVY


def test_who_only_writes_into_a_file_needs_sqlite_alone(sqlite_url: str) -> None:
    code = (
        "from pilotboat.operations.store import open_store\n"
        "from tests.operations.store.records import prediction\n"
        f"store = open_store({sqlite_url!r})\n"
        "store.check(); assert store.write([prediction()]) == 1; store.close()"
    )
    assert not modules_after(code) & HEAVY


def test_who_only_writes_into_postgresql_needs_its_driver_alone(postgres_url: str) -> None:
    code = (
        "from pilotboat.operations.store import open_store\n"
        "from tests.operations.store.records import prediction\n"
        f"store = open_store({postgres_url!r})\n"
        "store.check(); assert store.write([prediction()]) == 1; store.close()"
    )
    assert modules_after(code) & HEAVY == {"psycopg"}
