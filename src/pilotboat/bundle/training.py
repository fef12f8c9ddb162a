"""Training rows as checked rows, and what is kept of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.bundle import archive, baseline, golden
from pilotboat.bundle.manifest import BASELINE
from pilotboat.engines import Answer
from pilotboat.errors import DataError, RowsError
from pilotboat.rows import Reader, Rows, nearest, plain_column
from pilotboat.schema import Layout, Schema

SAMPLE = 50_000
"""Rows that golden rows and the baseline are made of; more are thinned out evenly."""

Answers = tuple[NDArray[Any], NDArray[np.float64] | None]


def thinned(frame: Any) -> Any:
    """At most `SAMPLE` rows of `frame`, evenly spread."""
    if frame is None or len(frame) <= SAMPLE:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, SAMPLE).astype(int)]


def features(frame: Any, target: str | None) -> Any:
    """`frame` without the column that is predicted. Raises `DataError` where it is not there."""
    if frame is None:
        return None
    columns = [str(name) for name in frame.columns]
    twice = next((name for name, count in Counter(columns).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"The data has the column '{twice}' twice.", code="bad-header")
    if target is None:
        return frame
    if target not in columns:
        near = nearest(target, columns)
        raise DataError(
            f"The data has no column '{target}' to be the target.",
            code="bad-header",
            hint=f"Did you mean '{near}'?" if near else f"Its columns are: {', '.join(columns)}.",
        )
    return frame.drop(columns=target)


def column_of(frame: Any, name: str, number: int, layout: Layout) -> Any:
    """The column of `frame` that the input `name`, the `number`-th, was trained on; or None."""
    if frame is None:
        return None
    if layout == "frame" or name in frame.columns:
        return frame[name] if name in frame.columns else None
    return _longest_text(frame) if layout == "texts" else frame.iloc[:, number]


def _longest_text(frame: Any) -> Any:
    texts = [name for name in frame.columns if frame[name].dtype.kind not in "biufc"]
    if not texts:
        raise DataError("The data has no column of text.", code="bad-header")
    return frame[max(texts, key=lambda name: frame[name].astype(str).str.len().mean())]


def rows_of(schema: Schema, frame: Any) -> Rows:
    """Training rows as rows of `schema`, gaps anywhere. Raises `DataError` where they break it."""
    columns = {
        field.name: plain_column(column_of(frame, field.name, number, schema.layout))
        for number, field in enumerate(schema.inputs)
    }
    gappy = tuple(replace(field, nullable=True) for field in schema.inputs)
    reader = Reader(replace(schema, inputs=gappy))
    try:
        return replace(reader.columns(columns, _in_data), schema=schema)
    except RowsError as error:
        fault = error.faults[0]
        raise DataError(
            f"The training data does not fit the model: {fault.pointer}: {fault.detail}.",
            code="data-mismatch",
            hint="If a type is wrong, state it: --types column=type.",
        ) from error


def _in_data(row: int, name: str) -> str:
    return f"row {row + 1}, column '{name}'"


def record(draft: Path, rows: Rows, answer: Answer, *, real: bool) -> tuple[list[int], Answers]:
    """Write the golden rows and the baseline. Returns the golden rows' numbers and answers.

    real: `rows` are training rows, not rows made up from the schema.
    """
    numbers = golden.pick(rows)
    kept = rows.pick(numbers)
    labels, shares = answer(kept)
    golden.write(draft, kept, labels.tolist(), None if shares is None else shares.tolist())
    told: dict[str, Any] = {"rows": 0}
    if real:
        told = baseline.describe(rows, answer(rows)[0])
    archive.write_json(draft / BASELINE, told)
    return numbers, (labels, shares)
