"""What no step says is asked of the model itself: which gaps, categories and sizes it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

import numpy as np

from pilotboat.engines import Answer
from pilotboat.rows import Rows
from pilotboat.rows.cells import Column
from pilotboat.schema import Field, Gap, Schema, Value

FLOAT32 = float(np.finfo(np.float32).max)
FLOAT64 = float(np.finfo(np.float64).max)
LEAST = 30
"""A bound below 1e30 is no bound on size but a property of the function (a logarithm, say)."""
PATTERNS = 16
UNSEEN = "\u2047 unseen"

Ask = Callable[[Schema], Answer]
"""A schema -> the model as a callable for rows of that schema."""


def probe(schema: Schema, ask: Ask, rows: Rows) -> Schema:
    """`schema` with nullability, open and closed categories and largest numbers as the model has.

    ask: makes the model callable for a schema. rows: a few rows that it answers.
    """
    inputs = tuple(_probed(schema, number, ask, rows) for number in range(len(schema.inputs)))
    probed = replace(schema, inputs=inputs)
    largest = _largest(probed, ask, rows)
    return replace(
        probed,
        inputs=tuple(
            replace(field, largest=largest) if field.type == "number" else field for field in inputs
        ),
    )


def _probed(schema: Schema, number: int, ask: Ask, rows: Rows) -> Field:
    field = schema.inputs[number]
    kinds: list[Gap] = [field.gap, *(gap for gap in ("nan", "none") if gap != field.gap)]
    tried = (replace(field, gap=gap, nullable=True) for gap in kinds)
    found = next(
        (one for one in tried if _answers(schema, number, one, None, ask, rows)),
        replace(field, nullable=False),
    )
    if field.type != "category":
        return found
    unseen = _unseen(field)
    return replace(found, closed=not _answers(schema, number, found, unseen, ask, rows))


def _unseen(field: Field) -> Value:
    known = [value for value in field.categories or () if not isinstance(value, bool)]
    numbers = [value for value in known if isinstance(value, int | float)]
    if numbers and len(numbers) == len(known):
        return max(numbers) + 1
    return UNSEEN


def _answers(schema: Schema, number: int, field: Field, value: Value, ask: Ask, rows: Rows) -> bool:
    """Whether the model answers `rows` with `value` in every other cell of column `number`."""
    inputs = (*schema.inputs[:number], field, *schema.inputs[number + 1 :])
    changed = replace(schema, inputs=inputs)
    column: Column = list(rows.columns[number])
    column[::2] = [value] * len(column[::2])
    columns = (*rows.columns[:number], column, *rows.columns[number + 1 :])
    return is_answered(ask(changed), Rows(changed, columns, rows.count))


def is_answered(answer: Answer, rows: Rows) -> bool:
    """Whether `rows` get an answer, and a finite one."""
    try:
        with np.errstate(all="ignore"):
            labels, probabilities = answer(rows)
    except Exception:  # noqa: BLE001 - a model may refuse with whatever it likes
        return False
    numeric = labels.dtype.kind not in "fc" or bool(np.isfinite(labels).all())
    return numeric and (probabilities is None or bool(np.isfinite(probabilities).all()))


def _largest(schema: Schema, ask: Ask, rows: Rows) -> float | None:
    """The largest magnitude that every number may have at once; None where float64 is the bound.

    Candidates are the limits of float64 and float32 and the powers of ten between.
    """
    answer = ask(schema)
    if not is_answered(answer, rows) or not any(f.type == "number" for f in schema.inputs):
        return None

    def holds(size: float) -> bool:
        return is_answered(answer, _sized(schema, rows, size))

    if holds(FLOAT64):
        return None
    low, high = LEAST, 308
    if not holds(10.0**low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(10.0**middle) else (low, middle - 1)
    power = 10.0**low
    return FLOAT32 if power < FLOAT32 and holds(FLOAT32) else power


def _sized(schema: Schema, rows: Rows, size: float) -> Rows:
    """Rows whose numbers are all +-`size`, in many patterns of signs."""
    random = np.random.default_rng(0)
    signs = random.choice([-1.0, 1.0], size=(PATTERNS, len(schema.inputs)))
    signs[0], signs[1] = 1.0, -1.0
    columns = tuple(
        (signs[:, i] * size).tolist() if field.type == "number" else _repeated(column)
        for i, (field, column) in enumerate(zip(schema.inputs, rows.columns, strict=True))
    )
    return Rows(schema, columns, PATTERNS)


def _repeated(column: Sequence[Any]) -> Column:
    return list(islice(cycle(column), PATTERNS))
