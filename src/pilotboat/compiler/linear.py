"""Linear models."""

from __future__ import annotations

from typing import Any

import numpy as np

from pilotboat.compiler.given import (
    Compiler,
    Given,
    Head,
    as_numbers,
    chained,
    doubles,
    float64,
    refuse,
)
from pilotboat.compiler.spec import Spec
from pilotboat.plan.linear import Linear
from pilotboat.plan.links import Shares, Sigmoid, Softmax
from pilotboat.plan.step import Check, Step

HERE = "pilotboat.compiler.linear"


def scores(model: Any, given: Given) -> Step:
    """X @ coef_.T + intercept_, refusing what is not finite."""
    steps, given = as_numbers(given)
    doubles(given)
    linear = Linear(float64(model.coef_), float64(model.intercept_))
    return chained([*steps, Check(), linear])


def logistic(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`LogisticRegression`, two classes or more."""
    binary = len(model.classes_) <= 2  # noqa: PLR2004
    # Until 1.8 there was multi_class, and liblinear answered several classes one against the others.
    asked = getattr(model, "multi_class", "deprecated")
    apart = asked == "ovr" or (asked in ("auto", "deprecated") and model.solver == "liblinear")
    link: Step = Softmax()
    if binary:
        link = Sigmoid(2.0 if asked == "multinomial" else 1.0)
    elif apart:
        link = Shares("expit")
    return Head(scores(model, given), link, model.classes_, decides=True)


def linear_svc(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`LinearSVC`."""
    return Head(scores(model, given), None, model.classes_, decides=True)


def sgd(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`SGDClassifier`; probabilities only for the losses that have them."""
    link: Step | None = None
    if model.loss == "log_loss":
        link = Sigmoid() if len(model.classes_) == 2 else Shares("expit")  # noqa: PLR2004
    elif model.loss == "modified_huber":
        link = Shares("huber")
    return Head(scores(model, given), link, model.classes_, decides=True)


def ridge_classifier(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`RidgeClassifier` for one target."""
    if model._label_binarizer.y_type_.startswith("multilabel"):  # noqa: SLF001
        raise refuse("several labels at once are not compiled")
    return Head(scores(model, given), None, model.classes_, decides=True)


def regression(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """A linear regression of any penalty."""
    if np.ndim(model.coef_) == 1 and np.ndim(model.intercept_) > 0:
        raise refuse("an intercept of that shape is not compiled")
    return Head(scores(model, given))


FIT = (
    "C", "alpha", "average", "class_weight", "copy_X", "dual", "early_stopping", "epsilon", "eta0",
    "fit_intercept", "intercept_scaling", "l1_ratio", "learning_rate", "max_iter", "multi_class",
    "n_iter_no_change", "n_jobs", "penalty", "positive", "power_t", "precompute", "random_state",
    "selection", "shuffle", "tol", "validation_fraction", "verbose", "warm_start",
)  # fmt: skip
"""Parameters of training: what they did is in the coefficients."""
SOLVED = ("coef_", "intercept_", "n_iter_")


def _regression(*fitted: str, free: tuple[str, ...] = FIT) -> Spec:
    return Spec(f"{HERE}:regression", free=(*free, "solver"), fitted=(*SOLVED, *fitted))


SPECS = {
    "sklearn.linear_model._logistic:LogisticRegression": Spec(
        f"{HERE}:logistic",
        read=("solver",),
        free=tuple(name for name in FIT if name != "multi_class"),
        fixed={"multi_class": ("auto", "deprecated", "ovr", "multinomial")},
        fitted=(*SOLVED, "classes_"),
    ),
    "sklearn.svm._classes:LinearSVC": Spec(
        f"{HERE}:linear_svc",
        free=tuple(name for name in FIT if name != "multi_class"),
        fixed={"multi_class": ("ovr", "crammer_singer"), "loss": ("hinge", "squared_hinge")},
        fitted=(*SOLVED, "classes_"),
    ),
    "sklearn.linear_model._stochastic_gradient:SGDClassifier": Spec(
        f"{HERE}:sgd",
        free=FIT,
        fixed={
            "loss": (
                "hinge",
                "log_loss",
                "modified_huber",
                "squared_hinge",
                "perceptron",
                "squared_error",
                "huber",
                "epsilon_insensitive",
                "squared_epsilon_insensitive",
            )
        },
        fitted=(*SOLVED, "classes_", "t_", "_expanded_class_weight", "_loss_function_", "C"),
    ),
    "sklearn.linear_model._ridge:RidgeClassifier": Spec(
        f"{HERE}:ridge_classifier",
        free=(*FIT, "solver"),
        fitted=(*SOLVED, "classes_", "_label_binarizer", "solver_"),
    ),
    "sklearn.linear_model._ridge:Ridge": _regression("solver_"),
    "sklearn.linear_model._base:LinearRegression": _regression("rank_", "singular_"),
    "sklearn.linear_model._coordinate_descent:Lasso": _regression("dual_gap_", "l1_ratio"),
    "sklearn.linear_model._coordinate_descent:ElasticNet": _regression("dual_gap_"),
}
