"""Imputers and encoders: from cells to numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pilotboat.compiler.given import (
    Built,
    Compiler,
    Given,
    as_cells,
    as_numbers,
    chained,
    doubles,
    float64,
    refuse,
)
from pilotboat.compiler.spec import Spec
from pilotboat.plan.columns import NONE, REFUSED, Categories, Codes, OneHot, Replace
from pilotboat.plan.numbers import Impute
from pilotboat.plan.step import NAN, Check, Step, Take
from pilotboat.schema import Value

HERE = "pilotboat.compiler.columns"


def simple_imputer(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`SimpleImputer`, of numbers or of cells."""
    if given.kind == "cells" or (given.kind == "columns" and model._fit_dtype.kind in "OU"):  # noqa: SLF001
        return _cells_imputer(model, given)
    missing = model.missing_values
    if isinstance(missing, bool) or not isinstance(missing, int | float | np.number):
        raise refuse("missing_values that are no number are not compiled for numbers")
    steps, given = as_numbers(given)
    doubles(given)
    # A constant stands in an array of objects, whatever it is.
    filled = model.statistics_
    statistics = float64(np.array(filled.tolist()) if filled.dtype.kind == "O" else filled)
    kept = list(range(given.width))
    if not model.keep_empty_features:
        kept = [place for place in kept if not math.isnan(statistics[place])]
    indicators = _indicators(model)
    if indicators and len(kept) < given.width:
        raise refuse("add_indicator beside columns that were empty is not compiled")
    allow = "nan" if math.isnan(missing) else "finite"
    steps.append(Check(allow))  # type: ignore[arg-type]
    if len(kept) < given.width:
        steps.append(Take(tuple(kept)))
    steps.append(Impute(float(missing), np.ascontiguousarray(statistics[kept]), indicators))
    return chained(steps), Given("numbers", len(kept) + len(indicators))


def _indicators(model: Any) -> tuple[int, ...]:
    if not model.add_indicator:
        return ()
    return tuple(int(place) for place in model.indicator_.features_)


def _cells_imputer(model: Any, given: Given) -> Built:
    missing = model.missing_values
    if model.add_indicator or not isinstance(missing, str | int | float):
        raise refuse("indicators or such missing_values are not compiled for text")
    if isinstance(missing, float) and math.isnan(missing):
        missing = NAN
    steps, given = as_cells(given)
    values = tuple(plain(value) for value in model.statistics_)
    if any(value is NAN for value in values):
        raise refuse("a column that was empty is not compiled")
    return chained([*steps, Replace(missing, values)]), given


def plain(value: Any) -> Value:
    """A category or a statistic as a plain value, NaN being the one NaN of cells."""
    made = value.item() if isinstance(value, np.generic) else value
    if isinstance(made, float) and math.isnan(made):
        return NAN
    if made is not None and not isinstance(made, bool | int | float | str):
        raise refuse(f"a category of type {type(made).__name__} is not compiled")
    return made


def _categories(model: Any) -> Categories:
    return tuple(tuple(plain(value) for value in column) for column in model.categories_)


def _mapping(model: Any, number: int) -> Any:
    """Category -> its place once the infrequent ones are one; None where none are."""
    enabled = getattr(model, "_infrequent_enabled", False)
    return model._default_to_infrequent_mappings[number] if enabled else None  # noqa: SLF001


def one_hot(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`OneHotEncoder`."""
    steps, given = as_cells(given)
    categories = _categories(model)
    dropped = model._drop_idx_after_grouping  # noqa: SLF001
    positions, unknown, offset = [], [], 0
    for number, known in enumerate(categories):
        mapping = _mapping(model, number)
        places = list(range(len(known))) if mapping is None else [int(one) for one in mapping]
        count = max(places) + 1
        drop = None if dropped is None else dropped[number]
        moved = [_moved(place, drop, offset) for place in places]
        positions.append(tuple(moved))
        other = count - 1 if mapping is not None else None
        unknown.append(_unknown_place(model.handle_unknown, other, drop, offset))
        offset += count - (drop is not None)
    step = OneHot(categories, tuple(positions), tuple(unknown), offset)
    return chained([*steps, step]), Given("numbers", offset)


def _moved(place: int, drop: int | None, offset: int) -> int:
    if drop is None or place < drop:
        return offset + place
    return NONE if place == drop else offset + place - 1


def _unknown_place(handle: str, infrequent: int | None, drop: int | None, offset: int) -> int:
    if handle == "error":
        return REFUSED
    if handle in ("infrequent_if_exist", "warn") and infrequent is not None:
        return _moved(infrequent, drop, offset)
    return NONE


def ordinal(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`OrdinalEncoder`."""
    steps, given = as_cells(given)
    categories = _categories(model)
    codes: list[tuple[tuple[float, ...], ...]] = []
    for number, known in enumerate(categories):
        mapping = _mapping(model, number)
        places = list(range(len(known))) if mapping is None else list(mapping)
        places += [0] * (len(known) - len(places))  # the gap, which the mapping leaves out
        missing = model._missing_indices.get(number)  # noqa: SLF001
        codes.append(
            tuple(
                (float(model.encoded_missing_value if at == missing else place),)
                for at, place in enumerate(places)
            )
        )
    other = None if model.handle_unknown == "error" else (float(model.unknown_value),)
    step: Step = Codes(categories, tuple(codes), (other,) * len(categories))
    return chained([*steps, step]), Given("numbers", len(categories))


def target(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`TargetEncoder`, as it encodes rows that it was not fitted on."""
    steps, given = as_cells(given)
    categories = _categories(model)
    several = model.target_type_ == "multiclass"
    means = tuple(float(one) for one in np.atleast_1d(model.target_mean_))
    count = len(means) if several else 1
    codes = tuple(
        tuple(
            tuple(float(model.encodings_[number * count + one][at]) for one in range(count))
            for at in range(len(known))
        )
        for number, known in enumerate(categories)
    )
    step = Codes(categories, codes, (means,) * len(categories))
    return chained([*steps, step]), Given("numbers", len(categories) * count)


SPECS = {
    "sklearn.impute._base:SimpleImputer": Spec(
        f"{HERE}:simple_imputer",
        read=("missing_values", "add_indicator", "keep_empty_features"),
        free=("copy", "fill_value"),
        fixed={"strategy": ("mean", "median", "most_frequent", "constant")},
        fitted=("statistics_", "indicator_", "_fit_dtype", "_fill_dtype"),
    ),
    "sklearn.preprocessing._encoders:OneHotEncoder": Spec(
        f"{HERE}:one_hot",
        read=("drop",),
        free=("categories", "min_frequency", "max_categories", "sparse_output",
              "feature_name_combiner"),
        fixed={
            "handle_unknown": ("error", "ignore", "infrequent_if_exist", "warn"),
            "dtype": (np.float64, float),
        },
        fitted=("categories_", "drop_idx_", "_drop_idx_after_grouping", "_n_features_outs",
                "_infrequent_enabled", "_infrequent_indices", "_default_to_infrequent_mappings"),
    ),
    "sklearn.preprocessing._encoders:OrdinalEncoder": Spec(
        f"{HERE}:ordinal",
        read=("unknown_value", "encoded_missing_value"),
        free=("categories", "min_frequency", "max_categories"),
        fixed={
            "handle_unknown": ("error", "use_encoded_value"),
            "dtype": (np.float64, float),
        },
        fitted=("categories_", "_missing_indices", "_infrequent_enabled", "_infrequent_indices",
                "_default_to_infrequent_mappings"),
    ),
    "sklearn.preprocessing._target_encoder:TargetEncoder": Spec(
        f"{HERE}:target",
        free=("categories", "target_type", "smooth", "cv", "shuffle", "random_state"),
        fitted=("categories_", "encodings_", "target_mean_", "target_type_", "classes_",
                "_infrequent_enabled"),
    ),
}  # fmt: skip
