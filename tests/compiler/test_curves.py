"""Bins, quantiles, powers, norms, splines and functions of NumPy, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from pilotboat.errors import CompileError
from tests.compiler.proofs import proved
from tests.compiler.proving import NEW, named, pair

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(150, 4))
X[:, 3] = np.round(X[:, 3])
POSITIVE = np.exp(X)
Y = np.where(X[:, 0] + RANDOM.normal(size=150) > 0, "yes", "no")
VALUES = X @ [1.0, -2.0, 0.5, 3.0] + 1


def _bins(**kwargs: Any) -> KBinsDiscretizer:
    method = {"quantile_method": "averaged_inverted_cdf"}
    known = KBinsDiscretizer().get_params()
    return KBinsDiscretizer(**{k: v for k, v in method.items() if k in known} | kwargs)


CURVES = [
    _bins(encode="ordinal"),
    _bins(encode="onehot", n_bins=3),
    _bins(encode="onehot-dense", strategy="uniform"),
    _bins(encode="ordinal", strategy="kmeans", n_bins=[2, 3, 4, 5]),
    QuantileTransformer(n_quantiles=20),
    QuantileTransformer(n_quantiles=150, output_distribution="normal"),
    PowerTransformer(),
    PowerTransformer(standardize=False),
    Normalizer(),
    Normalizer("l1"),
    Normalizer("max"),
    Binarizer(),
    Binarizer(threshold=0.5),
    FunctionTransformer(),
    FunctionTransformer(validate=True),
    FunctionTransformer(np.tanh),
    FunctionTransformer(np.square, validate=True),
    FunctionTransformer(np.sin),
]
SPLINES = [
    SplineTransformer(),
    SplineTransformer(degree=1, n_knots=3),
    SplineTransformer(knots="quantile", degree=2, order="F"),
    SplineTransformer(extrapolation="linear"),
    SplineTransformer(extrapolation="linear", degree=1),
    SplineTransformer(extrapolation="continue", degree=2),
    SplineTransformer(extrapolation="periodic"),
    SplineTransformer(extrapolation="error", include_bias=False),
    SplineTransformer(extrapolation="linear", include_bias=False, n_knots=8),
]


@pytest.mark.parametrize("curve", CURVES, ids=named)
def test_before_a_linear_model(curve: Any) -> None:
    model = make_pipeline(curve, LogisticRegression()).fit(X, Y)
    assert proved(model, X).rows
    assert pair(model, X).largest_difference() < 1e-13


@pytest.mark.parametrize("spline", SPLINES, ids=named)
def test_splines(spline: Any) -> None:
    model = make_pipeline(spline, LogisticRegression()).fit(X, Y)
    assert proved(model, X).rows
    assert pair(model, X).largest_difference() < 1e-13


@pytest.mark.parametrize("curve", CURVES[:7], ids=named)
def test_before_a_tree(curve: Any) -> None:
    model = make_pipeline(curve, DecisionTreeClassifier(max_depth=3, random_state=0))
    assert proved(model.fit(X, Y), X).largest_difference == 0


@pytest.mark.parametrize("curve", [CURVES[5], *CURVES[6:9], CURVES[15], *SPLINES[:4]], ids=named)
def test_after_sums(curve: Any) -> None:
    assert proved(make_pipeline(PCA(3), curve, Ridge()).fit(X, VALUES), X).rows


@pytest.mark.parametrize("standardize", [True, False])
def test_box_cox(standardize: bool) -> None:
    curve = PowerTransformer("box-cox", standardize=standardize)
    proof = proved(make_pipeline(curve, LogisticRegression()).fit(POSITIVE, Y), POSITIVE)
    assert proof.refused
    # Of scores near 1e16, which older versions do not round to the same last bit.
    assert proof.largest_difference < (1e-12 if NEW else 10)


@pytest.mark.parametrize(
    "function", [np.log, np.log1p, np.log2, np.log10, np.sqrt, np.reciprocal, np.expm1, np.abs]
)
def test_functions_of_positive_numbers(function: Any) -> None:
    model = make_pipeline(FunctionTransformer(function), StandardScaler(), LogisticRegression())
    proof = proved(model.fit(POSITIVE, Y), POSITIVE)
    assert proof.refused
    assert proof.largest_difference < 1e-11


def test_gaps_flow_through_quantiles() -> None:
    gappy = X.copy()
    gappy[::7, 1] = np.nan
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    for curve in (QuantileTransformer(n_quantiles=20), PowerTransformer()):
        assert proved(make_pipeline(curve, tree).fit(gappy, Y), gappy).largest_difference == 0


def test_integers() -> None:
    frame = pd.DataFrame({"a": RANDOM.integers(1, 9, 150), "b": POSITIVE[:, 0]})
    model = make_pipeline(FunctionTransformer(np.log), LogisticRegression()).fit(frame, Y)
    assert proved(model, frame).largest_difference < 1e-12
    for function in (np.reciprocal, np.square):
        model = make_pipeline(FunctionTransformer(function), LogisticRegression())
        with pytest.raises(CompileError, match="otherwise with integers"):
            proved(model.fit(frame, Y), frame)
    small = frame.astype({"a": "int8"})
    model = make_pipeline(FunctionTransformer(np.log), LogisticRegression()).fit(small, Y)
    with pytest.raises(CompileError, match="otherwise with int8"):
        proved(model, small)


@pytest.mark.parametrize(
    ("curve", "why"),
    [
        (FunctionTransformer(lambda x: x), "a function that is not one of NumPy's"),
        (FunctionTransformer(np.log1p, kw_args={"where": True}), "kw_args"),
        (_bins(encode="ordinal", dtype=np.float32), "dtype"),
        (SplineTransformer(degree=0), "degree=0"),
        (SplineTransformer(sparse_output=True), "sparse_output"),
    ],
    ids=named,
)
def test_refused(curve: Any, why: str) -> None:
    with pytest.raises(CompileError, match=why):
        proved(make_pipeline(curve, Ridge()).fit(POSITIVE, VALUES), POSITIVE)
