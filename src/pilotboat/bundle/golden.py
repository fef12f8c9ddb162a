"""Golden rows: rows with the answers that were given when the model was packed.

A server answers them again before it says that it is ready: labels must be identical, numbers
within `TOLERANCE` (another processor may round otherwise, and so may one row from many).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.bundle.manifest import GOLDEN
from pilotboat.engines import Answer
from pilotboat.errors import BundleError
from pilotboat.rows import Reader, Rows
from pilotboat.rows.cells import Column
from pilotboat.schema import Field, Schema, Value

COUNT = 32
TOLERANCE = 1e-9
COARSE = 1e-4
"""The same for a model that computes in float32, of which 1e-9 is less than the last bit."""
WORDS = "the a good bad very not one day it was and is this that with for".split()  # noqa: SIM905


def pick(rows: Rows) -> list[int]:
    """Up to `COUNT` row numbers: spread evenly, with every category and a gap of every column."""
    chosen = dict.fromkeys(np.linspace(0, rows.count - 1, COUNT // 2).astype(int).tolist())
    for column in rows.columns:
        if len(set(column)) <= COUNT:
            chosen |= dict.fromkeys(column.index(value) for value in dict.fromkeys(column))
        elif None in column:
            chosen[column.index(None)] = None
    for number in range(rows.count):
        if len(chosen) >= COUNT:
            break
        chosen[number] = None
    return sorted(chosen)


def invented(schema: Schema, count: int = COUNT) -> Rows:
    """Rows made up from the schema alone, the same ones each time."""
    random = np.random.default_rng(0)
    columns = tuple(_invented(field, count, random) for field in schema.inputs)
    return Rows(schema, columns, count)


def _invented(field: Field, count: int, random: np.random.Generator) -> Column:
    column: list[Value]
    if field.type == "text":
        column = [" ".join(random.choice(WORDS, size=5)) for _ in range(count)]
    elif field.type == "boolean":
        column = [bool(one) for one in random.integers(0, 2, count)]
    elif field.categories:
        column = [field.categories[i % len(field.categories)] for i in range(count)]
        random.shuffle(column)
    else:
        low = -3.0 if field.minimum is None else field.minimum
        high = 3.0 if field.maximum is None else field.maximum
        numbers = np.round(random.uniform(low, high, count), 3)
        integer = field.type == "integer"
        column = [max(0, round(n)) for n in numbers] if integer else numbers.tolist()
    if field.nullable:
        column[len(field.name) % count] = None
    return column


def write(path: Path, rows: Rows, labels: list[Any], probabilities: list[Any] | None) -> None:
    """Write `golden.jsonl`: one line a row."""
    with (path / GOLDEN).open("w", encoding="utf-8") as file:
        for number, record in enumerate(rows.records()):
            line: dict[str, Any] = {"record": record, "prediction": labels[number]}
            if probabilities is not None:
                line["probabilities"] = probabilities[number]
            file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")


def read(path: Path, schema: Schema) -> tuple[Rows, list[Any], NDArray[np.float64] | None]:
    """The rows, predictions and probabilities in `golden.jsonl`. Raises `BundleError`."""
    try:
        text = (path / GOLDEN).read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        rows = Reader(schema).records([line["record"] for line in lines])
        labels = [line["prediction"] for line in lines]
        if not schema.probabilities:
            return rows, labels, None
        return rows, labels, np.array([line["probabilities"] for line in lines], dtype=np.float64)
    except Exception as error:
        raise BundleError("golden.jsonl cannot be read.", code="golden-unreadable") from error


def verify(path: Path, schema: Schema, answer: Answer) -> dict[str, Any]:
    """Answer the golden rows of the bundle in `path` again, all at once and one by one.

    Returns how many rows there are and the largest difference. Raises `BundleError` naming the
    first row that is answered otherwise.
    """
    rows, labels, probabilities = read(path, schema)
    allowed = COARSE if _in_float32(schema) else TOLERANCE
    largest = 0.0
    singles = [answer(rows.take(number, number + 1)) for number in range(min(rows.count, 3))]
    for given in ([answer(rows)], singles):
        got = np.concatenate([one for one, _ in given])
        largest = max(largest, _compare("prediction", got, labels[: len(got)], allowed))
        if probabilities is not None:
            shares = np.concatenate([one for _, one in given if one is not None])
            wanted = probabilities[: len(got)]
            largest = max(largest, _compare("probability", shares, wanted, allowed))
    return {"rows": rows.count, "labels_wrong": 0, "largest_difference": largest}


def _in_float32(schema: Schema) -> bool:
    return any(field.dtype in ("float16", "float32", "Float32") for field in schema.inputs)


def _compare(what: str, got: NDArray[Any], expected: Any, allowed: float) -> float:
    """The largest relative difference. Raises `BundleError` where a row differs by too much."""
    try:
        wanted = np.asarray(expected, dtype=np.float64 if got.dtype.kind == "f" else object)
    except (TypeError, ValueError) as error:
        raise BundleError(
            f"golden.jsonl holds a {what} that is no number.", code="golden-unreadable"
        ) from error
    if got.shape != wanted.shape:
        raise BundleError(
            f"The model answers golden rows in the shape {got.shape}, not {wanted.shape}.",
            code="golden-mismatch",
        )
    if got.dtype.kind != "f":
        wrong = np.array([a != b for a, b in zip(got.tolist(), wanted.tolist(), strict=True)])
        difference = wrong.astype(np.float64)
    else:
        scale = np.maximum(np.maximum(np.abs(got), np.abs(wanted)), np.finfo(np.float64).tiny)
        difference = np.where(got == wanted, 0.0, np.abs(got - wanted) / np.maximum(scale, 1e-3))
    per_row = np.nan_to_num(difference, nan=np.inf).reshape(len(difference), -1).max(axis=1)
    if per_row.size and per_row.max() > allowed:
        row = int(per_row.argmax())
        raise BundleError(
            f"The model answers golden row {row} otherwise than when it was packed: the {what} "
            f"differs by {per_row[row]:.3g}, allowed is {allowed:g}.",
            code="golden-mismatch",
            hint="The libraries here may differ from those it was packed with: pack it again.",
        )
    return float(per_row.max(initial=0.0))


def records(path: Path, schema: Schema, count: int) -> Sequence[dict[str, Value]]:
    """The first `count` golden records: real rows for examples."""
    return read(path, schema)[0].take(0, count).records()
