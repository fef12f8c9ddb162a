"""Linear models by other roads, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lars,
    LarsCV,
    LassoCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LogisticRegressionCV,
    MultiTaskElasticNet,
    MultiTaskLasso,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    RANSACRegressor,
    RidgeClassifierCV,
    RidgeCV,
    SGDRegressor,
    TheilSenRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVR

from tests.compiler.proofs import proved
from tests.compiler.proving import pair

pytestmark = pytest.mark.filterwarnings("ignore")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(120, 4))
Y2 = np.where(X[:, 0] + RANDOM.normal(size=120) > 0, "yes", "no")
Y3 = np.digitize(X[:, 1] + RANDOM.normal(size=120) / 3, [-0.5, 0.5])
VALUES = X @ [1.0, -2.0, 0.5, 3.0] + 1 + RANDOM.normal(size=120) / 9
POSITIVE = np.exp(VALUES / 4)

REGRESSIONS = [
    BayesianRidge(),
    BayesianRidge(compute_score=True, fit_intercept=False),
    ARDRegression(),
    LassoCV(cv=3),
    ElasticNetCV(cv=3, l1_ratio=[0.1, 0.9]),
    Lars(),
    LarsCV(cv=3),
    LassoLars(alpha=0.1),
    LassoLarsCV(cv=3),
    LassoLarsIC(),
    OrthogonalMatchingPursuit(n_nonzero_coefs=2),
    OrthogonalMatchingPursuitCV(cv=3),
    HuberRegressor(),
    TheilSenRegressor(random_state=0, max_subpopulation=50),
    QuantileRegressor(alpha=0.01),
    RidgeCV(),
    RidgeCV(store_cv_results=True),
    SGDRegressor(random_state=0),
    SGDRegressor(random_state=0, average=True, loss="huber"),
    LinearSVR(random_state=0),
    RANSACRegressor(random_state=0),
    RANSACRegressor(HuberRegressor(), random_state=0, min_samples=9),
]
CLASSIFIERS = [
    RidgeClassifierCV(),
    Perceptron(random_state=0, penalty="l2"),
    LogisticRegressionCV(cv=3, Cs=3),
    LogisticRegressionCV(cv=3, Cs=3, refit=False),
]
GENERALISED = [
    PoissonRegressor(),
    PoissonRegressor(fit_intercept=False, solver="newton-cholesky"),
    GammaRegressor(),
    TweedieRegressor(power=1.5),
    TweedieRegressor(power=0),
    TweedieRegressor(power=0, link="log"),
    TweedieRegressor(power=1, link="identity"),
]


@pytest.mark.parametrize("model", REGRESSIONS, ids=str)
def test_regressions(model: Any) -> None:
    model.fit(X, VALUES)
    assert pair(model, X).largest_difference() < 1e-13
    assert proved(model, X).rows


@pytest.mark.parametrize("model", [RidgeCV(alpha_per_target=True), Lars(), RANSACRegressor(),
                                   MultiTaskLasso(), MultiTaskElasticNet(0.1)], ids=str)  # fmt: skip
def test_several_targets(model: Any) -> None:
    model.fit(X, np.stack([VALUES, -VALUES], axis=1))
    assert pair(model, X).largest_difference() < 1e-13


@pytest.mark.parametrize("labels", [Y2, Y3], ids=["two", "three"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_classifiers(model: Any, labels: Any) -> None:
    made = make_pipeline(StandardScaler(), model).fit(X, labels)
    assert pair(made, X).largest_difference() < 1e-13
    assert proved(made, X).rows


@pytest.mark.parametrize("model", GENERALISED, ids=str)
def test_links(model: Any) -> None:
    model.fit(X, POSITIVE)
    assert pair(model, X).largest_difference() < 1e-13
    assert proved(model, X).rows


@pytest.mark.parametrize("kind", ["Regressor", "Classifier"])
def test_passive_aggressive(kind: str) -> None:
    made = getattr(linear_model, f"PassiveAggressive{kind}", None)
    if made is None:
        pytest.skip("scikit-learn 1.10 has it no longer")
    model = made(random_state=0).fit(X, VALUES if kind == "Regressor" else Y3)
    assert pair(model, X).largest_difference() < 1e-13
