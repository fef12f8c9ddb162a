"""Models of models, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from pilotboat.errors import CompileError
from tests.compiler.proofs import proved
from tests.compiler.proving import pair

pytestmark = pytest.mark.filterwarnings("ignore")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(120, 3))
Y2 = np.where(X[:, 0] + RANDOM.normal(size=120) > 0, "yes", "no")
Y3 = np.array(["a", "b", "c"])[np.digitize(X[:, 1] + RANDOM.normal(size=120) / 3, [-0.5, 0.5])]
VALUES = X @ [1.0, -2.0, 0.5] + 1
TARGETS = np.stack([VALUES, -2 * VALUES, X[:, 0] ** 2], axis=1)

LR = make_pipeline(StandardScaler(), LogisticRegression())
SVC = make_pipeline(StandardScaler(), LinearSVC())
TREE = DecisionTreeClassifier(max_depth=2, random_state=0)
FOREST = RandomForestClassifier(3, max_depth=2, random_state=0)
REGRESSIONS = [("r", Ridge()), ("t", DecisionTreeRegressor(max_depth=3, random_state=0))]
THREE = [("l", LR), ("t", TREE), ("n", GaussianNB())]

CLASSIFIERS = [
    VotingClassifier(THREE, voting="soft"),
    VotingClassifier(THREE, voting="soft", weights=[1, 2, 0.5]),
    VotingClassifier([*THREE, ("d", "drop")], voting="hard"),
    VotingClassifier([*THREE, ("s", SVC)], voting="hard", weights=[1, 1, 2, 0.7]),
    StackingClassifier(THREE, cv=2),
    StackingClassifier([*THREE, ("s", SVC)], cv=2, passthrough=True),
    StackingClassifier(THREE, FOREST, stack_method="predict", cv=2),
    StackingClassifier([("l", LR), ("d", "drop")], SVC, cv=2, stack_method="decision_function"),
    CalibratedClassifierCV(TREE, cv=2),
    CalibratedClassifierCV(FOREST, method="isotonic", cv=2),
    CalibratedClassifierCV(SVC, cv=2),
    CalibratedClassifierCV(SVC, method="isotonic", cv=2, ensemble=False),
    CalibratedClassifierCV(LR, cv=2),
    OneVsRestClassifier(LR),
    OneVsRestClassifier(SVC),
    OneVsRestClassifier(TREE),
    OneVsRestClassifier(FOREST),
    OneVsOneClassifier(LR),
    OneVsOneClassifier(SVC),
]


@pytest.mark.parametrize("labels", [Y2, Y3], ids=["two", "three"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda one: str(one)[:50])
def test_classifiers(model: Any, labels: Any) -> None:
    model.fit(X, labels)
    assert proved(model, X).labels_wrong == 0
    assert pair(model, X).largest_difference() < 1e-13


def test_pairs_of_models_without_a_decision() -> None:
    assert proved(OneVsOneClassifier(TREE).fit(X, Y3), X).rows
    with pytest.raises(CompileError, match="does not decide between two classes"):
        proved(OneVsOneClassifier(TREE).fit(X, Y2), X)


def test_boosting_against_the_rest() -> None:
    model = OneVsRestClassifier(GradientBoostingClassifier(n_estimators=4, random_state=0))
    assert proved(model.fit(X, Y3), X).labels_wrong == 0


MODELS = [
    VotingRegressor(REGRESSIONS),
    VotingRegressor([*REGRESSIONS, ("d", "drop")], weights=[1, 3, 2]),
    StackingRegressor(REGRESSIONS, cv=2),
    StackingRegressor(
        REGRESSIONS, RandomForestRegressor(3, random_state=0), passthrough=True, cv=2
    ),
    TransformedTargetRegressor(Ridge()),
    TransformedTargetRegressor(Ridge(), func=np.cbrt, inverse_func=np.sinh, check_inverse=False),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler(with_mean=False)),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler(with_std=False)),
    TransformedTargetRegressor(Ridge(), transformer=MinMaxScaler()),
    TransformedTargetRegressor(Ridge(), transformer=MaxAbsScaler()),
    TransformedTargetRegressor(Ridge(), transformer=RobustScaler()),
    TransformedTargetRegressor(Ridge(), transformer=RobustScaler(with_centering=False)),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda one: str(one)[:90])
def test_regressions(model: Any) -> None:
    model.fit(X, VALUES)
    assert proved(model, X).rows
    assert pair(model, X).largest_difference() < 1e-13


def test_a_positive_target() -> None:
    model = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp)
    assert proved(model.fit(X, np.exp(VALUES / 4)), X).rows


@pytest.mark.parametrize(
    "model",
    [
        MultiOutputRegressor(Ridge()),
        MultiOutputRegressor(DecisionTreeRegressor(max_depth=3)),
        RegressorChain(Ridge()),
        RegressorChain(Ridge(), order=[2, 0, 1]),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    ],
    ids=lambda one: str(one)[:90],
)
def test_several_targets(model: Any) -> None:
    model.fit(X, TARGETS)
    assert proved(model, X).rows
    assert pair(model, X).largest_difference() < 1e-13


def test_a_chain_of_trees() -> None:
    """Not proved: its trees divide at answers, too, which are no columns of the input."""
    model = RegressorChain(DecisionTreeRegressor(max_depth=3), order=[1, 2, 0], cv=2)
    assert pair(model.fit(X, TARGETS), X).largest_difference() == 0


@pytest.mark.parametrize("kind", [VotingClassifier, StackingClassifier])
def test_columns_of_a_frame(kind: Any) -> None:
    frame = pd.DataFrame(X, columns=list("abc")).assign(d=np.resize(["u", "v", "w"], 120))
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["d"]),
                                     (StandardScaler(), ["a", "b"]))  # fmt: skip
    parts = [("x", make_pipeline(encode, LogisticRegression())), ("y", make_pipeline(encode, TREE))]
    model = kind(parts, voting="soft") if kind is VotingClassifier else kind(parts, cv=2)
    assert pair(model.fit(frame, Y3), frame).largest_difference(singles=3) < 1e-13


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (TransformedTargetRegressor(Ridge(), transformer=PowerTransformer()), "PowerTransformer"),
        (TransformedTargetRegressor(Ridge(), func=lambda y: y, inverse_func=lambda y: y), "NumPy"),
        (
            TransformedTargetRegressor(
                Ridge(),
                transformer=FunctionTransformer(
                    np.log, np.exp, inv_kw_args={"where": True}, check_inverse=False
                ),
            ),
            "inv_kw_args",
        ),
    ],
    ids=["power", "function", "arguments"],
)
def test_refused(model: Any, why: str) -> None:
    with pytest.raises(CompileError, match=why):
        pair(model.fit(X, np.exp(VALUES / 4)), X)


def test_temperature_is_refused() -> None:
    model = CalibratedClassifierCV(LR, method="temperature", cv=2)
    try:
        model.fit(X, Y3)
    except ValueError:
        pytest.skip("this scikit-learn has no temperature")
    with pytest.raises(CompileError, match="method"):
        pair(model, X)
