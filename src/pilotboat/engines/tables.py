"""Checked rows -> the DataFrame, array or texts that a scikit-learn estimator was fitted on.

Training dtype and kind of gap are rebuilt exactly: an estimator may answer differently, or not at
all, for 3 and 3.0, or for None and NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pilotboat.rows import Rows
from pilotboat.rows.cells import Column
from pilotboat.schema import Field

GAPS: dict[str, Any] = {"nan": np.nan, "none": None, "na": pd.NA}


def table(rows: Rows) -> Any:
    """What the estimator takes: a DataFrame, an array of shape (n, inputs) or a list of texts."""
    schema = rows.schema
    if schema.layout == "texts":
        return rows.columns[0]
    pairs = zip(schema.inputs, rows.columns, strict=True)
    if schema.layout == "frame":
        return pd.DataFrame({field.name: series(field, column) for field, column in pairs})
    dtype = np.dtype(schema.dtype or _common(schema.inputs))
    if dtype.kind == "O":
        columns = [_with_gaps(field, column) for field, column in pairs]
        array = np.empty((rows.count, len(columns)), dtype=object)
        for number, column in enumerate(columns):
            array[:, number] = column
        return array
    return np.column_stack([_numbers(column, dtype) for column in rows.columns])


def series(field: Field, column: Column) -> Any:
    """One column as pandas held it at training."""
    dtype = field.dtype or _guess(field, column)
    if dtype == "category":
        return pd.Series(_categorical(field, column))
    kind = np.dtype(dtype).kind if dtype in _PLAIN else ""
    if kind in "iuf" and kind:
        return pd.Series(_numbers(column, np.dtype(dtype)))
    if kind == "b" and None not in column:
        return pd.Series(np.array(column, dtype=bool))
    if kind in "bO" and kind:
        return pd.Series(_with_gaps(field, column), dtype=object)
    try:
        return pd.Series(column, dtype=dtype)
    except (TypeError, ValueError, OverflowError):
        # A fraction where training saw whole numbers only: pandas' nullable integers hold none.
        if field.type not in ("number", "integer", "category"):
            raise
        return pd.Series(column, dtype="Float64")


_PLAIN = frozenset(
    ["object", "bool", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)


def _guess(field: Field, column: Column) -> str:
    """The dtype that pandas would have given a column of this type, where training's is unknown."""
    if field.type == "number":
        return "float64"
    known = field.categories or tuple(column)
    numeric = all(type(value) in (int, float) for value in known if value is not None)
    if field.type == "integer" or (field.type == "category" and numeric):
        whole = None not in column and all(type(value) is int for value in known)
        return "int64" if whole else "float64"
    return "bool" if field.type == "boolean" and None not in column else "object"


def _common(fields: tuple[Field, ...]) -> str:
    numeric = all(field.type in ("number", "integer", "boolean") for field in fields)
    return "float64" if numeric else "object"


def _numbers(column: Column, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Numbers in `dtype`, or in float64 where `dtype` cannot hold one of them."""
    floats = np.array(column, dtype=np.float64)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            rounded = floats.astype(dtype, copy=False)
        large = np.isinf(rounded)
        # The others are rounded all the same: an answer must not depend on the row beside it.
        return np.where(large, floats, rounded.astype(np.float64)) if large.any() else rounded
    if not np.isfinite(floats).all() or (floats != np.rint(floats)).any():
        return floats
    limits = np.iinfo(dtype)
    if floats.size and not (limits.min <= floats.min() and floats.max() <= limits.max):
        return floats
    exact = all(type(value) is int for value in column)
    return np.array(column, dtype=dtype) if exact else floats.astype(dtype)


def _with_gaps(field: Field, column: Column) -> list[Any]:
    gap = GAPS[field.gap]
    return column if None not in column else [gap if v is None else v for v in column]


def _categorical(field: Field, column: Column) -> Any:
    known = list(field.categories or ())
    if field.type == "number":
        return pd.Categorical(column)
    new = [value for value in dict.fromkeys(column) if value is not None and value not in known]
    return pd.Categorical(column, categories=known + new)
