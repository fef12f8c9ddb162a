"""Regressions of several targets, and of a target that was changed for the fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from pilotboat.compiler.answers import path
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
from pilotboat.compiler.spec import Spec, check
from pilotboat.plan.curves import Elementwise, name_of
from pilotboat.plan.meta import Alike, Sound, Succession, Unscale
from pilotboat.plan.step import Check, Join, Step

HERE = "pilotboat.compiler.targets"


def several(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`MultiOutputRegressor`: a regression of each target."""
    heads = _regressions(model, [given] * len(model.estimators_), compiler, where)
    return Head(Join(tuple(head.scores for head in heads)))


def chain(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`RegressorChain`: each regression is given the answers before its own."""
    if given.kind == "terms":
        raise refuse("it follows text")
    before, given = as_numbers(given)
    doubles(given)
    turns = [Given("numbers", given.width + number) for number in range(len(model.estimators_))]
    steps = tuple(head.scores for head in _regressions(model, turns, compiler, where))
    places = tuple(int(place) for place in np.argsort(model.order_))
    return Head(chained([*before, Check(), Alike(Succession(steps, places), cells=False)]))


def _regressions(model: Any, given: list[Given], compiler: Compiler, where: str) -> list[Head]:
    pairs = enumerate(zip(model.estimators_, given, strict=True))
    heads = [compiler.head(one, some, path(where, str(number))) for number, (one, some) in pairs]
    if any(head.classes is not None for head in heads):
        raise refuse("classes of several targets are not compiled")
    return heads


def transformed(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`TransformedTargetRegressor`: the way back by a function of NumPy's, or by a scaler."""
    head = compiler.head(model.regressor_, given, path(where, "regressor_"))
    if head.classes is not None:
        raise refuse("it holds a classifier")
    back = _back(model.transformer_)
    if given.kind == "terms" or not back:
        return Head(chained([head.scores, *back]))
    return Head(chained([Alike(head.scores, given.kind == "columns"), *back]))


def _back(transformer: Any) -> list[Step]:
    """The steps of the transformer's `inverse_transform`."""
    kind = type(transformer)
    name = f"{kind.__module__}:{kind.__qualname__}"
    if name not in BACK:
        raise refuse(f"the way back through {kind.__name__} is not compiled")
    check(transformer, BACK[name])
    if hasattr(transformer, "func"):
        return _function(transformer)
    if hasattr(transformer, "data_min_"):
        return [Sound("nan"), Unscale(float64(transformer.scale_), float64(transformer.min_), True)]
    offset, scale = getattr(transformer, "mean_", None), transformer.scale_
    if hasattr(transformer, "center_"):
        offset = transformer.center_ if transformer.with_centering else None
        scale = scale if transformer.with_scaling else None
    elif not getattr(transformer, "with_mean", False):
        offset = None
    made = np.ones(1) if scale is None else float64(scale)
    moved = np.zeros(1) if offset is None else float64(offset)
    return [Sound("nan"), Unscale(made, moved)]


def _function(transformer: Any) -> list[Step]:
    steps: list[Step] = [Sound("finite")] if transformer.validate else []
    if transformer.inverse_func is None:
        return steps
    name = name_of(transformer.inverse_func)
    if name is None:
        raise refuse("an inverse_func that is not one of NumPy's is not compiled")
    return [*steps, Elementwise(name)]


SCALING = ("n_samples_seen_", "mean_", "var_", "scale_", "center_", "max_abs_", "data_max_",
           "data_min_", "data_range_", "min_")  # fmt: skip

BACK = {
    "sklearn.preprocessing._function_transformer:FunctionTransformer": Spec(
        "",
        read=("inverse_func", "validate"),
        free=("func", "accept_sparse", "check_inverse", "feature_names_out", "kw_args"),
        fixed={"inv_kw_args": (None, {})},
    ),
    "sklearn.preprocessing._data:StandardScaler": Spec(
        "", read=("with_mean", "with_std"), free=("copy",), fitted=SCALING
    ),
    "sklearn.preprocessing._data:MinMaxScaler": Spec(
        "", free=("copy", "feature_range", "clip"), fitted=SCALING
    ),
    "sklearn.preprocessing._data:MaxAbsScaler": Spec("", free=("copy", "clip"), fitted=SCALING),
    "sklearn.preprocessing._data:RobustScaler": Spec(
        "",
        read=("with_centering", "with_scaling"),
        free=("copy", "quantile_range", "unit_variance"),
        fitted=SCALING,
    ),
}
"""Transformers of the target whose way back is known."""

SPECS = {
    "sklearn.multioutput:MultiOutputRegressor": Spec(
        f"{HERE}:several", free=("estimator", "n_jobs"), fitted=("estimators_",)
    ),
    "sklearn.multioutput:RegressorChain": Spec(
        f"{HERE}:chain",
        free=("estimator", "base_estimator", "order", "cv", "random_state", "verbose"),
        fitted=("estimators_", "order_"),
    ),
    "sklearn.compose._target:TransformedTargetRegressor": Spec(
        f"{HERE}:transformed",
        free=("regressor", "transformer", "func", "inverse_func", "check_inverse"),
        fitted=("regressor_", "transformer_", "_training_dim"),
    ),
}
