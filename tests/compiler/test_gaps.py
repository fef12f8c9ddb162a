"""Gaps told and filled, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import BayesianRidge, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from pilotboat.errors import CompileError
from tests.compiler.proofs import proved
from tests.compiler.proving import named, pair

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

RANDOM = np.random.default_rng(0)
FULL = RANDOM.normal(size=(120, 4)) @ RANDOM.normal(size=(4, 4))
X = FULL.copy()
X[RANDOM.random(X.shape) < 0.2] = np.nan
X[:, 3] = FULL[:, 3]
Y = np.where(FULL[:, 0] + RANDOM.normal(size=120) > 0, "yes", "no")
VALUES = FULL @ [1.0, -2.0, 0.5, 3.0] + 1

IMPUTERS = [
    KNNImputer(),
    KNNImputer(n_neighbors=3, weights="distance"),
    KNNImputer(add_indicator=True),
    IterativeImputer(random_state=0),
    IterativeImputer(random_state=0, add_indicator=True, skip_complete=True),
    IterativeImputer(LinearRegression(), max_iter=2, imputation_order="descending"),
    IterativeImputer(Ridge(), max_iter=3, initial_strategy="median", min_value=-1, max_value=1),
    IterativeImputer(BayesianRidge(), max_iter=3, n_nearest_features=2, random_state=0),
    IterativeImputer(max_iter=0),
]


@pytest.mark.parametrize("imputer", IMPUTERS, ids=named)
def test_filled(imputer: Any) -> None:
    model = make_pipeline(imputer, StandardScaler(), LogisticRegression()).fit(X, Y)
    assert pair(model, X).largest_difference() < 1e-13
    assert proved(model, X).rows


@pytest.mark.parametrize("imputer", IMPUTERS[:3], ids=named)
def test_before_a_regression(imputer: Any) -> None:
    assert proved(make_pipeline(imputer, Ridge()).fit(X, VALUES), X).rows


@pytest.mark.parametrize(
    "estimator", [BayesianRidge(), DecisionTreeRegressor(max_depth=2, random_state=0)], ids=named
)
def test_rounds_before_a_regression(estimator: Any) -> None:
    """Not proved: where a whole row is missing, scikit-learn's answer is another in company."""
    model = make_pipeline(IterativeImputer(estimator, max_iter=2, random_state=0), Ridge())
    assert pair(model.fit(X, VALUES), X).largest_difference() < 1e-13


@pytest.mark.parametrize("features", ["missing-only", "all"])
@pytest.mark.parametrize("strict", [True, False])
def test_told(features: str, strict: bool) -> None:
    indicator = MissingIndicator(features=features, error_on_new=strict)
    union = make_union(SimpleImputer(), indicator)
    proof = proved(make_pipeline(union, LogisticRegression()).fit(X, Y), X)
    assert proof.refused


def test_told_of_a_number() -> None:
    table = np.round(np.nan_to_num(X))
    union = make_union(StandardScaler(), MissingIndicator(missing_values=0.0))
    assert proved(make_pipeline(union, LogisticRegression()).fit(table, Y), table).rows


@pytest.mark.parametrize(
    ("imputer", "why"),
    [
        (KNNImputer(weights=lambda d: d), "weights"),
        (KNNImputer(missing_values=0.0), "missing_values"),
        (IterativeImputer(sample_posterior=True), "sample_posterior"),
        (KNNImputer(keep_empty_features=True), "empty"),
        (IterativeImputer(keep_empty_features=True, max_iter=1), "empty"),
    ],
    ids=named,
)
def test_refused(imputer: Any, why: str) -> None:
    table = X.copy()
    if why == "empty":
        table[:, 0] = np.nan
    if why == "missing_values":
        table = np.nan_to_num(X)
    with pytest.raises(CompileError, match=why):
        proved(make_pipeline(imputer, LogisticRegression()).fit(table, Y), table)
