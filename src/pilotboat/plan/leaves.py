"""The nodes of small trees -> the tables of bits that answer in their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pilotboat.plan.bits import Block, Feature, Tables
from pilotboat.plan.step import Numbers

LEAVES = 64
BYTES = 1 << 21
"""Tables beyond this are divided by their trees: halved, the two together have half the size."""
BLOCKS = 8
"""Beyond so many the trees are walked: that is as fast, and processes share it."""

Words = NDArray[np.unsignedinteger[Any]]
Integers = NDArray[np.int64]


class Nodes(Protocol):
    """What a table is made of. See `pilotboat.plan.trees.Trees`."""

    @property
    def words(self) -> Integers: ...
    @property
    def thresholds(self) -> NDArray[np.floating[Any]]: ...
    @property
    def leaves(self) -> NDArray[np.int32]: ...
    @property
    def values(self) -> Numbers: ...
    @property
    def roots(self) -> Integers: ...
    @property
    def width(self) -> int: ...
    @property
    def copies(self) -> int: ...
    @property
    def categories(self) -> tuple[int, ...]: ...
    @property
    def sides(self) -> NDArray[np.uint8] | None: ...


@dataclass(frozen=True, slots=True)
class Splits:
    """The inner nodes of some trees, an array each.

    place: the input; for a category, of which `side` is the row in `sides`, else -1. copy: which of
    the input's columns. keep: the bits of the leaves that a row sent right may still come to.
    """

    tree: Integers
    place: Integers
    side: Integers
    copy: Integers
    threshold: NDArray[np.floating[Any]]
    keep: Words

    def of(self, chosen: NDArray[np.bool_]) -> Splits:
        """Those that are chosen."""
        return Splits(
            self.tree[chosen],
            self.place[chosen],
            self.side[chosen],
            self.copy[chosen],
            self.threshold[chosen],
            self.keep[chosen],
        )


def tables(nodes: Nodes) -> Tables | None:
    """The tables of an ensemble; None where its trees are too large for them."""
    count = len(nodes.roots)
    if len(nodes.words) > count * (2 * LEAVES - 1):
        return None
    children = (nodes.words >> 32).tolist()
    below, first = _spans(children)
    sizes = below[nodes.roots]
    if sizes.max() > LEAVES:
        return None
    word = np.dtype(np.uint32 if sizes.max() <= 32 else np.uint64)  # noqa: PLR2004
    splits = _splits(nodes, below, first, word)
    shares = _shares(splits, 0, count, word.itemsize)
    if len(shares) > BLOCKS:
        return None
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    bias = 127 if word == np.uint32 else 1023
    blocks = tuple(_block(nodes, splits, starts - bias, share) for share in shares)
    ends = np.flatnonzero(nodes.words >> 32 == np.arange(len(nodes.words)))
    tree = np.searchsorted(nodes.roots, ends, side="right") - 1
    values = np.empty((len(ends), nodes.values.shape[1]))
    values[starts[tree] + first[ends]] = nodes.values[nodes.leaves[ends]]
    return Tables(blocks, values, nodes.thresholds.dtype)


def _spans(children: list[int]) -> tuple[Integers, Integers]:
    """Of each node how many leaves are below it, and which of its tree's leaves is the first."""
    below, first = [1] * len(children), [0] * len(children)
    # A child comes after its parent.
    for node in range(len(children) - 1, -1, -1):
        child = children[node]
        if child != node:
            below[node] = below[child] + below[child + 1]
    for node, child in enumerate(children):
        if child != node:
            first[child] = first[node]
            first[child + 1] = first[node] + below[child]
    return np.array(below), np.array(first)


def _splits(nodes: Nodes, below: Integers, first: Integers, word: np.dtype[Any]) -> Splits:
    numbers = np.arange(len(nodes.words))
    inner = np.flatnonzero(nodes.words >> 32 != numbers)
    child, column = nodes.words[inner] >> 32, nodes.words[inner] & 0xFFFFFFFF
    side = np.maximum(column - nodes.copies * nodes.width, -1)
    places = np.array(nodes.categories, dtype=np.int64)
    is_side = side >= 0
    place = column % nodes.width
    place[is_side] = places[side[is_side]]
    one = np.ones((), word)
    left = ((one << below[child].astype(word)) - one) << first[inner].astype(word)
    tree = np.searchsorted(nodes.roots, inner, side="right") - 1
    copy = column // nodes.width
    return Splits(tree, place, side, copy, nodes.thresholds[inner], ~left)


def _shares(splits: Splits, start: int, stop: int, size: int) -> list[tuple[int, int]]:
    """Trees from `start` to `stop`, divided until each share's table is small enough."""
    mine = splits.of((splits.tree >= start) & (splits.tree < stop))
    pairs = np.unique(np.stack([mine.place, mine.threshold]), axis=1)
    if stop - start == 1 or pairs.shape[1] * (stop - start) * size <= BYTES:
        return [(start, stop)]
    middle = (start + stop) // 2
    return [
        *_shares(splits, start, middle, size),
        *_shares(splits, middle, stop, size),
    ]


def _block(nodes: Nodes, splits: Splits, offsets: Integers, share: tuple[int, int]) -> Block:
    start, stop = share
    mine = splits.of((splits.tree >= start) & (splits.tree < stop))
    tables, features, row = [], [], 0
    for place in np.unique(mine.place).tolist() or [0]:
        some = mine.of(mine.place == place)
        thresholds = None
        if nodes.sides is not None and place in nodes.categories:
            words = _of_codes(nodes.sides, some, start, stop - start)
        else:
            thresholds, words = _of_numbers(some, start, stop - start)
        tables.append(words)
        features.append(Feature(place, row, row + len(words) - 1, thresholds))
        row += len(words)
    return Block(np.concatenate(tables), tuple(features), offsets[start:stop])


def _of_numbers(splits: Splits, start: int, trees: int) -> tuple[NDArray[np.floating[Any]], Words]:
    """The distinct thresholds of one input, and a row before, between and after them, and for NaN."""
    at_numbers = (splits.copy < 2) & np.isfinite(splits.threshold)  # noqa: PLR2004 - the third asks for NaN
    here = splits.of(at_numbers)
    thresholds = np.unique(here.threshold)
    words = np.full((len(thresholds) + 2, trees), -1, dtype=np.int64).astype(splits.keep.dtype)
    rows = np.searchsorted(thresholds, here.threshold) + 1
    np.bitwise_and.at(words, (rows, here.tree - start), here.keep)
    np.bitwise_and.accumulate(words[:-1], out=words[:-1])
    gaps = splits.of(splits.copy > 0)
    np.bitwise_and.at(words[-1], gaps.tree - start, gaps.keep)
    return thresholds, words


def _of_codes(sides: NDArray[np.uint8], splits: Splits, start: int, trees: int) -> Words:
    """A row for each code of one category, and for a gap."""
    words = np.full((sides.shape[1], trees), -1, dtype=np.int64).astype(splits.keep.dtype)
    number, code = np.nonzero(sides[splits.side])
    np.bitwise_and.at(words, (code, splits.tree[number] - start), splits.keep[number])
    return words
