"""Discriminants, networks and clusters, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.covariance import ShrunkCovariance
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pilotboat.errors import CompileError
from tests.compiler.proofs import proved
from tests.compiler.proving import pair

pytestmark = pytest.mark.filterwarnings("ignore")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(150, 4))
Y2 = np.where(X[:, 0] + RANDOM.normal(size=150) > 0, "yes", "no")
Y3 = np.digitize(X[:, 1] + RANDOM.normal(size=150) / 3, [-0.5, 0.5])
VALUES = X @ [1.0, -2.0, 0.5, 3.0] + 1

CLASSIFIERS = [
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    LinearDiscriminantAnalysis(
        solver="eigen", covariance_estimator=ShrunkCovariance(), store_covariance=True
    ),
    QuadraticDiscriminantAnalysis(),
    QuadraticDiscriminantAnalysis(reg_param=0.1, store_covariance=True),
    MLPClassifier((8,), max_iter=20, random_state=0),
    MLPClassifier((8, 4), "tanh", max_iter=20, random_state=0),
    MLPClassifier((6,), "logistic", solver="lbfgs", max_iter=20, random_state=0),
    MLPClassifier((6,), "identity", solver="sgd", max_iter=20, random_state=0),
]


@pytest.mark.parametrize("labels", [Y2, Y3], ids=["two", "three"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_classifiers(model: Any, labels: Any) -> None:
    made = make_pipeline(StandardScaler(), model).fit(X, labels)
    assert pair(made, X).largest_difference() < 1e-13
    assert proved(made, X).rows


@pytest.mark.parametrize("priors", [[0.2, 0.3, 0.5], None])
def test_priors(priors: Any) -> None:
    assert proved(QuadraticDiscriminantAnalysis(priors=priors).fit(X, Y3), X).rows
    assert proved(LinearDiscriminantAnalysis(priors=priors).fit(X, Y3), X).rows


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_networks_for_numbers(activation: Any) -> None:
    model = MLPRegressor(
        hidden_layer_sizes=(8,), activation=activation, max_iter=20, random_state=0
    )
    assert proved(model.fit(X, VALUES), X).rows
    assert pair(model, X).largest_difference() < 1e-13
    model.set_params(early_stopping=True).fit(X, np.stack([VALUES, -VALUES], axis=1))
    assert pair(model, X).largest_difference() < 1e-13


def test_network_for_counts() -> None:
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=20, random_state=0)
    if "loss" not in model.get_params():
        pytest.skip("this scikit-learn has no other loss")
    model.set_params(loss="poisson").fit(X, np.exp(VALUES / 4))
    assert proved(model, X).rows


@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans])
def test_clusters(kind: Any) -> None:
    model = make_pipeline(StandardScaler(), kind(4, n_init=2, random_state=0)).fit(X)
    assert proved(model, X).labels_wrong == 0
    assert pair(model, X).largest_difference() == 0


def test_several_labels_are_refused() -> None:
    model = MLPClassifier((4,), max_iter=5).fit(X, X[:, :2] > 0)
    with pytest.raises(CompileError, match="several labels"):
        pair(model, X)
