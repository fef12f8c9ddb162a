"""Small trees as tables of bits: no walk at all.

The leaves of a tree are bits, from left to right. A node sends a row right by clearing the bits of the
leaves on its left; of what all nodes leave, the lowest bit is the leaf that the row comes to. What the
nodes of one input clear hangs only on how many of their thresholds the number exceeds, so that a table
holds it for all trees, one row for each threshold. (QuickScorer, Lucchese et al., SIGIR 2015.)
Tables are several times as large as the nodes, and are made when a plan is opened.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.plan.step import Function, Numbers

PAIRS = 1 << 16
"""Pairs of a tree and a row that are looked up together."""

Words = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Feature:
    """The rows of a block that belong to one input.

    start: the first of them. gap: the last, for NaN. thresholds: distinct and sorted; a row further
    down is for numbers above one more of them. None for a category: its code is the row.
    """

    place: int
    start: int
    gap: int
    thresholds: NDArray[np.floating[Any]] | None

    def rows(self, table: NDArray[np.floating[Any]], *, gaps: bool) -> NDArray[np.intp]:
        """The row for each of its numbers in a table. gaps: whether there is a NaN in that."""
        numbers = table[:, self.place]
        if self.thresholds is None:
            return self.start + codes(numbers, self.gap - self.start)
        found = self.start + self.thresholds.searchsorted(numbers)
        return np.where(np.isnan(numbers), self.gap, found) if gaps else found


@dataclass(frozen=True, slots=True)
class Block:
    """The table of some of the trees.

    words: shape (rows, trees). offsets: shape (trees,), what makes a leaf of the exponent of a bit.
    """

    words: Words
    features: tuple[Feature, ...]
    offsets: NDArray[np.int64]

    def one(self) -> Callable[[list[float]], NDArray[np.int64]]:
        """A function from a row to the leaf that it comes to in each tree."""
        words, offsets = self.words, self.offsets
        features = [
            (one.place, one.start, one.gap, _listed(one.thresholds)) for one in self.features
        ]

        def call(row: list[float]) -> NDArray[np.int64]:
            picks = []
            for place, start, gap, thresholds in features:
                number = row[place]
                if thresholds is None:
                    picks.append(start + int(number) if 0 <= number < gap - start else gap)
                else:
                    known = number == number  # noqa: PLR0124 - not NaN
                    picks.append(start + bisect_left(thresholds, number) if known else gap)
            left = np.bitwise_and.reduce(words.take(picks, axis=0))
            return exponents(left) + offsets

        return call

    def many(self, table: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """The same of n rows, shape (n, trees)."""
        first, *others = self.features
        gaps = bool(np.isnan(table).any())
        left = self.words.take(first.rows(table, gaps=gaps), axis=0)
        for one in others:
            left &= self.words.take(one.rows(table, gaps=gaps), axis=0)
        return exponents(left) + self.offsets


@dataclass(frozen=True, slots=True)
class Tables:
    """Every tree of an ensemble, in blocks. values: shape (leaves, k), tree after tree."""

    blocks: tuple[Block, ...]
    values: Numbers
    dtype: np.dtype[Any]

    def one(self, add: Function) -> Function:
        """A function from a row to what `add` makes of the values of its leaves."""
        values, blocks = self.values, [block.one() for block in self.blocks]
        single = self.dtype == np.float32
        first = blocks[0]

        def call(row: list[float]) -> list[float]:
            row = singles(row) if single else row
            leaves = (
                first(row) if len(blocks) == 1 else np.concatenate([one(row) for one in blocks])
            )
            made: list[float] = add(values.take(leaves, axis=0))
            return made

        return call

    def many(self, add: Function) -> Function:
        """The same of n rows."""
        rows = max(1, PAIRS // sum(len(block.offsets) for block in self.blocks))

        def call(table: Numbers) -> Numbers:
            with np.errstate(over="ignore"):
                numbers = table.astype(self.dtype, copy=False)
            made = []
            for start in range(0, max(1, len(table)), rows):
                part = numbers[start : start + rows]
                leaves = np.concatenate([block.many(part) for block in self.blocks], axis=1)
                made.append(add(self.values.take(leaves.T, axis=0)))
            return made[0] if len(made) == 1 else np.concatenate(made)

        return call


def singles(row: list[float]) -> list[float]:
    """A row rounded to float32."""
    with np.errstate(over="ignore"):
        made: list[float] = np.array(row, np.float32).tolist()
    return made


def codes(numbers: NDArray[np.floating[Any]], known: int) -> NDArray[np.intp]:
    """Codes of categories, `known` for a gap or one that is not known."""
    fine = (numbers >= 0) & (numbers < known)
    return np.where(fine, numbers, known).astype(np.intp)


def exponents(words: Words) -> NDArray[np.signedinteger[Any]]:
    """The lowest bit of each word, as a float holds it: 127 or 1023 more than its place."""
    lowest = words & np.negative(words)
    if words.dtype == np.uint32:
        return lowest.astype(np.float32).view(np.int32) >> 23
    return lowest.astype(np.float64).view(np.int64) >> 52


def _listed(thresholds: NDArray[np.floating[Any]] | None) -> list[float] | None:
    return None if thresholds is None else thresholds.tolist()
