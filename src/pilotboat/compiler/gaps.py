"""Gaps told and filled, by neighbours and by regressions."""

from __future__ import annotations

import math
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
from pilotboat.plan.gaps import Gaps, Neighbours, Rounds
from pilotboat.plan.step import NAN, Check, Step

HERE = "pilotboat.compiler.gaps"


def _checked(given: Given, missing: Any) -> list[Step]:
    if isinstance(missing, bool) or not isinstance(missing, int | float | np.number):
        raise refuse("missing_values that are no number are not compiled")
    if given.kind == "terms":
        raise refuse("it follows text")
    steps, given = as_numbers(given)
    doubles(given)
    return [*steps, Check("nan" if math.isnan(missing) else "finite")]


def _indicators(model: Any) -> tuple[int, ...]:
    if not model.add_indicator:
        return ()
    return tuple(int(place) for place in model.indicator_.features_)


def missing_indicator(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`MissingIndicator`."""
    if model._precomputed:  # noqa: SLF001
        raise refuse("it was fitted on flags")
    places = tuple(int(place) for place in model.features_)
    if not places:
        raise refuse("it gives no columns at all")
    closed: tuple[int, ...] = ()
    if model.features == "missing-only" and model.error_on_new:
        closed = tuple(place for place in range(given.width) if place not in places)
    steps = _checked(given, model.missing_values)
    step = Gaps(_plain(model.missing_values), places, closed)
    return chained([*steps, step]), Given("numbers", len(places))


def _plain(missing: Any) -> float:
    return NAN if math.isnan(missing) else float(missing)


def neighbours(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`KNNImputer`."""
    known = float64(model._fit_X)  # noqa: SLF001
    empty = ~np.asarray(model._valid_mask)  # noqa: SLF001
    if empty.any():
        raise refuse("a column that was empty is not compiled")
    steps = _checked(given, NAN)
    indicators = _indicators(model)
    means = np.array([np.ma.masked_invalid(column).mean() for column in known.T])
    step = Neighbours(known, means, int(model.n_neighbors), model.weights, indicators)
    return chained([*steps, step]), Given("numbers", given.width + len(indicators))


def rounds(model: Any, given: Given, compiler: Compiler, where: str) -> Built:
    """`IterativeImputer`, with any regression that is compiled."""
    if np.any(model._is_empty_feature):  # noqa: SLF001
        raise refuse("a column that was empty is not compiled")
    steps = _checked(given, model.missing_values)
    places, others, regressions = [], [], []
    turns = model.imputation_sequence_ if model.n_iter_ else []
    for turn in turns:
        path = f"{where}.{turn.feat_idx}" if where else str(turn.feat_idx)
        width = len(turn.neighbor_feat_idx)
        head = compiler.head(turn.estimator, Given("numbers", width), path)
        if head.classes is not None:
            raise refuse("it imputes classes")
        places.append(int(turn.feat_idx))
        others.append(tuple(int(place) for place in turn.neighbor_feat_idx))
        regressions.append(head.scores)
    indicators = _indicators(model)
    endless = np.full(given.width, np.inf)  # the limits are there only with a turn or more
    step = Rounds(
        _plain(model.missing_values),
        float64(model.initial_imputer_.statistics_),
        tuple(places),
        tuple(others),
        tuple(regressions),
        float64(getattr(model, "_min_value", -endless)),
        float64(getattr(model, "_max_value", endless)),
        indicators,
    )
    return chained([*steps, step]), Given("numbers", given.width + len(indicators))


SPECS = {
    "sklearn.impute._base:MissingIndicator": Spec(
        f"{HERE}:missing_indicator",
        read=("missing_values", "features", "error_on_new"),
        fixed={"sparse": ("auto", False)},
        fitted=("_n_features", "_precomputed", "features_"),
    ),
    "sklearn.impute._knn:KNNImputer": Spec(
        f"{HERE}:neighbours",
        read=("n_neighbors", "add_indicator"),
        free=("copy", "keep_empty_features"),
        fixed={
            "missing_values": (NAN,),
            "metric": ("nan_euclidean",),
            "weights": ("uniform", "distance"),
        },
        fitted=("_fit_X", "_mask_fit_X", "_valid_mask", "indicator_"),
    ),
    "sklearn.impute._iterative:IterativeImputer": Spec(
        f"{HERE}:rounds",
        read=("missing_values", "add_indicator"),
        free=("estimator", "max_iter", "tol", "n_nearest_features", "initial_strategy",
              "fill_value", "imputation_order", "skip_complete", "min_value", "max_value",
              "verbose", "random_state", "keep_empty_features"),
        fixed={"sample_posterior": (False,)},
        fitted=("_estimator", "_is_empty_feature", "_max_value", "_min_value",
                "imputation_sequence_", "indicator_", "initial_imputer_", "n_features_with_missing_",
                "n_iter_", "random_state_"),
    ),
}  # fmt: skip
