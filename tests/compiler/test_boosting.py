"""Gradient boosting, compiled: equal to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pilotboat.bundle import training
from pilotboat.errors import CompileError
from tests.compiler.edges import around_thresholds, both_refuse, rows
from tests.compiler.proving import Pair, pair

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(160, 4))
HOLES = np.where(RANDOM.random(X.shape) < 0.2, np.nan, X)
Y2 = np.where(X[:, 0] + RANDOM.normal(size=160) > 0, "yes", "no")
Y3 = np.digitize(X[:, 1] + RANDOM.normal(size=160) / 3, [-0.5, 0.5])
VALUES = X @ [1.0, -2.0, 0.5, 3.0] + 1
COLOURS = np.resize(np.array(["red", "green", "blue", "grey", None], dtype=object), 160)
SIZES = np.resize([1.0, 2.0, 3.0, 7.0, np.nan, 7.0, 1.0], 160)

HIST: dict[str, Any] = {"max_iter": 6, "min_samples_leaf": 3, "random_state": 0}
DEEP = {**HIST, "max_leaf_nodes": None, "min_samples_leaf": 1, "max_iter": 2}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("data", [X, HOLES], ids=["full", "holes"])
@pytest.mark.parametrize("labels", [Y2, Y3], ids=["two", "three"])
@pytest.mark.parametrize("options", [HIST, DEEP], ids=["bits", "walked"])
def test_hist_classifier(options: Any, labels: Any, data: Any) -> None:
    model = HistGradientBoostingClassifier(**options).fit(data, labels)
    made = pair(model, data)
    assert made.largest_difference() == 0.0
    assert made.largest_difference(around_thresholds(made, model, gaps=True)) == 0.0
    infinite = np.array([[np.inf] * 4, [-np.inf] * 4, [1e308, -np.inf, np.nan, np.inf]])
    assert made.largest_difference(rows(made, infinite)) == 0.0


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "quantile", "poisson", "gamma"]
)
def test_hist_regression(loss: str) -> None:
    quantile = 0.3 if loss == "quantile" else None
    model = HistGradientBoostingRegressor(loss=loss, quantile=quantile, **HIST)
    model.fit(HOLES, np.exp(VALUES / 4))
    made = pair(model, HOLES)
    assert made.largest_difference() == 0.0
    assert made.largest_difference(around_thresholds(made, model, gaps=True)) == 0.0


def test_many_classes_add_in_the_order_of_memory() -> None:
    labels = np.digitize(X[:, 1], np.linspace(-1.2, 1.2, 10))
    for model in (
        HistGradientBoostingClassifier(**HIST),
        GradientBoostingClassifier(n_estimators=3, random_state=0),
    ):
        assert pair(model.fit(X, labels), X).largest_difference() == 0.0


FRAME = pd.DataFrame({"a": X[:, 0], "colour": COLOURS, "b": HOLES[:, 1], "size": SIZES})
OTHER = pd.DataFrame(
    {
        "a": [0.0, np.nan, 1.0, -1.0, 0.3],
        "colour": ["pink", None, "", "red", "grey"],
        "b": [0.0] * 5,
        "size": [4.0, -1.0, np.nan, 1e9, 7.0],
    }
)


def _rows(made: Pair, frame: pd.DataFrame) -> Any:
    return training.rows_of(made.rows.schema, frame)


@pytest.mark.parametrize(
    "categories",
    [["colour", "size"], [1, 3], [False, True, False, True]],
    ids=["names", "places", "mask"],
)
def test_native_categories(categories: Any) -> None:
    model = HistGradientBoostingClassifier(categorical_features=categories, **HIST)
    made = pair(model.fit(FRAME, Y2), FRAME)
    assert made.largest_difference() == 0.0
    assert made.largest_difference(_rows(made, OTHER)) == 0.0


@pytest.mark.parametrize("options", [HIST, DEEP], ids=["bits", "walked"])
@pytest.mark.parametrize("labels", [Y2, Y3], ids=["two", "three"])
def test_categories_from_the_dtype(labels: Any, options: Any) -> None:
    frame = FRAME.astype({"colour": "category", "size": "category"})
    # Labels that hang on the categories, so that these are divided.
    labels = np.where(COLOURS == "blue", labels[0], np.where(SIZES == 7, labels[1], labels))
    model = HistGradientBoostingClassifier(**options).fit(frame, labels)
    assert any(one.nodes["is_categorical"].any() for stage in model._predictors for one in stage)
    made = pair(model, frame)
    assert made.largest_difference() == 0.0
    other = OTHER.astype({"colour": "category", "size": "category"})
    assert made.largest_difference(_rows(made, other)) == 0.0


def test_categories_after_another_step() -> None:
    table = np.column_stack([X[:, :2], np.resize([0.0, 1.0, 4.0], 160)])
    model = HistGradientBoostingClassifier(categorical_features=[2], **HIST)
    made = pair(make_pipeline(StandardScaler(), model).fit(table, Y3), table)
    assert made.largest_difference() == 0.0


def test_only_categories() -> None:
    frame = pd.DataFrame({"colour": COLOURS, "size": SIZES}).astype("category")
    model = HistGradientBoostingRegressor(**HIST).fit(frame, VALUES)
    assert pair(model, frame).largest_difference() == 0.0


def test_float32_is_rounded_first() -> None:
    frame = pd.DataFrame({"a": X[:, 0].astype("float32"), "b": X[:, 1]})
    for data in (frame, X.astype("float32")):
        model = HistGradientBoostingClassifier(**HIST).fit(data, Y2)
        made = pair(model, data)
        assert made.largest_difference() == 0.0
        assert made.largest_difference(around_thresholds(made, model, gaps=True)) == 0.0


GRADIENT: dict[str, Any] = {"n_estimators": 6, "random_state": 0}


@pytest.mark.parametrize("labels", [Y2, Y3], ids=["two", "three"])
@pytest.mark.parametrize(
    "options",
    [{}, {"init": "zero"}, {"subsample": 0.5}, {"max_depth": None, "learning_rate": 0.3}],
    ids=str,
)
def test_gradient_classifier(options: Any, labels: Any) -> None:
    model = GradientBoostingClassifier(**GRADIENT, **options).fit(X, labels)
    made = pair(model, X)
    assert made.largest_difference() == 0.0
    assert made.largest_difference(around_thresholds(made, model, gaps=False)) == 0.0


def test_exponential_loss() -> None:
    model = GradientBoostingClassifier(loss="exponential", **GRADIENT).fit(X, Y2)
    assert pair(model, X).largest_difference() == 0.0


def test_a_score_of_zero_is_the_second_class() -> None:
    labels = np.resize(["no", "yes"], 160)
    model = GradientBoostingClassifier(max_depth=1, min_samples_leaf=160, **GRADIENT)
    made = pair(model.fit(X, labels), X)
    assert (model.decision_function(X) == 0).all()
    assert set(made.plan.many()(made.rows.columns)[0].tolist()) == {"yes"}
    assert made.largest_difference() == 0.0


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
@pytest.mark.parametrize("init", [None, "zero"])
def test_gradient_regression(loss: str, init: str | None) -> None:
    model = GradientBoostingRegressor(loss=loss, init=init, **GRADIENT).fit(X, VALUES)
    made = pair(model, X)
    assert made.largest_difference() == 0.0
    assert made.largest_difference(around_thresholds(made, model, gaps=False)) == 0.0


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e39])
def test_gradient_refuses_what_is_not_finite(number: float) -> None:
    both_refuse(pair(GradientBoostingClassifier(**GRADIENT).fit(X, Y2), X), number)


def test_init_by_an_estimator_is_refused() -> None:
    model = GradientBoostingClassifier(init=LogisticRegression(), **GRADIENT).fit(X, Y2)
    with pytest.raises(CompileError, match="init is an estimator"):
        pair(model, X)
