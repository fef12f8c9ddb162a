"""Numbers to numbers."""

from __future__ import annotations

from typing import Any

from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from tests.compiler.models.data import HOLES, VALUES, Y2, Y3, Model, X, listed

LOGISTIC = LogisticRegression()
TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
SHALLOW = DecisionTreeClassifier(max_depth=3, random_state=0)


def _logistic(name: str, step: Any) -> Model:
    return Model(name, "numbers", make_pipeline(step, LOGISTIC), X, Y2)


def _tree(name: str, step: Any, data: Any = X) -> Model:
    return Model(name, "numbers", make_pipeline(step, TREE), data, Y3)


SCALERS = [
    _logistic("StandardScaler", StandardScaler()),
    _tree("StandardScaler: gaps flow through", StandardScaler(), HOLES),
    _logistic("StandardScaler: without mean", StandardScaler(with_mean=False)),
    _tree("StandardScaler: without scale", StandardScaler(with_std=False)),
    _tree("MinMaxScaler", MinMaxScaler(), HOLES),
    _logistic("MinMaxScaler: clipped", MinMaxScaler((-1, 1), clip=True)),
    _tree("RobustScaler", RobustScaler(), HOLES),
    _logistic("RobustScaler: without centre", RobustScaler(with_centering=False)),
    _logistic("MaxAbsScaler", MaxAbsScaler()),
]
PRODUCTS = [
    _logistic("PolynomialFeatures", PolynomialFeatures()),
    _tree(
        "PolynomialFeatures: third degree, interactions",
        PolynomialFeatures(3, interaction_only=True),
    ),
    _tree(
        "PolynomialFeatures: degrees 2 to 3, no 1", PolynomialFeatures((2, 3), include_bias=False)
    ),
]
SELECTORS = [
    _logistic("VarianceThreshold", VarianceThreshold(0.9)),
    _logistic("SelectKBest", SelectKBest(k=2)),
    _logistic("SelectPercentile", SelectPercentile(percentile=50)),
    _logistic("SelectFpr", SelectFpr()),
    _logistic("SelectFdr", SelectFdr()),
    _logistic("SelectFwe", SelectFwe()),
    _logistic("GenericUnivariateSelect", GenericUnivariateSelect(mode="k_best", param=2)),
    _tree("SelectFromModel", SelectFromModel(SHALLOW)),
    _tree("RFE", RFE(SHALLOW, n_features_to_select=2)),
    _tree("RFECV", RFECV(SHALLOW, cv=2)),
]
PROJECTIONS = [
    _logistic("PCA", PCA(2)),
    _logistic("PCA: whitened", PCA(2, whiten=True)),
    *listed(
        "numbers",
        ("TruncatedSVD", make_pipeline(TruncatedSVD(2, random_state=0), Ridge()), X, VALUES),
        ("PCA before a tree", make_pipeline(PCA(), TREE), X, Y2),
    ),
]
MODELS = [*SCALERS, *PRODUCTS, *SELECTORS, *PROJECTIONS]
