from __future__ import annotations

import io
from typing import Any

import pytest

from pilotboat.batch.outcomes import read
from pilotboat.errors import DataError, UsageError
from pilotboat.operations import outcomes
from pilotboat.operations.outcomes import Target
from pilotboat.rows import Faults
from pilotboat.schema import Field


def classes(*values: Any) -> list[Field]:
    return [Field("prediction", "category", categories=values, closed=True)]


NUMBERS = [Field("a", "number"), Field("b", "number")]
MODELS = {
    "titanic": outcomes.target([classes("no", "yes")]),
    "digits": outcomes.target([classes(0, 1)]),
    "halves": outcomes.target([classes(0.0, 0.5)]),
    "flags": outcomes.target([classes(False, True)]),
    "codes": outcomes.target([classes("", "1", "NA")]),
    "house": outcomes.target([[Field("prediction", "number")]]),
    "two": outcomes.target([NUMBERS]),
    "grown": outcomes.target([classes("a", "b", "c"), classes("a", "z")]),
}


def targets(name: str | None) -> Target | None:
    if name is None:
        raise UsageError("none is named")
    return MODELS.get(name)


def told(text: str, model: str | None = None) -> tuple[list[tuple[int, Any]], list[str]]:
    """Lines with actual values, and faults."""
    faults = Faults()
    file = io.BytesIO(text.encode())
    found = [(number, one["actual"]) for number, one in read(file, targets, faults, model)]
    assert not file.closed
    return found, [f"{fault.pointer}: {fault.code}: {fault.detail}" for fault in faults.listed]


def whole(text: str, model: str | None = None) -> list[Any]:
    return [one for _, one in read(io.BytesIO(text.encode()), targets, Faults(), model)]


def test_csv_and_json_lines_say_the_same() -> None:
    table = (
        "id,row,reference,actual,model,time\r\n"
        "r-1,,,yes,,\r\n"
        "r-2,3,,no,titanic,2026-01-31T12:00:00Z\r\n"
        ",0,order 1,0.5,halves,\r\n"
    )
    lines = (
        '{"id":"r-1","actual":"yes"}\n\n'
        '{"id":"r-2","row":3,"actual":"no","model":"titanic","time":"2026-01-31T12:00:00Z"}\n'
        '{"reference":"order 1","actual":0.5,"model":"halves"}\n'
    )
    absent = dict.fromkeys(outcomes.FIELDS) | {"row": 0}
    expected = [
        absent | {"id": "r-1", "actual": "yes", "model": "titanic"},
        absent
        | {"id": "r-2", "row": 3, "actual": "no", "model": "titanic"}
        | {"time": "2026-01-31T12:00:00+00:00"},
        absent | {"reference": "order 1", "actual": 0.5, "model": "halves"},
    ]
    assert whole(table, "titanic") == expected
    assert whole(lines, "titanic") == expected
    assert whole("\ufeff" + table, "titanic") == expected


@pytest.mark.parametrize(
    ("model", "text", "actual"),
    [
        ("titanic", "yes", "yes"),
        ("digits", "1", 1),
        ("digits", "1.0", 1),
        ("halves", "0", 0.0),
        ("flags", "true", True),
        ("flags", "False", False),
        ("codes", "1", "1"),
        ("codes", "NA", "NA"),
        ("codes", "", ""),
        ("house", "1", 1.0),
        ("house", "-1e3", -1000.0),
        ("two", '"[1, 2.5]"', [1.0, 2.5]),
        ("grown", "c", "c"),
        ("grown", "z", "z"),
    ],
)
def test_text_gets_the_type_of_its_model(model: str, text: str, actual: Any) -> None:
    [(line, value)], faults = told(f"id,actual\nr,{text}\n", model)
    assert (line, value, type(value)) == (2, actual, type(actual))
    assert faults == []


@pytest.mark.parametrize(
    ("model", "text", "code", "says"),
    [
        ("titanic", "maybe", "unknown-category", "'no', 'yes'"),
        ("titanic", "", "missing-field", "empty"),
        ("digits", "yes", "wrong-type", "a number"),
        ("digits", "2", "unknown-category", "0, 1"),
        ("flags", "1", "wrong-type", "got text"),
        ("house", "", "missing-field", "empty"),
        ("house", "NaN", "missing-field", "empty"),
        ("house", "1e999", "number-out-of-range", "between"),
        ("house", '"1,5"', "wrong-type", "decimal point"),
        ("two", "1", "wrong-length", "a, b"),
        ("two", "[1", "wrong-type", "[1, 2]"),
        ("two", '"[1, null]"', "null-not-allowed", "null"),
        ("grown", "x", "unknown-category", "'a', 'b', 'c'"),
    ],
)
def test_text_that_is_no_answer_of_its_model_is_told(
    model: str, text: str, code: str, says: str
) -> None:
    found, [fault] = told(f"id,actual\nr,{text}\n", model)
    assert found == []
    assert fault.startswith(f"line 2, actual: {code}: ")
    assert says in fault


def test_every_line_at_fault_is_told_and_the_others_are_read() -> None:
    found, faults = told(
        "id,row,actual\na b,,yes\nr,-1,yes\nr,x,yes\nr,1.5,yes\nr,1\n\nr,1,yes\n,,yes\n", "titanic"
    )
    assert found == [(8, "yes")]
    assert [fault.rpartition(": ")[0] for fault in faults] == [
        "line 2, id: bad-id: expected the id of a request",
        "line 3, row: wrong-type",
        "line 4, row: wrong-type",
        "line 5, row: wrong-type",
        "line 6: wrong-length",
        "line 9, id: missing-field",
    ]


def test_lines_of_json_at_fault_are_told() -> None:
    lines = (
        '{"id":"r","actual":1,"model":"digits"}\n{"id":1}\nnonsense\n[1]\n{"id":"r","actual":NaN}\n'
    )
    found, faults = told(lines)
    assert found == [(1, 1)]
    assert [fault.partition(": ")[0] for fault in faults] == [
        "line 2, actual",
        "line 2, id",
        "line 3",
        "line 4",
        "line 5",
    ]


def test_a_model_that_the_server_lacks_is_told() -> None:
    text = "id,actual,model\nr,yes,titanik\n"
    assert told(text)[1] == ["line 2, model: unknown-model: expected a model that the server has"]
    assert told('{"id":"r","actual":1,"model":"x"}')[1][0].startswith(
        "line 1, model: unknown-model"
    )


def test_json_needs_no_model_and_csv_does() -> None:
    assert told('{"id":"r","actual":"1"}') == ([(1, "1")], [])
    with pytest.raises(UsageError):
        told("id,actual\nr,1\n")


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "empty-batch", "empty"),
        ("id,actual,id\n", "bad-header", "'id' is there twice"),
        ("id,actuall\n", "bad-header", "'actual'"),
        ("id,x,actual\n", "bad-header", "'x' is no column"),
        ("id,row\n", "bad-header", "lacks actual"),
        ("row,actual\n", "bad-header", "lacks id or reference"),
        ("[{}]", "invalid-json", "an object a line"),
        ('id,actual\nr,"yes', "invalid-csv", "line 2"),
        ("id,actual\nr,y\0", "invalid-csv", "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(text: str, code: str, says: str) -> None:
    with pytest.raises(DataError, match=f"(?s).*{says}") as caught:
        told(text, "titanic")
    assert caught.value.code == code
