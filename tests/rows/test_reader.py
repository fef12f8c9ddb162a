"""Rows of every shape -> checked columns, or every fault with its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotboat import rows as rows_module
from pilotboat.errors import MAX_FAULTS, RowsError
from pilotboat.rows import Reader, nearest, pointer
from pilotboat.schema import Field, Schema

OUTPUTS = (Field("prediction", "number"),)
SCHEMA = Schema(
    (
        Field("age", "number", nullable=True),
        Field("port", "category", categories=("Bergen", "Oslo"), closed=True),
        Field("paid", "boolean"),
    ),
    OUTPUTS,
    ignored=("ticket",),
)
TEXTS = Schema((Field("text", "text"),), OUTPUTS, layout="texts")
PAIR = Schema((Field("a", "number"), Field("b", "number", nullable=True)), OUTPUTS, layout="array")
ROW = {"age": 22.0, "port": "Oslo", "paid": True}
reader = Reader(SCHEMA)


def refusal(call: Any, *arguments: Any) -> RowsError:
    with pytest.raises(RowsError) as caught:
        call(*arguments)
    return caught.value


def told(call: Any, *arguments: Any) -> list[tuple[str, str, str]]:
    error = refusal(call, *arguments)
    return [(one.pointer, one.code, one.detail) for one in error.faults]


def test_rows_of_every_shape_are_the_same_rows() -> None:
    wanted = reader.records([ROW, ROW | {"age": None}])
    assert wanted.columns == ([22.0, None], ["Oslo", "Oslo"], [True, True])
    frame = pd.DataFrame({"paid": [True, True], "port": ["Oslo"] * 2, "age": [22.0, np.nan]})
    for rows in (
        [[22, "Oslo", True], (None, "Oslo", True)],
        [np.array([22, "Oslo", True], dtype=object), [None, "Oslo", True]],
        np.array([[22, "Oslo", True], [np.nan, "Oslo", True]], dtype=object),
        frame,
        frame.assign(age=frame["age"].astype("Float64"), other=1),
        (row for row in frame.to_dict("records")),
        wanted,
    ):
        assert reader.any(rows) == wanted


def test_one_record_is_one_row() -> None:
    assert reader.any(ROW).count == 1
    assert reader.any(ROW).records() == [ROW]


def test_texts_of_every_shape() -> None:
    texts = Reader(TEXTS)
    for rows in (
        ["a", "b"],
        ("a", "b"),
        np.array(["a", "b"]),
        np.array(["a", "b"], dtype=object),
        pd.Series(["a", "b"]),
        [{"text": "a"}, {"text": "b"}],
        [["a"], ["b"]],
    ):
        assert texts.any(rows).columns == (["a", "b"],)
    assert texts.any("a b").columns == (["a b"],)


def test_arrays() -> None:
    pair = Reader(PAIR)
    for dtype in ("float64", "float32", "int16", "float16"):
        assert pair.any(np.array([[1, 2]], dtype=dtype)).columns == ([1.0], [2.0])
    assert pair.any(np.array([[1, np.nan]])).columns == ([1.0], [None])
    one = Reader(Schema((Field("a", "number"),), OUTPUTS))
    assert one.any(np.array([1.0, 2.0])).columns == ([1.0, 2.0],)
    assert told(pair.any, np.zeros(2)) == [
        (
            "",
            "wrong-length",
            "expected an array of shape (rows, 2), its columns being a, b; got shape (2,)",
        )
    ]
    assert told(pair.any, np.zeros((3, 4)))[0][1] == "wrong-length"
    assert told(pair.any, np.array([[True, False]]))[0][1] == "wrong-type"


@pytest.mark.parametrize("rows", [[], (), np.zeros((0, 3)), pd.DataFrame(columns=[*ROW])])
def test_no_rows(rows: Any) -> None:
    assert told(reader.any, rows) == [("", "empty-batch", "expected at least one row")]


@pytest.mark.parametrize(("rows", "what"), [(5, "a number"), (b"ab", "a bytes"), (None, "null")])
def test_what_holds_no_rows(rows: Any, what: str) -> None:
    ((place, code, detail),) = told(reader.any, rows)
    assert (place, code) == ("", "wrong-shape")
    assert detail.endswith(f"got {what}")


def test_a_frame_with_a_column_twice() -> None:
    frame = pd.DataFrame([[1.0, 2.0, "Oslo", True]], columns=["age", "age", "port", "paid"])
    assert told(reader.any, frame) == [("age", "wrong-shape", "expected one column of that name")]
    one = frame.set_axis(["age", "other", "port", "paid"], axis=1)
    assert reader.any(one).columns[0] == [1.0]
    assert reader.any(frame.set_axis(["other", "age", "port", "paid"], axis=1)).columns[0] == [2.0]


def test_columns_of_a_frame_that_are_absent() -> None:
    assert told(reader.any, pd.DataFrame({"age": [1.0]})) == [
        ("port", "missing-field", "'port' is missing: expected text"),
        ("paid", "missing-field", "'paid' is missing: expected true or false"),
    ]
    assert told(reader.columns, {"port": [], "paid": []})[0][2] == (
        "'age' is missing: expected a number; send null where it is not known"
    )


def test_columns_of_different_lengths() -> None:
    columns = {"age": [1.0], "port": ["Oslo", "Oslo"], "paid": [True]}
    assert told(reader.columns, columns) == [
        ("", "wrong-length", "expected columns of the same length")
    ]


def test_every_fault_has_its_place() -> None:
    rows = [
        {"age": "22", "port": "Hamar", "paid": None},
        {"age": 1, "prot": "Oslo", "paid": True},
        ["Oslo", True],
        7,
        ROW,
    ]
    assert told(reader.records, rows) == [
        ("/1/port", "missing-field", "'port' is missing: expected text"),
        (
            "/1/prot",
            "unknown-field",
            "this model has no input of that name; did you mean 'port'?",
        ),
        ("/2", "wrong-length", "expected 3 values in this order: age, port, paid; got 2"),
        ("/3", "wrong-shape", "expected an object with the model's inputs, got a number"),
        ("/0/age", "wrong-type", "expected a number, got text"),
        ("/0/port", "unknown-category", "expected one of 'Bergen', 'Oslo'"),
        (
            "/0/paid",
            "null-not-allowed",
            "expected true or false, got null: this model was fitted without gaps here",
        ),
    ]
    error = refusal(reader.records, rows)
    assert (error.total, error.rows, error.code) == (7, 5, "missing-field")


def test_a_name_like_none_lists_the_inputs() -> None:
    ((place, _, detail),) = told(reader.records, [ROW | {"/~x": 1}])
    assert place == "/0/~1~0x"
    assert detail.endswith("inputs are: age, port, paid")


def test_names_that_no_step_reads_may_be_sent() -> None:
    assert reader.records([ROW | {"ticket": object()}]).records() == [ROW]


def test_unknown_names_may_be_ignored() -> None:
    assert Reader(SCHEMA, unknown="ignore").records([ROW | {"prot": 1}]).records() == [ROW]


def test_twenty_faults_are_spelled_out_and_all_are_counted() -> None:
    error = refusal(reader.records, [ROW | {"paid": 1}] * 31)
    assert len(error.faults) == MAX_FAULTS
    assert error.total == 31
    assert error.faults[-1].pointer == "/19/paid"
    assert str(error).startswith("/0/paid: expected true or false, got a number (30 more faults)")


def test_a_million_unknown_names_cost_a_look_up_each(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(name: str, names: Any) -> str:
        calls.append(name)
        return nearest(name, names)

    monkeypatch.setattr(rows_module, "nearest", counted)
    many = dict.fromkeys(map(str, range(10**6)), 0)
    error = refusal(reader.records, [ROW | many])
    assert error.total == 10**6
    assert len(calls) == MAX_FAULTS


def test_a_long_name_is_cut_before_it_is_compared() -> None:
    ((place, *_),) = told(reader.records, [ROW | {"a" * 10**6: 1}])
    assert place == "/0/" + "a" * 64


def test_csv_texts() -> None:
    columns = {"age": ["", "1e2", "-3"], "port": ["Oslo"] * 3, "paid": ["True", "false", "TRUE"]}
    rows = reader.texts(columns, rows_module.at_row)
    assert rows.columns == ([None, 100.0, -3.0], ["Oslo"] * 3, [True, False, True])
    bad = {"age": ["1,5", "NA"], "port": ["", "NULL"], "paid": ["yes", ""]}
    codes = [(place, code) for place, code, _ in told(reader.texts, bad, rows_module.at_row)]
    assert codes == [
        ("/0/age", "wrong-type"),
        ("/0/port", "unknown-category"),
        ("/1/port", "unknown-category"),
        ("/0/paid", "wrong-type"),
        ("/1/paid", "null-not-allowed"),
    ]


def test_parts_of_rows() -> None:
    rows = reader.records([ROW | {"age": n} for n in range(4)])
    assert rows.take(1, 3).columns[0] == [1.0, 2.0]
    assert rows.pick([3, 0]).columns[0] == [3.0, 0.0]
    assert rows.pick([3, 0]).count == 2


def test_a_pointer_is_escaped() -> None:
    assert pointer("instances", 0, "a/b~c") == "/instances/0/a~1b~0c"


def test_the_nearest_name() -> None:
    assert nearest("AGE", ["age", "port"]) == "age"
    assert nearest("emabrked", ["age", "embarked"]) == "embarked"
    assert nearest("zzz", ["age", "port"]) == ""


class Slow(dict[str, Any]):
    """A record that is no plain dict: it goes cell by cell."""


CELLS = {
    "age": st.one_of(st.none(), st.floats(), st.integers(), st.sampled_from(["1", True])),
    "port": st.sampled_from(["Oslo", "Bergen", "Oslo", "Hamar", 1, None]),
    "paid": st.sampled_from([True, False, True, 1, None]),
}
RECORDS = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=4)


@given(RECORDS)
def test_plain_records_and_others_get_the_same_answer(records: list[dict[str, Any]]) -> None:
    def outcome(rows: list[Any]) -> Any:
        try:
            return reader.records(rows).columns
        except RowsError as error:
            return error.report()

    wanted = outcome(records)
    assert outcome([Slow(one) for one in records]) == wanted
    assert outcome([one | {"ticket": 1} for one in records]) == wanted
    names = SCHEMA.names
    assert outcome([[one[name] for name in names] for one in records]) == wanted
