"""AdaBoost, bagging and isolation, compiled: equal to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    IsolationForest,
)
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from pilotboat.errors import CompileError
from tests.compiler.edges import around_thresholds, both_refuse, rows
from tests.compiler.proving import pair

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(160, 4))
HOLES = np.where(RANDOM.random(X.shape) < 0.2, np.nan, X)
Y2 = np.where(X[:, 0] + RANDOM.normal(size=160) > 0, "yes", "no")
Y3 = np.digitize(X[:, 1] + RANDOM.normal(size=160) / 3, [-0.5, 0.5])
Y11 = np.digitize(X[:, 1], np.linspace(-1.2, 1.2, 10))
VALUES = X @ [1.0, -2.0, 0.5, 3.0] + 1


@pytest.mark.parametrize("labels", [Y2, Y3, Y11], ids=["two", "three", "eleven"])
@pytest.mark.parametrize("tree", [None, DecisionTreeClassifier(max_depth=3), ExtraTreeClassifier()])
def test_ada_boost(tree: Any, labels: Any) -> None:
    model = AdaBoostClassifier(tree, n_estimators=7, random_state=0).fit(X, labels)
    made = pair(model, X)
    assert made.largest_difference() == 0.0
    assert made.largest_difference(around_thresholds(made, model, gaps=False)) == 0.0


def test_ada_boost_refuses_gaps() -> None:
    both_refuse(pair(AdaBoostClassifier(n_estimators=3, random_state=0).fit(X, Y2), X), np.nan)


@pytest.mark.parametrize("data", [X, HOLES], ids=["full", "holes"])
@pytest.mark.parametrize("labels", [Y2, Y3], ids=["two", "three"])
@pytest.mark.parametrize(
    "options",
    [{}, {"max_features": 0.75, "bootstrap_features": True}, {"max_samples": 12}],
    ids=str,
)
def test_bagging(options: Any, labels: Any, data: Any) -> None:
    model = BaggingClassifier(n_estimators=9, random_state=0, **options).fit(data, labels)
    made = pair(model, data)
    assert made.largest_difference() == 0.0
    assert made.largest_difference(around_thresholds(made, model, gaps=True)) == 0.0


def test_bagging_over_few_classes() -> None:
    labels = np.where(np.arange(160) < 3, "rare", Y2)
    model = BaggingClassifier(DecisionTreeClassifier(max_depth=3), 9, max_samples=6, random_state=0)
    assert pair(model.fit(X, labels), X).largest_difference() == 0.0


def test_bagging_of_regressions() -> None:
    model = BaggingRegressor(DecisionTreeRegressor(max_depth=5), 6, random_state=0).fit(X, VALUES)
    assert pair(model, X).largest_difference() == 0.0


def test_another_estimator_is_refused() -> None:
    for model in (
        BaggingClassifier(LogisticRegression()),
        AdaBoostClassifier(LogisticRegression()),
    ):
        with pytest.raises(CompileError, match="of the type LogisticRegression"):
            pair(model.fit(X, Y2), X)


@pytest.mark.parametrize("options", [{}, {"max_features": 2}, {"max_samples": 40}], ids=str)
def test_isolation(options: Any) -> None:
    model = IsolationForest(n_estimators=12, random_state=0, contamination=0.1, **options).fit(X)
    made = pair(model, X)
    assert made.largest_difference() == 0.0
    near = around_thresholds(made, model, gaps=True)
    assert made.largest_difference(near) == 0.0
    for number in (np.inf, -np.inf, 1e39):
        assert made.largest_difference(rows(made, np.full((2, 4), number))) == 0.0
    table = np.array(near.columns, dtype=np.float64).T
    scores = made.plan.scores.many()(near.columns)[:, 0]
    assert (scores == model.decision_function(table)).all()
    one = made.plan.scores.one()
    alone = [one(row)[0] for row in table[:20].tolist()]
    assert alone == [model.decision_function(row[np.newaxis])[0] for row in table[:20]]
