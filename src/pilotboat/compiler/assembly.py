"""Pipelines, unions and column transformers: steps that hold steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pilotboat.compiler.given import (
    WIDE,
    Built,
    Compiler,
    Given,
    Head,
    as_numbers,
    chained,
    is_sparse,
    refuse,
)
from pilotboat.compiler.spec import Spec
from pilotboat.plan.numbers import Weigh
from pilotboat.plan.step import Chain, Join, Step, Take
from pilotboat.plan.terms import Dense, JoinTerms, Sparse, Values

HERE = "pilotboat.compiler.assembly"
SEARCHED = (
    "best_estimator_", "best_index_", "best_params_", "best_score_", "cv_results_", "multimetric_",
    "n_splits_", "pre_dispatch", "refit_time_", "scorer_", "n_candidates_", "n_iterations_", "n_possible_iterations_",
    "n_remaining_candidates_", "n_required_iterations_", "n_resources_", "min_resources_",
    "max_resources_", "_checked_cv_orig", "_n_samples_orig",
)  # fmt: skip
SEARCHING = (
    "estimator", "param_grid", "param_distributions", "scoring", "n_jobs", "cv", "verbose",
    "pre_dispatch", "error_score", "return_train_score", "n_iter", "random_state", "factor",
    "resource", "max_resources", "min_resources", "aggressive_elimination", "n_candidates",
)  # fmt: skip


def pipeline(model: Any, given: Given, compiler: Compiler, where: str) -> Built | Head:
    """`Pipeline`: the steps in their order."""
    steps: list[Step] = []
    for name, estimator in model.steps[:-1]:
        if not _passes(estimator):
            step, given = compiler.step(estimator, given, _path(where, name))
            steps.append(step)
    name, last = model.steps[-1]
    if _passes(last):
        return _all(steps), given
    if not hasattr(last, "predict"):
        step, given = compiler.step(last, given, _path(where, name))
        return chained([*steps, step]), given
    head = compiler.head(last, given, _path(where, name))
    return replace(head, scores=chained([*steps, head.scores]))


def column_transformer(model: Any, given: Given, compiler: Compiler, where: str) -> Built:
    """`ColumnTransformer`: each transformer on its columns, their numbers side by side."""
    if given.kind not in ("columns", "numbers"):
        raise refuse(f"it is given {given.kind}")
    parts: list[tuple[Step, Given]] = []
    for name, transformer, _ in model.transformers_:
        places = [int(place) for place in model._transformer_to_input_indices[name]]  # noqa: SLF001
        if transformer == "drop" or not places:
            continue
        selected, one = _selected(model, given, places)
        path = _path(where, name)
        step, made = _part(transformer, one, compiler, path)
        weight = (model.transformer_weights or {}).get(name)
        parts.append((chained([*selected, step, *_weighed(made, weight)]), made))
    return _joined(parts, sparse=bool(model.sparse_output_))


def feature_union(model: Any, given: Given, compiler: Compiler, where: str) -> Built:
    """`FeatureUnion`: each transformer on all that is given."""
    parts = []
    for name, transformer in model.transformer_list:
        if transformer == "drop":
            continue
        step, made = _part(transformer, given, compiler, _path(where, name))
        weight = (model.transformer_weights or {}).get(name)
        parts.append((chained([step, *_weighed(made, weight)]), made))
    return _joined(parts, sparse=True)


def search(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """A search over parameters: the best estimator answers."""
    return compiler.head(model.best_estimator_, given, _path(where, "best_estimator_"))


def _weighed(given: Given, weight: Any) -> list[Step]:
    if weight is None:
        return []
    step = Weigh(float(weight))
    return [Values(step) if given.kind == "terms" else step]


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _passes(estimator: Any) -> bool:
    return estimator is None or (isinstance(estimator, str) and estimator == "passthrough")


def _all(steps: list[Step]) -> Step:
    return chained(steps) if steps else Chain(())


def _part(transformer: Any, given: Given, compiler: Compiler, path: str) -> Built:
    if _passes(transformer) or _is_identity(transformer):
        steps, made = as_numbers(given)
        return (chained(steps) if steps else Take(tuple(range(given.width)))), made
    return compiler.step(transformer, given, path)


def _is_identity(transformer: Any) -> bool:
    """What ColumnTransformer fits in the place of "passthrough"."""
    kind = type(transformer)
    return (
        f"{kind.__module__}.{kind.__name__}"
        == "sklearn.preprocessing._function_transformer.FunctionTransformer"
        and transformer.func is None
        and not transformer.validate
    )


def _selected(model: Any, given: Given, places: list[int]) -> tuple[list[Step], Given]:
    """The columns at these places of what the transformer was fitted on."""
    if given.kind == "numbers":
        return [Take(tuple(places))], Given("numbers", len(places), single=given.single)
    columns = given.columns
    if given.named and hasattr(model, "feature_names_in_"):
        known = {field.name: (place, field) for place, field in given.columns}
        names = [str(model.feature_names_in_[place]) for place in places]
        if not all(name in known for name in names):
            raise refuse("a column that it reads is not an input")
        columns = tuple(known[name] for name in names)
    else:
        columns = tuple(given.columns[place] for place in places)
    return [], Given("columns", len(places), columns, given.named)


def _joined(parts: list[Built], *, sparse: bool) -> Built:
    """The parts side by side. sparse: with terms among them, scikit-learn makes terms of all."""
    if not parts:
        raise refuse("it gives no columns at all")
    kinds = {made.kind for _, made in parts}
    if not kinds <= {"numbers", "terms"}:
        raise refuse(f"it joins {' and '.join(sorted(kinds))}")
    if len(parts) > 1 and any(is_sparse(part) for part in parts):
        if sparse:
            return _joined_terms(parts)
        parts = [_spread(part) for part in parts]
    width = sum(made.width for _, made in parts)
    single = all(made.single for _, made in parts)
    if not single and any(made.single for _, made in parts):
        raise refuse("it joins float32 and float64")
    steps = tuple(step for step, _ in parts)
    return (steps[0] if len(steps) == 1 else Join(steps)), Given("numbers", width, single=single)


def _joined_terms(parts: list[Built]) -> Built:
    widths = tuple(made.width for _, made in parts)
    steps = tuple(
        step if made.kind == "terms" else chained([step, Sparse(made.width)])
        for step, made in parts
    )
    return JoinTerms(steps, widths), Given("terms", sum(widths))


def _spread(part: Built) -> Built:
    step, made = part
    if made.kind == "numbers":
        return part
    if made.width > WIDE:
        raise refuse(f"text of {made.width} terms as a dense array is not compiled")
    return chained([step, Dense(made.width)]), Given("numbers", made.width)


def _search_spec() -> Spec:
    return Spec(f"{HERE}:search", free=SEARCHING, fixed={"refit": (True,)}, fitted=SEARCHED)


SPECS = {
    "sklearn.pipeline:Pipeline": Spec(
        f"{HERE}:pipeline",
        read=("steps",),
        free=("memory", "verbose", "transform_input"),
    ),
    "sklearn.pipeline:FeatureUnion": Spec(
        f"{HERE}:feature_union",
        read=("transformer_list", "transformer_weights"),
        free=("n_jobs", "verbose", "verbose_feature_names_out"),
    ),
    "sklearn.compose._column_transformer:ColumnTransformer": Spec(
        f"{HERE}:column_transformer",
        read=("transformers", "remainder", "transformer_weights"),
        free=(
            "sparse_threshold",
            "n_jobs",
            "verbose",
            "verbose_feature_names_out",
            "force_int_remainder_cols",
        ),
        fitted=(
            "transformers_",
            "output_indices_",
            "sparse_output_",
            "_columns",
            "_n_features",
            "_remainder",
            "_transformer_to_input_indices",
            "_name_to_fitted_passthrough",
        ),
    ),
    "sklearn.model_selection._search:GridSearchCV": _search_spec(),
    "sklearn.model_selection._search:RandomizedSearchCV": _search_spec(),
    "sklearn.model_selection._search_successive_halving:HalvingGridSearchCV": _search_spec(),
    "sklearn.model_selection._search_successive_halving:HalvingRandomSearchCV": _search_spec(),
}
