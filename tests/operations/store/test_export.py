"""Predictions as files."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pilotboat.errors import DataError, UsageError
from pilotboat.operations.store import Query, open_store
from tests.operations.store.records import NOON, outcome, prediction, spread

export = pytest.importorskip("pilotboat.operations.store.export", reason="needs sqlalchemy")
if TYPE_CHECKING:
    from pilotboat.operations.store.store import Store

HOUR = timedelta(hours=1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE", 3)


def table(store: Store, **more: Any) -> list[list[str]]:
    """What CSV of the store has."""
    sink = io.BytesIO()
    query = Query(**{name: more.pop(name) for name in list(more) if name in Query.__slots__})
    rows = store.export(query, "csv", sink, **more)
    made = list(csv.reader(io.StringIO(sink.getvalue().decode(), newline="")))
    assert len(made) == rows + 1
    return made


def parquet(store: Store, **more: Any) -> Any:
    pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    sink = io.BytesIO()
    store.export(Query(), "parquet", sink, **more)
    return pq.read_table(io.BytesIO(sink.getvalue()))


def fill(store: Store) -> None:
    """Ten rows of a classifier, two of which have become known."""
    store.write(
        [
            prediction(
                f"r{at}",
                time=NOON + HOUR * at,
                inputs={"sex": ["female" if at % 2 else None], "age": [at + 0.5], "kin": [at]},
                probabilities=[[0.25, 0.75]],
                classes=["no", "yes"],
                references=[f"order {at}"] if at else None,
            )
            for at in range(10)
        ]
    )
    store.write([outcome({"id": "r0", "actual": "no"}, {"reference": "order 7", "actual": "yes"})])


@pytest.mark.usefixtures("small")
def test_csv_has_everything_the_oldest_first(store: Store) -> None:
    fill(store)
    head, *rows = table(store)
    assert head == [
        *("id", "row", "time", "model", "version", "prediction", "actual", "reference"),
        *("probability_no", "probability_yes", "sex", "age", "kin"),
    ]
    assert [row[0] for row in rows] == [f"r{at}" for at in range(10)]
    assert rows[0] == [
        *("r0", "0", "2026-11-28T12:00:00.123Z", "titanic", "1", "yes", "no", ""),
        *("0.25", "0.75", "", "0.5", "0"),
    ]
    assert rows[7][6:8] == ["yes", "order 7"]
    assert [row[0] for row in table(store, since=NOON + HOUR, until=NOON + HOUR * 3)[1:]] == [
        "r1",
        "r2",
    ]


def test_text_survives_csv(store: Store) -> None:
    awkward = 'a,"b"\n\tc, 한국어 🚢'
    store.write([prediction(inputs={awkward: [awkward]}, predictions=[[1.5, 2.0]])])
    head, row = table(store)
    assert (head[-1], row[-1], row[5]) == (awkward, awkward, "[1.5,2.0]")


def test_versions_share_their_columns(store: Store) -> None:
    store.write(
        [
            prediction("a", version="1", inputs={"x": [1], "old": [2]}),
            prediction("b", version="2", inputs={"x": [3], "new": [4]}, time=NOON + HOUR),
        ]
    )
    head, first, second = table(store)
    assert (head[8:], first[8:], second[8:]) == (
        ["x", "old", "new"],
        ["1", "2", ""],
        ["3", "", "4"],
    )
    assert table(store, version="2")[0][8:] == ["x", "new"], "what none of them has is no column"
    assert table(store, since=NOON + HOUR)[0][8:] == ["x", "new"]


def test_several_models_are_told_of(store: Store) -> None:
    store.write([prediction("a", inputs={"x": [1]}), prediction(model="house", inputs={"y": [1]})])
    with pytest.raises(UsageError, match=r"predictions of house, titanic.*--model NAME"):
        table(store)
    assert table(store, model="titanic")[0][-1] == "x"
    head, *rows = table(store, json_inputs=True)
    assert head[-1] == "inputs"
    assert sorted(row[-1] for row in rows) == ['{"x":1}', '{"y":1}']


def test_an_input_with_a_name_that_is_taken_has_another(store: Store) -> None:
    inputs = {"time": [1], "prediction": [2], "probability_yes": [3], "x": [4]}
    store.write([prediction(inputs=inputs, probabilities=[[1.0]], classes=["yes"])])
    head, row = table(store)
    names = ["input_time", "input_prediction", "input_probability_yes", "x"]
    assert (head[8:], row[8:]) == (["probability_yes", *names], ["1.0", "1", "2", "3", "4"])


def test_two_inputs_of_one_name_are_told_of(store: Store) -> None:
    store.write([prediction(inputs={"time": [1], "input_time": [2]})])
    with pytest.raises(UsageError, match=r"'input_time'.*--json-inputs"):
        table(store)
    assert table(store, json_inputs=True)[1][-1] == '{"time":1,"input_time":2}'


@pytest.mark.parametrize("query", [{}, {"model": "nobody's"}, {"since": NOON + HOUR}])
def test_nothing_is_told_of(store: Store, query: dict[str, Any]) -> None:
    if query:
        store.write([prediction()])
    with pytest.raises(DataError, match="no such prediction"):
        table(store, **query)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("form", "times"), [("csv", 1), ("parquet", 2)])
def test_progress_ends_with_everything(store: Store, form: str, times: int) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="needs pyarrow")
    store.write(spread(10))
    told: list[tuple[int, int]] = []
    store.export(Query(), form, io.BytesIO(), progress=lambda *now: told.append(now))
    assert told[0] == (3, 10 * times)
    assert told[-1] == (10 * times, 10 * times)


@pytest.mark.usefixtures("small")
def test_a_file_is_of_one_state(url: str, store: Store) -> None:
    """Rows that arrive meanwhile are not in it, nor outcomes; whoever writes does not wait."""
    store.write(spread(10))
    with closing(open_store(url)) as other:
        sink = io.BytesIO()

        def arrive(_done: int, _total: int) -> None:
            other.write([prediction(time=NOON + HOUR), outcome({"id": "r", "actual": 1})])

        assert store.export(Query(), "csv", sink, progress=arrive) == 10
        assert other.status().predictions == 14


@pytest.mark.usefixtures("small")
def test_parquet_has_types(store: Store) -> None:
    fill(store)
    made = parquet(store)
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    assert {field.name: field.type for field in made.schema} == {
        "id": pa.string(),
        "row": pa.int32(),
        "time": pa.timestamp("ms", tz="UTC"),
        "model": pa.string(),
        "version": pa.string(),
        "prediction": pa.string(),
        "actual": pa.string(),
        "reference": pa.string(),
        "probability_no": pa.float64(),
        "probability_yes": pa.float64(),
        "sex": pa.string(),
        "age": pa.float64(),
        "kin": pa.int64(),
    }
    rows = made.to_pylist()
    assert len(rows) == 10
    assert rows[3] == {
        "id": "r3",
        "row": 0,
        "time": datetime(2026, 11, 28, 15, 0, 0, 123_000, UTC),
        "model": "titanic",
        "version": "1",
        "prediction": "yes",
        "actual": None,
        "reference": "order 3",
        "probability_no": 0.25,
        "probability_yes": 0.75,
        "sex": "female",
        "age": 3.5,
        "kin": 3,
    }


@pytest.mark.usefixtures("small")
def test_parquet_is_written_in_groups(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = pytest.importorskip("pilotboat.operations.store.parquet", reason="needs pyarrow")
    monkeypatch.setattr(parts, "GROUP", 6)
    store.write(spread(10))
    assert parquet(store)["time"].to_pylist() == [NOON + timedelta(seconds=at) for at in range(10)]


@pytest.mark.usefixtures("small")
def test_parquet_finds_a_type_for_all_rows(store: Store) -> None:
    """What the first rows look like is not the last word."""
    values: dict[str, list[Any]] = {
        "later": [None] * 9 + [True],
        "wider": [1] * 9 + [1.5],
        "mixed": [1] * 9 + ["a"],
        "never": [None] * 10,
        "large": [2**53 + 1] * 9 + [0.5],
        "huge": [2**63] + [1] * 9,
    }
    store.write(
        [
            prediction(
                time=NOON + HOUR * at,
                inputs={name: [cells[at]] for name, cells in values.items()},
                predictions=[[1, 2.5] if at else [1, 2]],
            )
            for at in range(10)
        ]
    )
    made = parquet(store)
    kinds = {field.name: str(field.type) for field in made.schema}
    assert kinds["prediction"].startswith("list<")
    assert [kinds[name] for name in values] == [
        *("bool", "double", "string", "string", "double", "string")
    ]
    assert made["prediction"].to_pylist()[:2] == [[1, 2], [1, 2.5]]
    assert made["mixed"].to_pylist() == ["1"] * 9 + ['"a"']
    assert made["large"].to_pylist() == [float(2**53)] * 9 + [0.5]
    assert made["later"].to_pylist() == values["later"]


def test_parquet_takes_all_inputs_as_json(store: Store) -> None:
    store.write([prediction("a", inputs={"x": [1]}), prediction(model="house", inputs={"y": [1]})])
    made = parquet(store, json_inputs=True)
    assert sorted(made["inputs"].to_pylist()) == ['{"x":1}', '{"y":1}']


PEAK = """
import resource, sys
from pilotboat.operations.store import Query, open_store
store = open_store(sys.argv[1], read_only=True)
store.find(Query(limit=1000))
class Sink:
    def write(self, data): return len(data)
    def flush(self): pass
    def readable(self): return False
    def writable(self): return True
    def seekable(self): return False
    closed = False
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = store.export(Query(), "csv", Sink())
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_rows(url: str, store: Store) -> None:
    """Of all rows it would be twenty megabytes and more."""
    for _ in range(12):
        wide = {f"input {at}": ["x" * 100] * 500 for at in range(20)}
        store.write([prediction(inputs=wide, predictions=["yes"] * 500)])
    done = subprocess.run(
        [sys.executable, "-c", PEAK, url], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 6_000
    assert kilobytes < 10_000
