"""Trees in a plan: walked and looked up, they come to the same leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pilotboat.plan import leaves
from pilotboat.plan.leaves import tables
from pilotboat.plan.step import Numbers
from pilotboat.plan.trees import CHILD, Rounded, Trees

WIDTH = 4


def grown(
    leaf_count: int, *, trees: int = 12, seed: int = 0, wide: bool = True, codes: int = 0
) -> Trees:
    """Random trees of so many leaves, every column among those that they look at."""
    random = np.random.default_rng(seed)
    sides = random.integers(0, 2, (5, codes + 1)).astype(np.uint8) if codes else None
    words: list[int] = []
    thresholds: list[float] = []
    roots: list[int] = []
    depth = 0
    for _ in range(trees):
        start = len(words)
        roots.append(start)
        depths, open_nodes = [0], [0]
        children, columns = [0], [0]
        for _ in range(leaf_count - 1):
            node = open_nodes.pop(int(random.integers(len(open_nodes))))
            children[node] = len(children)
            open_nodes += [len(children), len(children) + 1]
            depths += [depths[node] + 1] * 2
            children += [0, 0]
            columns += [0, 0]
        depth = max(depth, *depths)
        for node, child in enumerate(children):
            column = int(random.integers(WIDTH * 2 if sides is None else WIDTH * 2 + 5))
            leaf = child == 0
            number = round(float(random.normal()), 2) if column < WIDTH * 2 else 0.5
            words.append(start + (node if leaf else child) << CHILD | (0 if leaf else column))
            thresholds.append(np.inf if leaf else number)
    return Trees(
        words=np.array(words),
        thresholds=np.array(thresholds, dtype=np.float64 if wide else np.float32),
        leaves=np.arange(len(words), dtype=np.int32),
        values=random.normal(size=(len(words), 1)),
        roots=np.array(roots),
        width=WIDTH,
        depth=depth,
        copies=2,
        categories=(3,) * 5 if codes else (),
        sides=sides,
    )


def rows(trees: Trees, count: int = 400) -> Numbers:
    """Rows at the thresholds and next to them, some with NaN or infinity."""
    random = np.random.default_rng(1)
    edges = trees.thresholds[np.isfinite(trees.thresholds)].astype(np.float64)
    near = np.concatenate([[0.0], edges, np.nextafter(edges, -9), np.nextafter(edges, 9)])
    table = random.choice(near, (count, WIDTH))
    table[random.random(table.shape) < 0.1] = np.nan
    table[0], table[1], table[2] = np.inf, -np.inf, np.nan
    if trees.sides is not None:
        codes = trees.sides.shape[1] - 1
        table[:, 3] = random.choice([*range(codes), codes + 3, -1, np.nan], count)
    return table


def same(trees: Trees) -> None:
    """Every way through the trees gives the same leaf in each, as a walk by hand does."""
    # One output a tree, so that the sums are the leaves' values themselves.
    trees = replace(trees, outputs=len(trees.roots))
    table = rows(trees)
    made = tables(trees)
    assert made is not None
    walked = trees._walk_many(trees._adder_many())(table)
    assert (walked == [by_hand(trees, row) for row in table]).all()
    assert (made.many(trees._adder_many())(table) == walked).all()
    for way in (trees._walk_one(trees._adder()), made.one(trees._adder())):
        assert [way(row) for row in table.tolist()] == walked.tolist()


def by_hand(trees: Trees, row: Numbers) -> list[float]:
    found = []
    with np.errstate(over="ignore"):
        numbers = row.astype(trees.thresholds.dtype)
    for root in trees.roots.tolist():
        node = root
        while (child := int(trees.words[node]) >> CHILD) != node:
            column = int(trees.words[node]) & (2**CHILD - 1)
            if column >= 2 * WIDTH:
                assert trees.sides is not None
                known = 0 <= row[3] < trees.sides.shape[1] - 1
                right = trees.sides[column - 2 * WIDTH, int(row[3]) if known else -1] == 1
            else:
                number = numbers[column % WIDTH]
                right = column >= WIDTH if np.isnan(number) else number > trees.thresholds[node]
            node = child + int(right)
        found.append(float(trees.values[trees.leaves[node], 0]))
    return found


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("count", [1, 2, 31, 32, 33, 63, 64])
def test_tables_and_walks_agree(count: int, wide: bool) -> None:
    same(grown(count, wide=wide))


@pytest.mark.parametrize("count", [5, 32, 64])
def test_with_categories(count: int) -> None:
    trees = grown(count, codes=7)
    # Where it is a category, the last input is nothing else.
    plain = (trees.words & (2**CHILD - 1)) < 2 * WIDTH
    last = plain & ((trees.words & 3) == 3)
    same(replace(trees, words=np.where(last, trees.words - 1, trees.words)))


def test_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaves, "BYTES", 2_000)
    trees = grown(20)
    made = tables(trees)
    assert made is not None
    assert len(made.blocks) > 2
    same(trees)


def test_large_trees_have_no_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tables(grown(65)) is None
    monkeypatch.setattr(leaves, "BYTES", 100)
    assert tables(grown(20)) is None


def test_sums_are_added_tree_after_tree() -> None:
    trees = replace(grown(70, trees=300), divisor=300)
    table = rows(trees, 5)
    wanted = []
    for row in table:
        total = 0.0
        for value in by_hand(trees, row):
            total += value
        wanted.append(total / 300)
    assert trees.many()(table)[:, 0].tolist() == wanted
    assert [trees.one()(row)[0] for row in table.tolist()] == wanted
    assert trees.many()(table[:1])[0, 0] == wanted[0]


def test_rounded_keeps_what_float32_cannot_hold() -> None:
    step = Rounded((0, 2))
    table = np.array([[0.1, 0.1, 1e300], [np.nan, 0.1, np.inf]])
    made = step.many()(table)
    assert made[0].tolist() == [float(np.float32(0.1)), 0.1, 1e300]
    assert np.isnan(made[1, 0])
    assert step.one()([0.1, 0.1, 1e300]) == made[0].tolist()
