"""Ensembles of decision trees, walked a level at a time by every tree and row at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pilotboat.plan.bits import Tables, codes
from pilotboat.plan.leaves import tables
from pilotboat.plan.step import Function, Numbers

CHILD = 32
COLUMN = (1 << CHILD) - 1
PAIRS = 1 << 15
"""Pairs of a tree and a row that walk together: what the processor's cache holds."""
SHALLOW = 12
LOOK = 4
"""Down to `SHALLOW` all walk on; below, only what has not come to a leaf, seen every `LOOK` levels."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Trees:
    """Decision trees, and the sum of the leaves that a row comes to, tree after tree.

    A node's word is `child << 32 | column`. A row goes on to node `child` where its number in that
    column is at most the threshold, else to `child + 1`, its sibling. A leaf leads to itself, its
    threshold being infinity.

    words, thresholds, leaves: shape (nodes,); leaves: the row of `values` that a leaf stands for.
    The dtype of the thresholds, float32 or float64, is the one that numbers are compared in.
    values: shape (m, k). roots: shape (trees,), the node that each tree starts from.
    width: how many numbers a row has. depth: of the deepest leaf.
    copies: how often the columns hold the row: as it is, in which NaN goes left; from two on, with
    NaN as infinity, which goes right; with three, whether it is NaN. After these comes one column for
    each of `sides`: whether the category at that place of `categories` goes right.
    sides: shape (c, codes + 1), the last for a gap or a code that is not known.
    outputs: the trees take turns in adding to so many numbers. divisor: of the sums.
    """

    words: Integers
    thresholds: NDArray[np.floating[Any]]
    leaves: NDArray[np.int32]
    values: Numbers
    roots: Integers
    width: int
    depth: int
    copies: int = 1
    outputs: int = 1
    divisor: float = 1
    categories: tuple[int, ...] = ()
    sides: NDArray[np.uint8] | None = None

    def one(self) -> Function:
        table = _tables(self)
        add = self._adder()
        return self._walk_one(add) if table is None else table.one(add)

    def many(self) -> Function:
        table = _tables(self)
        add = self._adder_many()
        return self._walk_many(add) if table is None else table.many(add)

    def _adder(self) -> Function:
        """A function from the values of one row's leaves, shape (trees, k), to their sums.

        scikit-learn adds tree after tree. NumPy does too along the first of several axes; of a single
        one it adds pairs, but for `accumulate`.
        """
        numbers, divisor = self.outputs * self.values.shape[1], self.divisor
        if numbers == 1:
            return lambda picked: [np.add.accumulate(picked.ravel())[-1].item() / divisor]
        if divisor == 1:
            return lambda picked: np.add.reduce(picked.reshape(-1, numbers)).tolist()
        return lambda picked: (np.add.reduce(picked.reshape(-1, numbers)) / divisor).tolist()

    def _adder_many(self) -> Function:
        """The same of n rows: from shape (trees, n, k) to (n, outputs * k)."""
        outputs, divisor = self.outputs, self.divisor

        def call(picked: Numbers) -> Numbers:
            total: Numbers
            if outputs > 1:
                turns = picked.reshape(-1, outputs, picked.shape[1])
                total = np.ascontiguousarray(np.add.reduce(turns).T)
            elif picked[0].size == 1:
                total = np.add.accumulate(picked)[-1]
            else:
                total = np.add.reduce(picked)
            return total if divisor == 1 else total / divisor

        return call

    def _walk_one(self, add: Function) -> Function:
        words, thresholds, leaves, values = self.words, self.thresholds, self.leaves, self.values
        roots, columns = self.roots, self._columns_one()
        levels = _levels(self.depth)

        def call(row: list[float]) -> list[float]:
            numbers, nodes = columns(row), roots
            for look in levels:
                word = words.take(nodes)
                at = nodes
                nodes = (word >> CHILD) + (numbers.take(word & COLUMN) > thresholds.take(nodes))
                if look and (at == nodes).all():
                    break
            made: list[float] = add(values.take(leaves.take(nodes), axis=0))
            return made

        return call

    def _walk_many(self, add: Function) -> Function:
        rows, columns = max(1, PAIRS // len(self.roots)), self._columns_many()

        def call(table: Numbers) -> Numbers:
            made = np.empty((len(table), self.outputs * self.values.shape[1]))
            for start in range(0, len(table), rows):
                part = columns(table[start : start + rows])
                nodes = self._walked(part)
                made[start : start + rows] = add(self.values.take(self.leaves.take(nodes), axis=0))
            return made

        return call

    def _walked(self, table: NDArray[np.floating[Any]]) -> Integers:
        """The leaves that rows come to, shape (trees, rows)."""
        numbers, count = table.ravel(), len(table)
        start = np.arange(0, numbers.size, table.shape[1])
        nodes = np.repeat(self.roots, count).reshape(-1, count)
        for _ in range(min(SHALLOW, self.depth)):
            nodes = self._next(nodes, numbers, start)
        if self.depth > SHALLOW:
            self._walk_on(nodes.reshape(-1), numbers, np.tile(start, len(nodes)))
        return nodes

    def _walk_on(self, nodes: Integers, numbers: NDArray[Any], start: Integers) -> None:
        """Walk to the end, in place, leaving out from time to time what has come to a leaf."""
        live = np.arange(len(nodes))
        while True:
            at = nodes[live]
            moving = self.words.take(at) >> CHILD != at
            live, at = live[moving], at[moving]
            if not live.size:
                return
            here = start[live]
            for _ in range(LOOK):
                at = self._next(at, numbers, here)
            nodes[live] = at

    def _next(self, nodes: Integers, numbers: NDArray[Any], start: Integers) -> Integers:
        word = self.words.take(nodes)
        right = numbers.take((word & COLUMN) + start) > self.thresholds.take(nodes)
        return (word >> CHILD) + right

    def _columns_one(self) -> Function:
        """A function from a row to the numbers that nodes look at."""
        dtype, copies, sides = self.thresholds.dtype, self.copies, self._columns_many()
        if self.sides is not None:
            return lambda row: sides(np.array([row]))[0]
        zeros = [0.0] * (self.width * (copies - 2))

        def call(row: list[float]) -> NDArray[np.floating[Any]]:
            total = sum(row)
            if total != total:  # noqa: PLR0124 - a NaN, perhaps
                made: NDArray[np.floating[Any]] = sides(np.array([row]))[0]
                return made
            with np.errstate(over="ignore"):
                return np.array(row if copies == 1 else row + row + zeros, dtype)

        return call

    def _columns_many(self) -> Function:
        dtype, copies, sides = self.thresholds.dtype, self.copies, self.sides
        places, each = list(self.categories), np.arange(len(self.categories))

        def call(table: Numbers) -> NDArray[np.floating[Any]]:
            with np.errstate(over="ignore"):
                numbers = table.astype(dtype)
            parts = [numbers]
            if copies > 1:
                gaps = np.isnan(numbers)
                parts += [np.where(gaps, np.array(np.inf, dtype), numbers), gaps][: copies - 1]
            if sides is not None:
                found = codes(table[:, places], sides.shape[1] - 1)
                parts.append(sides[each, found])
            return parts[0] if len(parts) == 1 else np.hstack(parts, dtype=dtype)

        return call


def _levels(depth: int) -> list[bool]:
    """For each level whether to look if anything moves."""
    return [level >= SHALLOW and level % LOOK == 0 for level in range(depth)]


_MADE: WeakKeyDictionary[Trees, Tables | None] = WeakKeyDictionary()


def _tables(trees: Trees) -> Tables | None:
    """The tables of bits of small trees, made once for both ways through them."""
    if trees not in _MADE:
        _MADE[trees] = tables(trees)
    return _MADE[trees]


@dataclass(frozen=True, slots=True)
class Rounded:
    """Numbers at some places rounded to float32, but for those that it cannot hold."""

    places: tuple[int, ...]

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        places = list(self.places)

        def call(table: Numbers) -> Numbers:
            made = table.copy()
            with np.errstate(over="ignore"):
                rounded = table[:, places].astype(np.float32).astype(np.float64)
            made[:, places] = np.where(np.isinf(rounded), table[:, places], rounded)
            return made

        return call


@dataclass(frozen=True, slots=True)
class Isolation:
    """The depths of a row's leaves, summed -> how usual it is, 0 where the unusual begin.

    denominator: the same sum for a usual row.
    """

    denominator: float
    offset: float

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        denominator, offset = self.denominator, self.offset

        def call(depths: Numbers) -> Numbers:
            parts = depths / denominator if denominator else np.ones_like(depths)
            made: Numbers = -(2 ** (-parts)) - offset
            return made

        return call
