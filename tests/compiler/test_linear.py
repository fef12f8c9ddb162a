"""Linear models, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from pilotboat.compiler import compile_plan
from pilotboat.errors import CompileError
from tests.compiler.proving import pair

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 5))
Y2 = np.where(X[:, 0] + RANDOM.normal(size=200) > 0, "yes", "no")
Y3 = np.digitize(X[:, 1] + RANDOM.normal(size=200) / 3, [-0.5, 0.5])
VALUES = X @ [1.0, -2.0, 0.5, 0.0, 3.0] + 1

CLASSIFIERS = [
    LogisticRegression(),
    LogisticRegression(C=0.1, fit_intercept=False),
    LinearSVC(),
    SGDClassifier(loss="log_loss", random_state=0),
    SGDClassifier(loss="modified_huber", random_state=0),
    SGDClassifier(loss="hinge", random_state=0),
    RidgeClassifier(),
]
REGRESSIONS = [Ridge(), Ridge(fit_intercept=False), LinearRegression(), Lasso(0.1), ElasticNet(0.1)]


@pytest.mark.parametrize("labels", [Y2, Y3], ids=["two", "three"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_classifiers(model: Any, labels: Any) -> None:
    assert (
        pair(make_pipeline(StandardScaler(), model).fit(X, labels), X).largest_difference() < 1e-14
    )


@pytest.mark.parametrize("model", REGRESSIONS, ids=str)
def test_regressions(model: Any) -> None:
    assert pair(model.fit(X, VALUES), X).largest_difference() < 1e-13


def test_several_targets() -> None:
    model = Ridge().fit(X, np.stack([VALUES, -VALUES], axis=1))
    assert pair(model, X).largest_difference() < 1e-13


def test_float32_is_refused() -> None:
    model = LogisticRegression().fit(X.astype(np.float32), Y2)
    with pytest.raises(CompileError, match="float32"):
        pair(model, X.astype(np.float32))


def test_subclass_is_refused() -> None:
    class Mine(LogisticRegression):  # type: ignore[misc]  # its package has no types
        pass

    known = pair(LogisticRegression().fit(X, Y2), X)
    with pytest.raises(CompileError, match="Mine: this type is not on the list"):
        compile_plan(Mine().fit(X, Y2), known.rows.schema)
