"""Classifiers whose scores are made probabilities afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from pilotboat.compiler.answers import decides, decision, path, probabilities
from pilotboat.compiler.given import Compiler, Given, Head, chained, float64, refuse
from pilotboat.compiler.spec import Spec
from pilotboat.plan.calibration import Distribution, Ramps, Sigmoids
from pilotboat.plan.meta import Average
from pilotboat.plan.step import Chain, Join, Step

HERE = "pilotboat.compiler.calibration"


def calibrated(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`CalibratedClassifierCV`: the mean over its classifiers, each with its calibrators."""
    parts: list[Step] = []
    for number, one in enumerate(model.calibrated_classifiers_):
        classifier = one.estimator
        head = compiler.head(classifier, given, path(where, str(number)))
        binary = len(classifier.classes_) == 2  # noqa: PLR2004
        if decides(classifier):
            asked = decision(head, classifier)
        else:
            asked = probabilities(head, classifier, (1,) if binary else ())
        parts.append(chained([asked, _curves(one), _distribution(model, classifier)]))
    mean = Average(len(parts), "running")
    return Head(chained([Join(tuple(parts)), mean]), Chain(()), model.classes_)


def _distribution(model: Any, classifier: Any) -> Step:
    """From the shares of the classes that this classifier knows to all classes."""
    count = len(model.classes_)
    places = np.searchsorted(model.classes_, classifier.classes_)
    if count == 2:  # noqa: PLR2004
        return Distribution((1,), count)
    if len(places) == 2:  # noqa: PLR2004 - its one score is taken for its first class
        places = places[:1]
    return Distribution(tuple(int(place) for place in places), count)


def _curves(one: Any) -> Step:
    calibrators = one.calibrators
    if one.method == "sigmoid":
        slopes = np.array([float(curve.a_) for curve in calibrators])
        return Sigmoids(slopes, np.array([float(curve.b_) for curve in calibrators]))
    if any(curve.out_of_bounds != "clip" for curve in calibrators):
        raise refuse("its curves refuse some numbers")
    xs = tuple(float64(curve.X_thresholds_) for curve in calibrators)
    return Ramps(xs, tuple(float64(curve.y_thresholds_) for curve in calibrators))


SPECS = {
    "sklearn.calibration:CalibratedClassifierCV": Spec(
        f"{HERE}:calibrated",
        free=("estimator", "cv", "n_jobs", "ensemble", "base_estimator"),
        fixed={"method": ("sigmoid", "isotonic")},
        fitted=("calibrated_classifiers_", "classes_"),
    )
}
