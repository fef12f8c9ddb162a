"""Support vector machines with libsvm's own kernels."""

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
from pilotboat.plan.kernels import Coupled, Elected, Kernel, Machines, Turned
from pilotboat.plan.step import Check, Step

HERE = "pilotboat.compiler.svm"


def classifier(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`SVC` and `NuSVC`: a machine for each pair of classes, which vote."""
    count = len(model.classes_)
    ends = np.cumsum([0, *model._n_support]).tolist()  # noqa: SLF001
    runs = [(ends[number], ends[number + 1]) for number in range(count)]
    spans = tuple(
        ((second - 1, *runs[first]), (first, *runs[second]))
        for first in range(count)
        for second in range(first + 1, count)
    )
    platt: tuple[Any, Any] = (None, None)
    if model.probability is True:
        platt = float64(model._probA), float64(model._probB)  # noqa: SLF001
    if count == 2:  # noqa: PLR2004
        link = Coupled(count, *platt) if platt[0] is not None else None
        return Head(_machines(model, given, spans, Turned()), link, model.classes_, decides=True)
    elected = Elected(count, bool(model.break_ties), *platt)
    link = Coupled(count) if platt[0] is not None else None
    return Head(_machines(model, given, spans, elected), link, model.classes_)


def regression(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`SVR` and `NuSVR`."""
    return Head(_machines(model, given, (((0, 0, len(model.support_vectors_)),),)))


def _machines(model: Any, given: Given, spans: Any, *after: Step) -> Step:
    if given.kind == "terms" or model._sparse:  # noqa: SLF001
        raise refuse("it follows text")
    steps, given = as_numbers(given)
    doubles(given)
    kernel = Kernel(model.kernel, float(model._gamma), float(model.coef0), int(model.degree))  # noqa: SLF001
    step = Machines(
        kernel,
        np.ascontiguousarray(float64(model.support_vectors_)),
        float64(model._dual_coef_),
        spans,
        float64(model._intercept_),
    )
    return chained([*steps, Check(), step, *after])


FIT = ("C", "cache_size", "class_weight", "epsilon", "max_iter", "nu", "random_state", "shrinking",
       "tol", "verbose", "gamma")  # fmt: skip
KERNELS = ("linear", "poly", "rbf", "sigmoid")
FITTED = (
    "C", "_dual_coef_", "_effective_probability", "_gamma", "_intercept_", "_n_support", "_num_iter",
    "_probA", "_probB", "_sparse", "class_weight", "class_weight_", "classes_", "dual_coef_",
    "epsilon", "fit_status_", "intercept_", "n_iter_", "nu", "probability", "random_state",
    "shape_fit_", "support_", "support_vectors_",
)  # fmt: skip
READ = ("coef0", "degree")


def _spec(translate: str, fixed: dict[str, tuple[Any, ...]], *read: str) -> Spec:
    fixed = {"kernel": KERNELS} | fixed
    return Spec(f"{HERE}:{translate}", read=(*READ, *read), free=FIT, fixed=fixed, fitted=FITTED)


SHAPES: dict[str, tuple[Any, ...]] = {"decision_function_shape": ("ovr", "ovo")}

SPECS = {
    "sklearn.svm._classes:SVC": _spec(
        "classifier", SHAPES | {"probability": (False, True, "deprecated")}, "break_ties"
    ),
    "sklearn.svm._classes:NuSVC": _spec(
        "classifier", SHAPES | {"probability": (False, True, "deprecated")}, "break_ties"
    ),
    "sklearn.svm._classes:SVR": _spec("regression", {}),
    "sklearn.svm._classes:NuSVR": _spec("regression", {}),
}
