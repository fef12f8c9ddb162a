"""Checked rows -> exactly what the estimator was fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pilotboat.engines.tables import series, table
from pilotboat.rows import Rows
from pilotboat.schema import Field, Schema

NAN = float("nan")
SERIES: list[tuple[Field, list[Any], Any]] = [
    (Field("x", "number", dtype="float64"), [1.0, None], pd.Series([1.0, NAN])),
    (Field("x", "number", dtype="float32"), [0.1, None], pd.Series([0.1, NAN], dtype="float32")),
    (Field("x", "number", dtype="float32"), [0.1, 1e300], pd.Series([float(np.float32(0.1)), 1e300])),
    (Field("x", "number", dtype="int64"), [1.0, 2.0], pd.Series([1, 2])),
    (Field("x", "number", dtype="int64"), [1.0, 2.5], pd.Series([1.0, 2.5])),
    (Field("x", "number", dtype="int8"), [1.0, 300.0], pd.Series([1.0, 300.0])),
    (Field("x", "integer", dtype="int64"), [2**62 + 1], pd.Series([2**62 + 1])),
    (Field("x", "integer", dtype="int64"), [1, None], pd.Series([1.0, NAN])),
    (Field("x", "number", dtype="Int64", gap="na"), [1.0, None], pd.Series([1, None], dtype="Int64")),
    (Field("x", "number", dtype="Int64"), [1.5, None], pd.Series([1.5, None], dtype="Float64")),
    (Field("x", "number", dtype="Int8"), [1.0, 300.0], pd.Series([1.0, 300.0], dtype="Float64")),
    (Field("x", "number", dtype="Float64"), [1.5, None], pd.Series([1.5, None], dtype="Float64")),
    (Field("x", "boolean", dtype="bool"), [True, False], pd.Series([True, False])),
    (Field("x", "boolean", dtype="bool"), [True, None], pd.Series([True, NAN], dtype=object)),
    (Field("x", "boolean", dtype="boolean"), [True, None], pd.Series([True, None], dtype="boolean")),
    (Field("x", "text", dtype="object"), ["a", None], pd.Series(["a", NAN], dtype=object)),
    (Field("x", "text", dtype="object", gap="none"), ["a", None], pd.Series(["a", None], dtype=object)),
    (Field("x", "text", dtype="object", gap="na"), ["a", None], pd.Series(["a", pd.NA], dtype=object)),
    (Field("x", "text", dtype="string"), ["a", None], pd.Series(["a", None], dtype="string")),
    (Field("x", "number"), [1.0, None], pd.Series([1.0, NAN])),
    (Field("x", "integer"), [1, 2], pd.Series([1, 2])),
    (Field("x", "boolean"), [True], pd.Series([True])),
    (Field("x", "text"), ["a"], pd.Series(["a"], dtype=object)),
    (Field("x", "category", categories=(1, 2)), [1, None], pd.Series([1.0, NAN])),
    (Field("x", "category", categories=(1.0, 2.5)), [1.0], pd.Series([1.0])),
    (Field("x", "category", categories=("a",)), ["a"], pd.Series(["a"], dtype=object)),
    (
        Field("x", "category", categories=("a", "b"), dtype="category"),
        ["b", "z", None],
        pd.Series(pd.Categorical(["b", "z", None], categories=["a", "b", "z"])),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("field", "column", "wanted"), SERIES)
def test_a_column(field: Field, column: list[Any], wanted: Any) -> None:
    got = series(field, column)
    pd.testing.assert_series_equal(got, wanted, check_names=False)
    kinds = [type(value) for value in got]
    assert kinds == [type(value) for value in wanted]


def rows_of(schema: Schema, *columns: list[Any]) -> Rows:
    return Rows(schema, columns, len(columns[0]))


OUT = (Field("prediction", "number"),)


def test_a_frame_keeps_the_order_and_the_names() -> None:
    schema = Schema((Field("b", "number", dtype="float64"), Field("a", "text")), OUT)
    frame = table(rows_of(schema, [1.0], ["x"]))
    assert list(frame.columns) == ["b", "a"]


def test_arrays() -> None:
    numbers = (Field("a", "number"), Field("b", "boolean"))
    got = table(rows_of(Schema(numbers, OUT, layout="array"), [1.0, None], [True, False]))
    assert got.dtype == np.float64
    assert np.array_equal(got, np.array([[1, 1], [NAN, 0]]), equal_nan=True)
    small = Schema(numbers, OUT, layout="array", dtype="float32")
    assert table(rows_of(small, [1.0], [True])).dtype == np.float32
    mixed = Schema((numbers[0], Field("c", "text", gap="none")), OUT, layout="array")
    got = table(rows_of(mixed, [1.0], [None]))
    assert got.dtype == object
    assert got.tolist() == [[1.0, None]]


def test_texts_are_a_list() -> None:
    schema = Schema((Field("text", "text"),), OUT, layout="texts")
    assert table(rows_of(schema, ["a", "b"])) == ["a", "b"]
