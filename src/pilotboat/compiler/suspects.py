"""Rows made to break a plan: what scikit-learn and the plan could take for different things."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.rows import Rows
from pilotboat.rows.cells import Column
from pilotboat.schema import Field, Value

FIELDS = 64
"""Columns that are varied one at a time; in wider models the others are varied together."""
EDGES = 2_000
NUMBERS: tuple[float | None, ...] = (
    None, 0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 1e-310, 1e-40, 0.1, 1e15, 2.0**24 + 1,
    2.0**53 + 2, 1e30, -1e30, 3.4028235677973366e38, 3.4028235677973362e38, 1e39, -1e39, 1.7e308,
    -1e-300, float("inf"), float("-inf"),
)  # fmt: skip
INTEGERS: tuple[int | None, ...] = (None, 0, 1, -1, 2**24 + 1, 2**31, 2**53 + 1, 2**62, -(2**62))
TEXTS: tuple[str | None, ...] = (
    "", " ", "\t\n", "a", "A", "\u00e9 e\u0301 \u00df \u0130 \u01c5", "\u200b\u200d", "\U0001f600 \U0001f1f0\U0001f1f7",
    "\u05d0\u05d1\u05d2 abc \u0661\u0662", "caf\u00e9 na\u00efve", "1 22 _a_ __", "\ufb01 \u2126 \uff21\uff22", "x" * 5000,
    "the a of", "don't can't", "a-b_c/d", "\ud55c\uad6d\uc5b4 \u4e2d\u6587", None,
)  # fmt: skip
UNSEEN = "\u2047 unseen"


def suspects(rows: Rows, edges: dict[int, NDArray[np.float64]]) -> Iterator[Rows]:
    """Batches of rows near `rows`, which the model answers.

    edges: of an input's place, the numbers at which the model changes its mind.
    """
    few = rows.pick(np.linspace(0, rows.count - 1, 5).astype(int).tolist())
    fields = rows.schema.inputs
    for place, field in list(enumerate(fields))[:FIELDS]:
        values = values_of(field) + _near(edges.get(place))
        yield _with(few, {place: values})
    every = [values_of(field) for field in fields]
    yield _with(few, dict(enumerate(every)))
    gaps: dict[int, list[Value]] = {place: [None] for place in range(len(fields))}
    yield _with(few, gaps)
    kinds = {field.type for field in fields}
    for kind in kinds - {"category"}:
        same = [place for place, field in enumerate(fields) if field.type == kind]
        for value in values_of(fields[same[0]]):
            yield _with(few, {place: [value] for place in same})


def values_of(field: Field) -> list[Value]:
    """Values for one column, of its type or a gap."""
    if field.type == "text":
        return list(TEXTS)
    if field.type == "boolean":
        return [True, False, None]
    if field.type == "integer":
        return list(INTEGERS)
    if field.type == "number":
        return [*NUMBERS, *(e for e in field.examples if e is not None)]
    known = list(field.categories or ())[:200]
    if any(isinstance(value, str) for value in known) or not known:
        return [*known, None, UNSEEN, "", " ", "nan", "None", "0", "\u00e9", "x" * 5000]
    numbers = [value for value in known if isinstance(value, int | float)]
    return [*known, None, max(numbers, default=0) + 1, -1, 0, 2**53]


def neighbours(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers with the float64 and the float32 next to each, below and above."""
    finite = edges[np.isfinite(edges)]
    with np.errstate(over="ignore"):
        single = finite.astype(np.float32)
        around = [
            finite,
            np.nextafter(finite, -np.inf),
            np.nextafter(finite, np.inf),
            single.astype(np.float64),
            np.nextafter(single, np.float32(-np.inf)).astype(np.float64),
            np.nextafter(single, np.float32(np.inf)).astype(np.float64),
        ]
    return np.unique(np.concatenate(around))


def _near(edges: NDArray[np.float64] | None) -> list[Value]:
    if edges is None or not len(edges):
        return []
    found = neighbours(edges)
    some = np.unique(np.linspace(0, len(found) - 1, EDGES).astype(int))
    return found[some].tolist()  # type: ignore[no-any-return]


def _with(rows: Rows, values: dict[int, list[Value]]) -> Rows:
    """`rows` over and over, with these values in these columns, each at least once."""
    count = max(rows.count, *(len(some) for some in values.values()))
    columns: list[Column] = [list(islice(cycle(column), count)) for column in rows.columns]
    for place, some in values.items():
        columns[place] = list(islice(cycle(some), count))
    return Rows(rows.schema, tuple(columns), count)


def gaps_allowed(rows: Rows) -> Rows:
    """The same rows under a schema that lets everything through."""
    inputs = tuple(replace(field, nullable=True, closed=False) for field in rows.schema.inputs)
    return replace(rows, schema=replace(rows.schema, inputs=inputs))


def edges_of(estimator: Any) -> dict[int, NDArray[np.float64]]:
    """Of each feature of a fitted estimator, the numbers at which its trees or bins divide."""
    found: dict[int, list[NDArray[np.float64]]] = {}
    for features, thresholds in _divisions(estimator):
        for feature in np.unique(features):
            found.setdefault(int(feature), []).append(thresholds[features == feature])
    return {place: np.unique(np.concatenate(parts)) for place, parts in found.items()}


def _places(estimator: Any) -> NDArray[Any]:
    """Of histogram boosting's own columns, which have the categories first, those that came in."""
    categorical = estimator.is_categorical_
    if categorical is None:
        return np.arange(estimator.n_features_in_)
    return np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])


def _divisions(estimator: Any) -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
    if hasattr(estimator, "tree_"):
        inner = estimator.tree_.feature >= 0
        yield estimator.tree_.feature[inner], estimator.tree_.threshold[inner]
    elif hasattr(estimator, "_predictors"):
        for predictor in (one for stage in estimator._predictors for one in stage):  # noqa: SLF001
            nodes = predictor.nodes
            inner = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
            yield _places(estimator)[nodes["feature_idx"][inner]], nodes["num_threshold"][inner]
    elif hasattr(estimator, "bin_edges_"):
        for place, one in enumerate(estimator.bin_edges_):
            yield np.full(len(one), place), np.asarray(one, dtype=np.float64)
    elif hasattr(estimator, "estimators_"):
        for one in np.ravel(np.array(estimator.estimators_, dtype=object)):
            if hasattr(one, "tree_"):
                yield from _divisions(one)
