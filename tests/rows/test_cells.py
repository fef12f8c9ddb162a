"""One cell, one column: what is taken, what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas._libs.parsers import STR_NA_VALUES

from pilotboat.rows.cells import (
    GAP_WORDS,
    BadCellError,
    Column,
    cell_of,
    describe,
    is_gap,
    parser_of,
)
from pilotboat.schema import Field

NUMBER = Field("x", "number")
SMALL = Field("x", "number", largest=1e38)
INTEGER = Field("x", "integer")
BOOLEAN = Field("x", "boolean")
TEXT = Field("x", "text")
PORT = Field("x", "category", categories=("Bergen", "Oslo"), closed=True)
OPEN = Field("x", "category", categories=("Bergen", "Oslo"))
DECK = Field("x", "category", categories=(1, 2, 3), closed=True)
OPEN_DECK = Field("x", "category", categories=(1, 2, 3))
SHARE = Field("x", "category", categories=(0.5, 1.0), closed=True)
FLAGS = Field("x", "category", categories=(False, True), closed=True)
UNKNOWN = Field("x", "category")
MANY = Field("x", "category", categories=tuple("abcdefghijklmn"), closed=True)
NULLABLE = Field("x", "number", nullable=True)

GOOD: list[tuple[Field, Any, Any]] = [
    (NUMBER, 1, 1.0),
    (NUMBER, 1.5, 1.5),
    (NUMBER, -0.0, -0.0),
    (NUMBER, 2**60, float(2**60)),
    (NUMBER, np.float32(0.5), 0.5),
    (NUMBER, np.int8(3), 3.0),
    (NUMBER, np.array(2.5), 2.5),
    (SMALL, 1e38, 1e38),
    (NULLABLE, None, None),
    (NULLABLE, float("nan"), None),
    (NULLABLE, np.float64("nan"), None),
    (NULLABLE, pd.NA, None),
    (INTEGER, 22, 22),
    (INTEGER, 22.0, 22),
    (INTEGER, np.int64(-(2**63)), -(2**63)),
    (INTEGER, 2**63 - 1, 2**63 - 1),
    (BOOLEAN, True, True),
    (BOOLEAN, np.bool_(False), False),
    (TEXT, "", ""),
    (TEXT, np.str_("quay"), "quay"),
    (TEXT, "Tromsø 🚢", "Tromsø 🚢"),
    (PORT, "Oslo", "Oslo"),
    (OPEN, "Hamar", "Hamar"),
    (DECK, 3, 3),
    (DECK, 3.0, 3),
    (DECK, np.int16(2), 2),
    (OPEN_DECK, 9, 9),
    (OPEN_DECK, 9.5, 9.5),
    (SHARE, 1, 1.0),
    (SHARE, 0.5, 0.5),
    (FLAGS, True, True),
    (UNKNOWN, "anything", "anything"),
]

BAD: list[tuple[Field, Any, str, str]] = [
    (NUMBER, "1", "wrong-type", "expected a number, got text"),
    (NUMBER, True, "wrong-type", "expected a number, got true or false"),
    (NUMBER, np.bool_(True), "wrong-type", "expected a number, got true or false"),
    (NUMBER, [1], "wrong-type", "expected a number, got a list"),
    (NUMBER, np.array([1.0]), "wrong-type", "expected a number, got a list"),
    (NUMBER, {"a": 1}, "wrong-type", "expected a number, got an object"),
    (NUMBER, 1j, "wrong-type", "expected a number, got a complex"),
    (
        NUMBER,
        None,
        "null-not-allowed",
        "expected a number, got null: this model was fitted without gaps here",
    ),
    (
        NUMBER,
        pd.NA,
        "null-not-allowed",
        "expected a number, got null: this model was fitted without gaps here",
    ),
    (
        NUMBER,
        float("inf"),
        "number-out-of-range",
        "expected a number between -1.79769e+308 and 1.79769e+308",
    ),
    (
        NUMBER,
        10**400,
        "number-out-of-range",
        "expected a number between -1.79769e+308 and 1.79769e+308",
    ),
    (SMALL, -2e38, "number-out-of-range", "expected a number between -1e+38 and 1e+38"),
    (SMALL, 2 * 10**38, "number-out-of-range", "expected a number between -1e+38 and 1e+38"),
    (INTEGER, 1.5, "wrong-type", "expected an integer, got a fraction"),
    (INTEGER, True, "wrong-type", "expected an integer, got true or false"),
    (INTEGER, "7", "wrong-type", "expected an integer, got text"),
    (INTEGER, 2**63, "number-out-of-range", "expected an integer of 64 bits"),
    (INTEGER, 1e300, "number-out-of-range", "expected an integer of 64 bits"),
    (INTEGER, float("-inf"), "number-out-of-range", "expected an integer of 64 bits"),
    (BOOLEAN, 1, "wrong-type", "expected true or false, got a number"),
    (BOOLEAN, "true", "wrong-type", "expected true or false, got text"),
    (TEXT, 1, "wrong-type", "expected text, got a number"),
    (TEXT, b"quay", "wrong-type", "expected text, got a bytes"),
    (TEXT, "x" * 101, "string-too-long", "expected at most 100 characters"),
    (TEXT, "a\0b", "control-character", "expected text without the character U+0000"),
    (PORT, "oslo", "unknown-category", "expected one of 'Bergen', 'Oslo'"),
    (PORT, 1, "wrong-type", "expected text, got a number"),
    (OPEN, "x" * 101, "string-too-long", "expected at most 100 characters"),
    (DECK, 4, "unknown-category", "expected one of 1, 2, 3"),
    (DECK, 2.5, "unknown-category", "expected one of 1, 2, 3"),
    (DECK, "1", "wrong-type", "expected a number, got text"),
    (DECK, True, "wrong-type", "expected a number, got true or false"),
    (OPEN_DECK, 2**64, "number-out-of-range", "expected a number of 64 bits"),
    (OPEN_DECK, float("inf"), "number-out-of-range", "expected a number of 64 bits"),
    (SHARE, 2, "unknown-category", "expected one of 0.5, 1.0"),
    (
        MANY,
        "z",
        "unknown-category",
        "expected one of 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', …",
    ),
]


@pytest.mark.parametrize(("field", "value", "wanted"), GOOD)
def test_a_good_cell(field: Field, value: Any, wanted: Any) -> None:
    got = cell_of(field, 100).one(value)
    assert got == wanted
    assert type(got) is type(wanted)


@pytest.mark.parametrize(("field", "value", "code", "detail"), BAD)
def test_a_bad_cell(field: Field, value: Any, code: str, detail: str) -> None:
    with pytest.raises(BadCellError) as caught:
        cell_of(field, 100).one(value)
    assert (caught.value.code, caught.value.detail) == (code, detail)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["Bergen", "Oslo", "Hamar", "", "1", "a\0b", "x" * 30]),
    st.sampled_from([1, 2, 3, 1.0, 0.5, 2**63, 1e38, 2e38]),
    st.text(max_size=3),
    st.sampled_from([np.float32(1.5), np.int64(2), np.bool_(True), pd.NA]),
)
FIELDS = [NUMBER, SMALL, NULLABLE, INTEGER, BOOLEAN, TEXT, PORT, OPEN, DECK, OPEN_DECK, SHARE]


@given(st.sampled_from(FIELDS), st.lists(VALUES, max_size=6), st.data())
def test_a_whole_column_is_judged_as_its_cells_are(
    field: Field, mixed: list[Any], data: st.DataObject
) -> None:
    pure = data.draw(st.lists(st.sampled_from(mixed), max_size=4)) if mixed else []
    cell = cell_of(field, 20)
    for column in (mixed, pure):
        whole = cell.whole(column)
        if whole is not None:
            assert [(type(v), v) for v in whole] == [(type(v), v) for v in map(cell.one, column)]


@given(
    st.sampled_from(FIELDS),
    st.sampled_from(
        [
            st.floats(allow_nan=False),
            st.integers(),
            st.booleans(),
            st.sampled_from(["Bergen", "Oslo", "Hamar"]),
        ]
    ),
    st.data(),
)
def test_a_clean_column_is_judged_as_its_cells_are(
    field: Field, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    column: Column = data.draw(st.lists(values, min_size=1, max_size=5))
    cell = cell_of(field, 20)
    try:
        single = [cell.one(value) for value in column]
    except BadCellError:
        assert cell.whole(column) is None
        return
    whole = cell.whole(column)
    assert whole is None or (whole == single and list(map(type, whole)) == list(map(type, single)))


def test_what_a_value_is_called() -> None:
    values: list[Any] = [None, True, "a", 1.5, {}, [], (), np.zeros(2), b"", 1j]
    called = {describe(one) for one in values}
    assert called == {
        "null",
        "true or false",
        "text",
        "a number",
        "an object",
        "a list",
        "a bytes",
        "a complex",
    }


def test_what_a_gap_is() -> None:
    assert all(map(is_gap, [None, float("nan"), np.float64("nan"), pd.NA]))
    assert not any(map(is_gap, [0, "", "nan", [], False]))


PARSED: list[tuple[Field, str, Any]] = [
    (NUMBER, "1", 1),
    (NUMBER, "-1.50", -1.5),
    (NUMBER, "1.", 1.0),
    (NUMBER, "+.5e-3", 0.0005),
    (NUMBER, "1" * 25, float("1" * 25)),
    (NUMBER, "", None),
    (NUMBER, "nan", None),
    (INTEGER, "007", 7),
    (INTEGER, "22.0", 22.0),
    (BOOLEAN, "True", True),
    (BOOLEAN, "FALSE", False),
    (BOOLEAN, "1", "1"),
    (BOOLEAN, "NA", None),
    (TEXT, "NA", "NA"),
    (TEXT, "", ""),
    (Field("x", "text", nullable=True), "NA", None),
    (PORT, "NULL", "NULL"),
    (Field("x", "category", categories=("NA", "EU"), nullable=True), "NA", "NA"),
    (Field("x", "category", categories=("NA", "EU"), nullable=True), "N/A", None),
    (DECK, "2", 2),
    (DECK, "2.0", 2.0),
    (SHARE, "0.5", 0.5),
    (FLAGS, "true", True),
    (FLAGS, "False", False),
    (UNKNOWN, "5", "5"),
]


@pytest.mark.parametrize(("field", "text", "wanted"), PARSED)
def test_text_is_parsed(field: Field, text: str, wanted: Any) -> None:
    got = parser_of(field)(text)
    assert got == wanted
    assert type(got) is type(wanted)


@pytest.mark.parametrize(
    "text", ["1,5", "1_000", " 1 ", "1e5x", "0x10", "inf", "Infinity", "--1", ".", "٣", "1 000"]
)
def test_what_is_no_number_is_not_guessed(text: str) -> None:
    with pytest.raises(BadCellError) as caught:
        parser_of(NUMBER)(text)
    assert caught.value.code == "wrong-type"
    assert "decimal point" in caught.value.detail


@pytest.mark.parametrize("word", sorted(GAP_WORDS))
def test_the_gap_words_of_pandas_are_gaps(word: str) -> None:
    assert parser_of(NULLABLE)(word) is None


def test_pandas_has_no_other_gap_words() -> None:
    assert set(STR_NA_VALUES) == GAP_WORDS
