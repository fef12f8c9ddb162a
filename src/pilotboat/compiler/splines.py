"""B-splines."""

from __future__ import annotations

from typing import Any

import numpy as np

from pilotboat.compiler.given import (
    Built,
    Compiler,
    Given,
    as_numbers,
    chained,
    doubles,
    float64,
    refuse,
)
from pilotboat.compiler.spec import Spec
from pilotboat.plan.splines import Splines
from pilotboat.plan.step import Check

HERE = "pilotboat.compiler.splines"


def splines(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`SplineTransformer`."""
    if model.degree == 0:
        raise refuse("degree=0 is not compiled")
    if given.kind == "terms":
        raise refuse("it follows text")
    before, given = as_numbers(given)
    doubles(given)
    count = int(model.bsplines_[0].c.shape[1])
    step = _step(model, count, model.extrapolation)
    width = given.width * (count if model.include_bias else count - 1)
    return chained([*before, Check(), step]), Given("numbers", width)


def _step(model: Any, count: int, outside: str) -> Splines:
    columns = []
    degree = int(model.degree)
    for spline in model.bsplines_:
        columns.append(_lines(spline, degree, count, outside))
        if outside == "linear" and degree <= 1:
            degree += 1  # scikit-learn adds to it once a column, and keeps it
    low, high, below, down, above, up = (np.array(some) for some in zip(*columns, strict=True))
    return Splines(
        np.array([float64(spline.t) for spline in model.bsplines_]),
        int(model.degree),
        count,
        "line" if outside in ("linear", "constant") else outside,  # type: ignore[arg-type]
        low,
        high,
        below,
        down,
        above,
        up,
        bool(model.include_bias),
    )


def _lines(spline: Any, degree: int, count: int, outside: str) -> tuple[Any, ...]:
    """The limits of one column, and below and above them the values and the slopes."""
    nothing = np.zeros(count)
    if outside not in ("linear", "constant"):
        end = len(spline.t) - spline.k - 1
        return spline.t[spline.k], spline.t[end], nothing, nothing, nothing, nothing
    low, high = spline.t[degree], spline.t[-degree - 1]
    reach = 2 if outside == "linear" and degree <= 1 else degree
    first, last = np.arange(count) < reach, np.arange(count) >= count - reach
    lines = [np.where(first, spline(low), 0.0), nothing, np.where(last, spline(high), 0.0), nothing]
    if outside == "linear":
        lines[1] = np.where(first, spline(low, nu=1), 0.0)
        lines[3] = np.where(last, spline(high, nu=1), 0.0)
    return low, high, *lines


SPECS = {
    "sklearn.preprocessing._polynomial:SplineTransformer": Spec(
        f"{HERE}:splines",
        read=("degree", "include_bias"),
        free=("n_knots", "knots", "order"),
        fixed={
            "extrapolation": ("constant", "linear", "continue", "periodic", "error"),
            "sparse_output": (False,),
            "handle_missing": ("error",),
        },
        fitted=("bsplines_", "n_features_out_"),
    )
}
