"""Rows made to break a plan: what scikit-learn and the plan could take for different things."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
NODES = 150
"""Nodes that rows are led to; of more, some of each tree."""
OTHERS = 4
"""Rows led each way: where they come to below the node hangs on the rest of them."""
Way = dict[int, float]
"""By feature, the numbers that bring a row somewhere."""
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
CONVERTED = ("integer", "boolean")
"""What a column of them becomes in a table hangs on what else is in it: a gap makes floats of integers."""
UNSEEN = "\u2047 unseen"


def suspects(rows: Rows, edges: dict[int, NDArray[np.float64]]) -> Iterator[Rows]:
    """Batches of rows near `rows`, which the model answers.

    edges: of an input's place, the numbers at which the model changes its mind.
    """
    few = rows.pick(np.linspace(0, rows.count - 1, 5).astype(int).tolist())
    fields = rows.schema.inputs
    for place, field in list(enumerate(fields))[:FIELDS]:
        values = values_of(field) + _near(edges.get(place), field)
        yield _with(few, {place: values})
    every = [values_of(field) for field in fields]
    yield _with(few, dict(enumerate(every)))
    gaps: dict[int, list[Value]] = {place: [None] for place in range(len(fields))}
    yield _with(few, gaps)
    kinds = {field.type for field in fields}
    for kind in kinds - {"category"}:
        same = [place for place, field in enumerate(fields) if field.type == kind]
        values = values_of(fields[same[0]])
        for some in [[value] for value in values] if kind in CONVERTED else [values]:
            repeated = [value for value in some for _ in range(few.count)]
            yield _with(few, dict.fromkeys(same, repeated))


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


def _near(edges: NDArray[np.float64] | None, field: Field) -> list[Value]:
    if edges is None or not len(edges) or field.type not in ("number", "integer"):
        return []
    found = neighbours(edges)
    some = found[np.unique(np.linspace(0, len(found) - 1, EDGES).astype(int))]
    if field.type == "integer":
        some = np.unique(np.concatenate([np.floor(some), np.ceil(some)]))
        return [int(one) for one in some.tolist()]
    return some.tolist()  # type: ignore[no-any-return]


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


def led(rows: Rows, estimator: Any) -> Iterator[Rows]:
    """Rows that come to the nodes of an estimator's trees, without gaps and with them."""
    fields = rows.schema.inputs
    for some in ways(estimator):
        columns: list[list[Value]] = [list(islice(cycle(one), len(some))) for one in rows.columns]
        for number, way in enumerate(some):
            for place, value in way.items():
                columns[place][number] = _cell(fields[place], value, columns[place][number])
        yield Rows(rows.schema, tuple(columns), len(some))


def _cell(field: Field, value: float, other: Value) -> Value:
    """The value as a column holds it, or the other where it holds none of that type."""
    if field.type not in ("number", "integer", "boolean"):
        return other
    if math.isnan(value):
        return None
    if field.type == "boolean":
        return value > 0.5  # noqa: PLR2004
    return round(value) if field.type == "integer" else value


def led_numbers(table: NDArray[np.float64], estimator: Any) -> Iterator[NDArray[np.float64]]:
    """The same of rows of numbers."""
    for some in ways(estimator):
        made = np.resize(table, (len(some), table.shape[1]))
        for number, way in enumerate(some):
            made[number, list(way)] = list(way.values())
        yield made


def ways(estimator: Any) -> list[list[Way]]:
    """Ways to nodes of the estimator's trees and there to either side; and others with gaps there."""
    random, trees = np.random.default_rng(0), list(trees_of(estimator))
    full: list[Way] = []
    gaps: list[Way] = []
    for tree in trees[:: 1 + len(trees) // NODES]:
        inner = np.flatnonzero((tree.feature >= 0) & np.isfinite(tree.threshold))
        some = np.linspace(0, len(inner) - 1, min(len(inner), 1 + NODES // len(trees)))
        for node in inner[some.astype(int)].tolist():
            place, limits = int(tree.feature[node]), tree.limits(node)
            near = neighbours(tree.threshold[[node]]).tolist() * OTHERS
            full += [tree.way(limits, random) | {place: one} for one in near]
            gaps += [tree.way(limits, random) | {place: math.nan} for _ in range(OTHERS)]
    allowed = bool(gaps) and estimator.__sklearn_tags__().input_tags.allow_nan
    return [some for some in (full, gaps if allowed else []) if some]


@dataclass(frozen=True, slots=True)
class Tree:
    """The nodes of a tree. feature: negative for a leaf, and where categories are divided."""

    feature: NDArray[Any]
    threshold: NDArray[np.float64]
    left: NDArray[Any]
    right: NDArray[Any]

    def limits(self, node: int) -> dict[int, tuple[float, float]]:
        """What a row has to be above, and at most, to come to a node."""
        limits: dict[int, tuple[float, float]] = {}
        while node:
            parent = int(np.flatnonzero((self.left == node) | (self.right == node))[0])
            place, threshold = int(self.feature[parent]), float(self.threshold[parent])
            low, high = limits.get(place, (-math.inf, math.inf))
            left = self.left[parent] == node
            limits[place] = (low, min(high, threshold)) if left else (max(low, threshold), high)
            node = parent
        return {place: some for place, some in limits.items() if place >= 0}

    def way(self, limits: dict[int, tuple[float, float]], random: np.random.Generator) -> Way:
        """Numbers within limits, in any of the parts that the tree divides them into."""
        made = {}
        for place, (low, high) in limits.items():
            edges = self.threshold[self.feature == place]
            parts = edges[(edges > low) & (edges < high)]
            ends = np.sort([low, *parts, high])
            first = int(random.integers(len(ends) - 1))
            made[place] = _between(float(ends[first]), float(ends[first + 1]))
        return made


def _between(low: float, high: float) -> float:
    if low == math.inf:
        return math.nan  # above infinity there are the gaps
    if math.isinf(low):
        return high - abs(high) / 1000 - 1 if math.isfinite(high) else 0.0
    return low / 2 + high / 2 if math.isfinite(high) else low + abs(low) / 1000 + 1


def edges_of(estimator: Any) -> dict[int, NDArray[np.float64]]:
    """Of each feature of a fitted estimator, the numbers at which its trees or bins divide."""
    found: dict[int, list[NDArray[np.float64]]] = {}
    for place, one in enumerate(getattr(estimator, "bin_edges_", ())):
        found[place] = [np.asarray(one, dtype=np.float64)]
    for tree in trees_of(estimator):
        for place in np.unique(tree.feature[tree.feature >= 0]).tolist():
            found.setdefault(place, []).append(tree.threshold[tree.feature == place])
    return {place: np.unique(np.concatenate(parts)) for place, parts in found.items()}


def trees_of(estimator: Any) -> Iterator[Tree]:
    """The decision trees of a fitted estimator, by the features that it is given."""
    if hasattr(estimator, "tree_"):
        tree = estimator.tree_
        yield Tree(tree.feature, tree.threshold, tree.children_left, tree.children_right)
    elif hasattr(estimator, "_predictors"):
        places = _places(estimator)
        for predictor in _flat(estimator._predictors):  # noqa: SLF001
            nodes = predictor.nodes
            other = (nodes["is_leaf"] == 1) | (nodes["is_categorical"] == 1)
            feature = np.where(other, -1, places[np.where(other, 0, nodes["feature_idx"])])
            yield Tree(feature, nodes["num_threshold"], nodes["left"], nodes["right"])
    else:
        given = getattr(estimator, "estimators_features_", None)
        for number, one in enumerate(_flat(getattr(estimator, "estimators_", ()))):
            for tree in trees_of(one) if hasattr(one, "tree_") else ():
                yield tree if given is None else _of_some(tree, np.asarray(given[number]))


def _of_some(tree: Tree, places: NDArray[Any]) -> Tree:
    """A tree that is given the features at these places only."""
    return replace(tree, feature=np.where(tree.feature < 0, -1, places[tree.feature]))


def _places(estimator: Any) -> NDArray[Any]:
    """Of histogram boosting's own columns, which have the categories first, those that came in."""
    categorical = estimator.is_categorical_
    if categorical is None:
        return np.arange(estimator.n_features_in_)
    return np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])


def _flat(some: Any) -> Iterator[Any]:
    for one in some:
        if isinstance(one, list | np.ndarray):
            yield from _flat(one)
        else:
            yield one
