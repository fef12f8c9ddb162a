"""Support vector machines, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import StackingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from pilotboat.errors import CompileError
from tests.compiler.proofs import proved
from tests.compiler.proving import pair

pytestmark = pytest.mark.filterwarnings("ignore")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(100, 3))
Y2 = np.where(X[:, 0] + RANDOM.normal(size=100) > 0, "yes", "no")
Y4 = np.digitize(X[:, 1] + RANDOM.normal(size=100) / 3, [-0.7, 0, 0.7])
VALUES = X @ [1.0, -2.0, 0.5] + 1

CLASSIFIERS = [
    SVC(),
    SVC(gamma=0.3, class_weight="balanced"),
    SVC(kernel="linear"),
    SVC(kernel="poly", degree=2, coef0=1.0),
    SVC(kernel="poly"),
    SVC(kernel="sigmoid", gamma=0.1, coef0=-0.5),
    SVC(decision_function_shape="ovo"),
    SVC(break_ties=True),
    NuSVC(nu=0.3),
    SVC(probability=True, random_state=0),
    SVC(kernel="linear", probability=True, random_state=0, break_ties=True),
    NuSVC(nu=0.3, kernel="sigmoid", gamma=0.1, probability=True, random_state=0),
]


@pytest.mark.parametrize("labels", [Y2, Y4], ids=["two", "four"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_classifiers(model: Any, labels: Any) -> None:
    made = make_pipeline(StandardScaler(), model).fit(X, labels)
    assert proved(made, X).labels_wrong == 0
    assert pair(made, X).largest_difference() < 1e-13


@pytest.mark.parametrize("kind", [SVR, NuSVR])
@pytest.mark.parametrize("kernel", ["rbf", "linear", "poly", "sigmoid"])
def test_regressions(kind: Any, kernel: str) -> None:
    model = make_pipeline(StandardScaler(), kind(kernel=kernel, gamma=0.2)).fit(X, VALUES)
    assert proved(model, X).rows
    assert pair(model, X).largest_difference() < 1e-12


def test_inside_another_model() -> None:
    model = StackingClassifier([("s", SVC())], cv=2)
    assert proved(model.fit(X, Y2), X).rows
    with pytest.raises(CompileError, match="decision_function of SVC"):
        pair(model.fit(X, Y4), X)


@pytest.mark.parametrize("kernel", [lambda a, b: a @ b.T], ids=["function"])
def test_refused(kernel: Any) -> None:
    with pytest.raises(CompileError, match="kernel"):
        pair(SVC(kernel=kernel).fit(X, Y2), X)
