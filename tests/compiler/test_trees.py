"""Decision trees and forests, compiled: equal to the last bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from pilotboat.errors import CompileError
from pilotboat.plan.step import Chain
from pilotboat.plan.trees import Trees
from tests.compiler.edges import around_thresholds, both_refuse, rows
from tests.compiler.proving import Pair, pair

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(160, 4))
HOLES = np.where(RANDOM.random(X.shape) < 0.2, np.nan, X)
Y2 = np.where(X[:, 0] + RANDOM.normal(size=160) > 0, "yes", "no")
Y3 = np.digitize(X[:, 1] + RANDOM.normal(size=160) / 3, [-0.5, 0.5])
VALUES = X @ [1.0, -2.0, 0.5, 3.0] + 1

CLASSIFIERS = [
    DecisionTreeClassifier(random_state=0),
    DecisionTreeClassifier(max_depth=4, class_weight="balanced", random_state=0),
    ExtraTreeClassifier(random_state=0),
    RandomForestClassifier(8, random_state=0),
    RandomForestClassifier(8, max_depth=5, criterion="entropy", random_state=0),
    ExtraTreesClassifier(8, random_state=0),
]
REGRESSIONS = [
    DecisionTreeRegressor(random_state=0),
    ExtraTreeRegressor(max_depth=5, random_state=0),
    RandomForestRegressor(8, random_state=0),
    RandomForestRegressor(8, max_depth=4, random_state=0),
    ExtraTreesRegressor(8, max_leaf_nodes=40, random_state=0),
]


@pytest.mark.parametrize("data", [X, HOLES], ids=["full", "holes"])
@pytest.mark.parametrize("labels", [Y2, Y3], ids=["two", "three"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_classifiers(model: Any, labels: Any, data: Any) -> None:
    model.fit(data, labels)
    made = pair(model, data)
    assert made.largest_difference() == 0.0
    assert made.largest_difference(around_thresholds(made, model, gaps=True)) == 0.0


@pytest.mark.parametrize("data", [X, HOLES], ids=["full", "holes"])
@pytest.mark.parametrize("model", REGRESSIONS, ids=str)
def test_regressions(model: Any, data: Any) -> None:
    model.fit(data, VALUES)
    made = pair(model, data)
    assert made.largest_difference() == 0.0
    assert made.largest_difference(around_thresholds(made, model, gaps=True)) == 0.0


@pytest.mark.parametrize("number", [np.inf, -np.inf, 1e39, -1e39])
def test_what_float32_does_not_hold_is_refused(number: float) -> None:
    both_refuse(pair(RandomForestClassifier(3, random_state=0).fit(X, Y2), X), number)


def test_nan_is_refused_where_the_tree_refuses_it() -> None:
    both_refuse(pair(ExtraTreeClassifier(splitter="best", random_state=0).fit(X, Y2), X), np.nan)


def test_several_targets_of_a_regression() -> None:
    model = RandomForestRegressor(5, random_state=0).fit(X, np.stack([VALUES, -VALUES], axis=1))
    assert pair(model, X).largest_difference() == 0.0


def test_several_targets_of_a_classifier_are_refused() -> None:
    model = DecisionTreeClassifier().fit(X, np.stack([Y3, Y3], axis=1))
    with pytest.raises(CompileError, match="several targets"):
        pair(model, X)


def test_a_single_class_is_refused() -> None:
    with pytest.raises(CompileError, match="a single class"):
        pair(DecisionTreeClassifier().fit(X, np.zeros(len(X))), X)


def test_a_single_leaf() -> None:
    assert pair(DecisionTreeRegressor().fit(X, np.ones(len(X))), X).largest_difference() == 0.0
    assert pair(DecisionTreeClassifier(max_depth=1).fit(X, Y2), X).largest_difference() == 0.0


@pytest.mark.parametrize("dtype", [np.float32, np.int64], ids=str)
def test_other_types_of_number(dtype: Any) -> None:
    data = (X * 10).astype(dtype)
    made = pair(RandomForestClassifier(5, random_state=0).fit(data, Y2), data)
    assert made.largest_difference() == 0.0


def test_columns_of_several_types() -> None:
    frame = pd.DataFrame({"a": X[:, 0].astype("float32"), "b": X[:, 1], "c": [1, 2] * 80})
    made = pair(RandomForestClassifier(5, random_state=0).fit(frame, Y2), frame)
    assert made.largest_difference() == 0.0


def test_after_other_steps() -> None:
    frame = pd.DataFrame(X, columns=list("abcd")).assign(e=np.resize(["u", "v", "w"], len(X)))
    before = make_column_transformer(
        (StandardScaler(), list("abcd")),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["e"]),
    )
    model = make_pipeline(before, RandomForestClassifier(8, random_state=0)).fit(frame, Y2)
    made = pair(model, frame)
    assert made.largest_difference() == 0.0
    other = frame.iloc[:20].assign(e=["w", "x"] * 10)
    again = pair(model, frame)
    assert again.largest_difference(_rows(again, other)) == 0.0


def _rows(made: Pair, frame: Any) -> Any:
    from pilotboat.bundle import training  # noqa: PLC0415

    return training.rows_of(made.rows.schema, frame)


@pytest.mark.parametrize("depth", [3, None], ids=["bits", "walked"])
def test_a_wrong_threshold_is_seen(depth: int | None) -> None:
    model = RandomForestClassifier(5, max_depth=depth, random_state=0).fit(X, Y2)
    made = pair(model, X)
    near = around_thresholds(made, model, gaps=True)
    assert made.largest_difference(near, singles=0) == 0.0
    steps = made.plan.scores.steps  # type: ignore[attr-defined]
    thresholds = steps[-1].thresholds.copy()
    place = int(np.flatnonzero(np.isfinite(thresholds))[0])
    thresholds[place] = np.nextafter(thresholds[place], np.float32(np.inf))
    wrong = replace(steps[-1], thresholds=thresholds)
    plan = replace(made.plan, scores=Chain((*steps[:-1], wrong)))
    assert replace(made, plan=plan).largest_difference(near, singles=0) > 0.0


def test_arrays_are_mapped_and_small() -> None:
    model = RandomForestClassifier(8, random_state=0).fit(X, Y3)
    trees = pair(model, X).plan.scores.steps[-1]  # type: ignore[attr-defined]
    assert isinstance(trees, Trees)
    assert not trees.words.flags.writeable
    assert trees.thresholds.dtype == np.float32
    assert len(trees.values) == 3  # grown out: a leaf holds one class


def test_many_rows_and_none() -> None:
    made = pair(RandomForestRegressor(40, random_state=0).fit(X, VALUES), X)
    table = np.resize(X, (3000, 4)) + 0.01
    assert made.largest_difference(rows(made, table), singles=0) == 0.0
    scores = made.plan.scores.steps[-1].many()  # type: ignore[attr-defined]
    assert scores(np.empty((0, 4))).shape == (0, 1)
