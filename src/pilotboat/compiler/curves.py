"""Numbers to numbers by curves: bins, quantiles, powers, norms, functions of NumPy."""

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
from pilotboat.plan.bayes import Binarise
from pilotboat.plan.curves import Bins, Elementwise, Normalise, Power, Quantiles, name_of
from pilotboat.plan.step import Chain, Check, Step

HERE = "pilotboat.compiler.curves"


def _after_check(given: Given, allow: str, step: Step, width: int | None = None) -> Built:
    if given.kind == "terms":
        raise refuse("scikit-learn computes otherwise after text")
    before, given = as_numbers(given)
    doubles(given)
    made = Given("numbers", given.width if width is None else width)
    return chained([*before, Check(allow), step]), made  # type: ignore[arg-type]


def bins(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`KBinsDiscretizer`."""
    edges = tuple(np.ascontiguousarray(float64(one)[1:-1]) for one in model.bin_edges_)
    onehot = model.encode != "ordinal"
    width = sum(len(one) + 1 for one in edges) if onehot else len(edges)
    return _after_check(given, "finite", Bins(edges, onehot), width)


def quantiles(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`QuantileTransformer`."""
    normal = model.output_distribution == "normal"
    step = Quantiles(float64(model.quantiles_), float64(model.references_), normal)
    return _after_check(given, "nan", step)


def power(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`PowerTransformer`, with the scaler inside it."""
    mean = scale = None
    if model.standardize:
        mean, scale = float64(model._scaler.mean_), float64(model._scaler.scale_)  # noqa: SLF001
    step = Power(float64(model.lambdas_), model.method, mean, scale)
    return _after_check(given, "nan", step)


def normaliser(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`Normalizer`."""
    return _after_check(given, "finite", Normalise(model.norm))


def binariser(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`Binarizer`."""
    return _after_check(given, "finite", Binarise(float(model.threshold)))


def function(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`FunctionTransformer` of nothing, or of one of NumPy's own functions."""
    if model.func is None and not model.validate:
        return Chain(()), given
    name = "positive" if model.func is None else name_of(model.func)
    if name is None:
        raise refuse("a function that is not one of NumPy's is not compiled")
    if given.kind == "terms":
        raise refuse("scikit-learn computes otherwise after text")
    if name in FLOATING:
        _wide(given)
    else:
        _no_integers(given)
    step = Elementwise(name)
    if model.validate:
        return _after_check(given, "finite", step)
    before, given = as_numbers(given)
    doubles(given)
    return chained([*before, step]), Given("numbers", given.width)


FLOATING = frozenset({
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "cos", "cosh", "deg2rad",
    "degrees", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "positive", "rad2deg",
    "radians", "sin", "sinh", "sqrt", "tan", "tanh",
})  # fmt: skip
"""Functions that make floats of integers, too."""
WIDE = (None, "float64", "int64", "int32", "uint32", "uint64")
"""Types of which NumPy's functions make float64."""


def _no_integers(given: Given) -> None:
    """Integers would be computed with as such, and wrap around, or be divided to the integer."""
    for _, field in given.columns:
        if field.type != "number" or field.dtype not in ("float64", None):
            raise refuse("NumPy computes otherwise with integers")


def _wide(given: Given) -> None:
    """Of small integers and of booleans NumPy's functions make small floats."""
    for _, field in given.columns:
        if field.dtype not in WIDE:
            raise refuse(f"NumPy computes otherwise with {field.dtype}")


EMPTY: tuple[Any, ...] = (None, {})

SPECS = {
    "sklearn.preprocessing._discretization:KBinsDiscretizer": Spec(
        f"{HERE}:bins",
        read=("encode",),
        free=("n_bins", "strategy", "quantile_method", "subsample", "random_state"),
        fixed={"dtype": (None, np.float64, float)},
        fitted=("_encoder", "bin_edges_", "n_bins_"),
    ),
    "sklearn.preprocessing._data:QuantileTransformer": Spec(
        f"{HERE}:quantiles",
        free=("copy", "ignore_implicit_zeros", "n_quantiles", "subsample", "random_state"),
        fixed={"output_distribution": ("uniform", "normal")},
        fitted=("n_quantiles_", "quantiles_", "references_"),
    ),
    "sklearn.preprocessing._data:PowerTransformer": Spec(
        f"{HERE}:power",
        read=("standardize",),
        free=("copy",),
        fixed={"method": ("yeo-johnson", "box-cox")},
        fitted=("_scaler", "lambdas_"),
    ),
    "sklearn.preprocessing._data:Normalizer": Spec(
        f"{HERE}:normaliser", free=("copy",), fixed={"norm": ("l1", "l2", "max")}
    ),
    "sklearn.preprocessing._data:Binarizer": Spec(
        f"{HERE}:binariser", read=("threshold",), free=("copy",)
    ),
    "sklearn.preprocessing._function_transformer:FunctionTransformer": Spec(
        f"{HERE}:function",
        read=("func", "validate"),
        free=("accept_sparse", "check_inverse", "feature_names_out", "inverse_func", "inv_kw_args"),
        fixed={"kw_args": EMPTY},
    ),
}  # fmt: skip
