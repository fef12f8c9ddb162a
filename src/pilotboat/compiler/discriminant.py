"""Linear and quadratic discriminant analysis."""

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
from pilotboat.plan.discriminant import Posterior, Quadratic
from pilotboat.plan.linear import Linear
from pilotboat.plan.links import Sigmoid, Softmax
from pilotboat.plan.step import Check, Step

HERE = "pilotboat.compiler.discriminant"


def _scores(given: Given, step: Step) -> Step:
    if given.kind == "terms":
        raise refuse("it follows text")
    steps, given = as_numbers(given)
    doubles(given)
    return chained([*steps, Check(), step])


def linear(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`LinearDiscriminantAnalysis` as a classifier."""
    step = Linear(float64(model.coef_), float64(model.intercept_))
    link: Step = Sigmoid() if len(model.classes_) == 2 else Softmax()  # noqa: PLR2004
    return Head(_scores(given, step), link, model.classes_, decides=True)


def quadratic(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`QuadraticDiscriminantAnalysis`."""
    pairs = zip(model.rotations_, model.scalings_, strict=True)
    axes = tuple(float64(rotation) * float64(scaling) ** -0.5 for rotation, scaling in pairs)
    sizes = np.array([np.log(float64(scaling)).sum() for scaling in model.scalings_])
    step = Quadratic(float64(model.means_), axes, sizes, np.log(float64(model.priors_)))
    several = len(model.classes_) > 2  # noqa: PLR2004 - of two, scikit-learn gives the difference
    return Head(_scores(given, step), Posterior(), model.classes_, decides=several)


FIT = ("covariance_estimator", "priors", "shrinkage", "solver", "store_covariance", "tol",
       "n_components", "reg_param")  # fmt: skip
FITTED = ("classes_", "covariance_", "means_", "priors_", "scalings_")

SPECS = {
    "sklearn.discriminant_analysis:LinearDiscriminantAnalysis": Spec(
        f"{HERE}:linear",
        free=FIT,
        fitted=(*FITTED, "_max_components", "_n_features_out", "coef_",
                "explained_variance_ratio_", "intercept_", "xbar_"),
    ),
    "sklearn.discriminant_analysis:QuadraticDiscriminantAnalysis": Spec(
        f"{HERE}:quadratic", free=FIT, fitted=(*FITTED, "rotations_")
    ),
}  # fmt: skip
