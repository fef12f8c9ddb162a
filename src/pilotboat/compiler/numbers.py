"""Numbers to numbers: scalers, products, selections, projections."""

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
from pilotboat.plan.numbers import Products, Project, Standardise, Stretch
from pilotboat.plan.step import Check, Step, Take

HERE = "pilotboat.compiler.numbers"


def _after_check(given: Given, allow: str, *steps: Step, width: int | None = None) -> Built:
    before, given = as_numbers(given)
    doubles(given)
    made = Given("numbers", given.width if width is None else width)
    return chained([*before, Check(allow), *steps]), made  # type: ignore[arg-type]


def standard(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`StandardScaler`."""
    mean = float64(model.mean_) if model.with_mean else None
    scale = float64(model.scale_) if model.with_std else None
    return _after_check(given, "nan", Standardise(mean, scale))


def robust(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`RobustScaler`."""
    center = float64(model.center_) if model.with_centering else None
    scale = float64(model.scale_) if model.with_scaling else None
    return _after_check(given, "nan", Standardise(center, scale))


def max_abs(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`MaxAbsScaler`."""
    steps: list[Step] = [Standardise(None, float64(model.scale_))]
    if getattr(model, "clip", False):
        one = np.ones_like(steps[0].scale)  # type: ignore[attr-defined]
        steps.append(Stretch(one, 0 * one, -1.0, 1.0))
    return _after_check(given, "nan", *steps)


def min_max(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`MinMaxScaler`."""
    low, high = map(float, model.feature_range) if model.clip else (None, None)
    return _after_check(
        given, "nan", Stretch(float64(model.scale_), float64(model.min_), low, high)
    )


def polynomial(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`PolynomialFeatures`."""
    combinations = model._combinations(  # noqa: SLF001
        model.n_features_in_,
        model._min_degree,  # noqa: SLF001
        model._max_degree,  # noqa: SLF001
        model.interaction_only,
        model.include_bias,
    )
    factors = tuple(tuple(int(place) for place in places) for places in combinations)
    return _after_check(given, "finite", Products(factors), width=len(factors))


def selection(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """A selector of features: those that it kept at fit."""
    places = tuple(int(place) for place in np.flatnonzero(model._get_support_mask()))  # noqa: SLF001
    if not places:
        raise refuse("it keeps no feature")
    if model.__sklearn_tags__().input_tags.allow_nan:  # which lets infinity pass as well
        before, given = as_numbers(given)
        doubles(given)
        return chained([*before, Take(places)]), Given("numbers", len(places))
    return _after_check(given, "finite", Take(places), width=len(places))


def pca(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`PCA`."""
    components = float64(model.components_)
    offset = (float64(model.mean_).reshape(1, -1) @ components.T)[0]
    scale = None
    if model.whiten:
        scale = np.sqrt(float64(model.explained_variance_))
        smallest = np.finfo(scale.dtype).eps
        scale = np.where(scale < smallest, smallest, scale)
    return _after_check(given, "finite", Project(components, offset, scale), width=len(components))


def svd(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`TruncatedSVD`."""
    components = float64(model.components_)
    return _after_check(given, "finite", Project(components), width=len(components))


def _selector(*parameters: str, fitted: tuple[str, ...] = ("scores_", "pvalues_")) -> Spec:
    return Spec(f"{HERE}:selection", free=("score_func", *parameters), fitted=fitted)


SEEN = ("n_samples_seen_",)
FITTING = ("tol", "iterated_power", "n_oversamples", "power_iteration_normalizer", "random_state")

SPECS = {
    "sklearn.preprocessing._data:StandardScaler": Spec(
        f"{HERE}:standard",
        read=("with_mean", "with_std"),
        free=("copy",),
        fitted=(*SEEN, "mean_", "var_", "scale_"),
    ),
    "sklearn.preprocessing._data:MinMaxScaler": Spec(
        f"{HERE}:min_max",
        read=("feature_range", "clip"),
        free=("copy",),
        fitted=(*SEEN, "data_max_", "data_min_", "data_range_", "min_", "scale_"),
    ),
    "sklearn.preprocessing._data:RobustScaler": Spec(
        f"{HERE}:robust",
        read=("with_centering", "with_scaling"),
        free=("copy", "quantile_range", "unit_variance"),
        fitted=("center_", "scale_"),
    ),
    "sklearn.preprocessing._data:MaxAbsScaler": Spec(
        f"{HERE}:max_abs",
        read=("clip",),
        free=("copy",),
        fitted=(*SEEN, "max_abs_", "scale_"),
    ),
    "sklearn.preprocessing._polynomial:PolynomialFeatures": Spec(
        f"{HERE}:polynomial",
        read=("interaction_only", "include_bias", "degree"),
        free=("order",),
        fitted=("_max_degree", "_min_degree", "_n_out_full", "n_output_features_"),
    ),
    "sklearn.feature_selection._variance_threshold:VarianceThreshold": _selector(
        "threshold", fitted=("variances_",)
    ),
    "sklearn.feature_selection._univariate_selection:SelectKBest": _selector("k"),
    "sklearn.feature_selection._univariate_selection:SelectPercentile": _selector("percentile"),
    "sklearn.feature_selection._univariate_selection:SelectFpr": _selector("alpha"),
    "sklearn.feature_selection._univariate_selection:SelectFdr": _selector("alpha"),
    "sklearn.feature_selection._univariate_selection:SelectFwe": _selector("alpha"),
    "sklearn.feature_selection._univariate_selection:GenericUnivariateSelect": _selector(
        "mode", "param"
    ),
    "sklearn.feature_selection._from_model:SelectFromModel": _selector(
        "estimator",
        "threshold",
        "prefit",
        "norm_order",
        "max_features",
        "importance_getter",
        fitted=("estimator_", "max_features_", "threshold_"),
    ),
    "sklearn.feature_selection._rfe:RFE": _selector(
        "estimator",
        "n_features_to_select",
        "step",
        "verbose",
        "importance_getter",
        fitted=("estimator_", "n_features_", "ranking_", "support_", "step_scores_"),
    ),
    "sklearn.feature_selection._rfe:RFECV": _selector(
        "estimator",
        "min_features_to_select",
        "cv",
        "scoring",
        "step",
        "n_jobs",
        "verbose",
        "importance_getter",
        fitted=("estimator_", "n_features_", "ranking_", "support_", "step_scores_", "cv_results_"),
    ),
    "sklearn.decomposition._pca:PCA": Spec(
        f"{HERE}:pca",
        read=("whiten",),
        free=("copy", "n_components", "svd_solver", *FITTING),
        fitted=("_fit_svd_solver", "components_", "explained_variance_",
                "explained_variance_ratio_", "mean_", "n_components_", "n_samples_",
                "noise_variance_", "singular_values_"),
    ),
    "sklearn.decomposition._truncated_svd:TruncatedSVD": Spec(
        f"{HERE}:svd",
        free=("algorithm", "n_components", "n_iter", *FITTING),
        fitted=("components_", "explained_variance_", "explained_variance_ratio_",
                "singular_values_"),
    ),
}  # fmt: skip
