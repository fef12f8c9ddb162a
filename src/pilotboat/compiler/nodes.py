"""Nodes of fitted trees -> the arrays of a plan. What every family of trees shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pilotboat.compiler.given import Given, as_numbers, refuse
from pilotboat.plan.step import Check, Numbers, Step
from pilotboat.plan.trees import CHILD, Trees

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grown:
    """One fitted tree, an array for each thing that a node knows.

    left, right: children, -1 for a leaf. column: see `pilotboat.plan.trees.Trees`.
    value: shape (nodes, k).
    """

    left: Integers
    right: Integers
    column: Integers
    threshold: Numbers
    value: Numbers


def grown(
    tree: Any,
    value: Numbers,
    *,
    gaps: bool,
    places: Integers | None = None,
    width: int | None = None,
) -> Grown:
    """A `tree_` of scikit-learn with what its nodes are worth.

    gaps: whether NaN may come. places: which of `width` inputs each of the tree's features is.
    """
    inner = tree.children_left >= 0
    feature = np.where(inner, tree.feature, 0).astype(np.int64)
    if places is not None:
        feature = np.where(inner, places[feature], 0)
    missing_right = inner & (tree.missing_go_to_left == 0) if gaps else np.zeros(len(inner), bool)
    column, threshold = columns(
        feature, np.asarray(tree.threshold), missing_right, width or tree.n_features
    )
    left = tree.children_left.astype(np.int64)
    return Grown(left, tree.children_right.astype(np.int64), column, threshold, value)


def columns(
    feature: Integers, threshold: Numbers, missing_right: NDArray[np.bool_], width: int
) -> tuple[Integers, Numbers]:
    """The columns that nodes look at, and their thresholds.

    NaN goes right in the second copy of the row; where all else goes left, the third is asked.
    """
    alone = missing_right & np.isposinf(threshold)
    column = feature + width * (missing_right.astype(np.int64) + alone)
    return column, np.where(alone, 0.5, threshold)


def single(thresholds: Numbers) -> NDArray[np.float32]:
    """The largest float32 up to each: a float32 is at most the one where it is at most the other."""
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > thresholds, below, nearest)


def packed(trees: Sequence[Grown], width: int, **more: Any) -> Trees:
    """Trees as arrays. Numbers are compared in float32 unless `dtype` says otherwise."""
    wide = more.pop("wide", False)
    words, thresholds, values, roots, depths, start = [], [], [], [], [0], 0
    for tree in trees:
        order, depth = _breadth_first(tree)
        number = np.empty(len(tree.left), dtype=np.int64)
        number[order] = np.arange(len(order))
        left = tree.left[order]
        leaf = left < 0
        child = start + np.where(leaf, np.arange(len(order)), number[left])
        words.append(child << CHILD | np.where(leaf, 0, tree.column[order]))
        thresholds.append(np.where(leaf, np.inf, tree.threshold[order]))
        values.append((leaf, tree.value[order]))
        roots.append(start)
        depths.append(depth)
        start += len(order)
    leaves, distinct = _values(values)
    every = np.concatenate(thresholds)
    return Trees(
        words=np.concatenate(words),
        thresholds=every if wide else single(every),
        leaves=leaves,
        values=distinct,
        roots=np.array(roots, dtype=np.int64),
        width=width,
        depth=max(depths),
        **more,
    )


def _breadth_first(tree: Grown) -> tuple[Integers, int]:
    """Nodes from the root on, level after level, siblings side by side; and how deep they go."""
    level, order = np.zeros(1, dtype=np.int64), []
    while level.size:
        order.append(level)
        inner = level[tree.left[level] >= 0]
        level = np.stack([tree.left[inner], tree.right[inner]], axis=1).ravel()
    return np.concatenate(order), len(order) - 1


def _values(parts: list[tuple[NDArray[np.bool_], Numbers]]) -> tuple[NDArray[np.int32], Numbers]:
    """Of each node the row of its value among the distinct ones, which leaves alone have."""
    leaf = np.concatenate([one for one, _ in parts])
    # The sums start from 0, and 0 + -0 is 0.
    found = np.concatenate([value[one] for one, value in parts]) + 0.0
    distinct, inverse = np.unique(found, axis=0, return_inverse=True)
    leaves = np.zeros(len(leaf), dtype=np.int32)
    leaves[leaf] = inverse.ravel()
    return leaves, distinct


def checked(given: Given, allow: Literal["finite", "nan"] | None) -> list[Step]:
    """The steps that make numbers of what is given, and refuse what does not fit into float32.

    None allows everything.
    """
    if any(field.dtype == "float16" for _, field in given.columns):
        raise refuse("its input is float16")
    # All columns are rounded to float32 here, and those that are float32 already do not mind.
    columns = tuple((place, replace(field, dtype="float64")) for place, field in given.columns)
    steps, _ = as_numbers(replace(given, columns=columns))
    return steps if allow is None else [*steps, Check(allow, float32=True)]
