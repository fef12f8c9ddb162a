"""Gradient boosting: trees that correct each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.compiler.given import (
    Compiler,
    Given,
    Head,
    as_numbers,
    chained,
    float64,
    is_single,
    refuse,
)
from pilotboat.compiler.nodes import Grown, checked, columns, grown, packed
from pilotboat.compiler.spec import Spec
from pilotboat.plan.links import Exponential, Inclusive, Sigmoid, Softmax
from pilotboat.plan.step import Join, Numbers, Step, Take
from pilotboat.plan.trees import Rounded

HERE = "pilotboat.compiler.boosting"
KINDS = "sklearn.ensemble._hist_gradient_boosting"


def hist_classifier(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`HistGradientBoostingClassifier`."""
    binary = model.n_trees_per_iteration_ == 1
    if len(model.classes_) < 2:  # noqa: PLR2004
        raise refuse("a single class is not compiled")
    link: Step = Sigmoid() if binary else Softmax(columns=True)
    scores = _hist_scores(model, given, compiler, where)
    return Head(scores, link, model.classes_, decides=True)


def hist_regression(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`HistGradientBoostingRegressor`; two of its losses have a logarithmic link."""
    scores = _hist_scores(model, given, compiler, where)
    if model.loss in ("poisson", "gamma"):
        return Head(chained([scores, Exponential()]))
    return Head(scores)


def _hist_scores(model: Any, given: Given, compiler: Compiler, where: str) -> Step:
    """The baseline, and one tree after the other."""
    steps = _hist_numbers(model, given, compiler, where)
    predictors = [one for stage in model._predictors for one in stage]  # noqa: SLF001
    if any(type(one).__module__ != f"{KINDS}.predictor" for one in predictors):
        raise refuse("its trees are of a foreign type")
    width, outputs = model.n_features_in_, model.n_trees_per_iteration_
    sides = _Sides(model)
    parts = [_Part.of(one, width, sides) for one in predictors]
    copies = 1 + max(int(part.column.max(initial=0)) for part in parts) // width
    trees = [part.grown(copies * width) for part in parts]
    baseline = float64(model._baseline_prediction).reshape(-1)  # noqa: SLF001
    boosted = packed(
        started(trees, np.broadcast_to(baseline, outputs)),
        width,
        wide=True,
        copies=copies,
        outputs=outputs,
        categories=tuple(sides.places),
        sides=np.stack(sides.rows) if sides.rows else None,
    )
    return chained([*steps, boosted])


def _hist_numbers(model: Any, given: Given, compiler: Compiler, where: str) -> list[Step]:
    """The steps to float64, of which nothing is refused; categories first, as codes."""
    inner = model._preprocessor  # noqa: SLF001
    if inner is None:
        return _wide(given)
    categories = np.flatnonzero(model.is_categorical_).tolist()
    numbers = np.flatnonzero(~model.is_categorical_).tolist()
    taken, some = _selected(given, categories)
    encoder = inner.named_transformers_["encoder"]
    parts = [chained([*taken, compiler.step(encoder, some, f"{where}.encoder".lstrip("."))[0]])]
    if numbers:
        taken, some = _selected(given, numbers)
        parts.append(chained([*taken, *_wide(some)]))
    return [Join(tuple(parts))] if numbers else parts


def _selected(given: Given, places: list[int]) -> tuple[list[Step], Given]:
    if given.kind == "numbers":
        return [Take(tuple(places))], replace(given, width=len(places))
    columns = tuple(given.columns[place] for place in places)
    return [], replace(given, width=len(places), columns=columns)


def _wide(given: Given) -> list[Step]:
    """The steps to numbers in float64: those that are float32 elsewhere are rounded as there."""
    if any(field.dtype == "float16" for _, field in given.columns):
        raise refuse("its input is float16")
    if given.kind == "numbers":
        return [Rounded(tuple(range(given.width)))] if given.single else []
    single = [place for place, (_, field) in enumerate(given.columns) if is_single(field)]
    columns = tuple((place, replace(field, dtype="float64")) for place, field in given.columns)
    steps, _ = as_numbers(replace(given, columns=columns))
    return [*steps, Rounded(tuple(single))] if single else steps


class _Sides:
    """The nodes that divide categories, of all trees."""

    def __init__(self, model: Any) -> None:
        mapper = model._bin_mapper  # noqa: SLF001
        self.rows: list[NDArray[np.uint8]] = []
        self.places: list[int] = []
        self.known: dict[int, list[int]] = {}
        if model._preprocessor is not None:  # noqa: SLF001
            for place in np.flatnonzero(mapper.is_categorical_).tolist():
                self.known[place] = [int(code) for code in mapper.bin_thresholds_[place]]
        self.codes = 1 + max((max(known, default=0) for known in self.known.values()), default=0)

    def add(self, predictor: Any, node: Any) -> int:
        """The number of a node's row: to the right, of each code and of a gap."""
        place, row = int(node["feature_idx"]), np.zeros(self.codes + 1, dtype=np.uint8)
        left = predictor.raw_left_cat_bitsets[node["bitset_idx"]].tolist()
        row[:] = not node["missing_go_to_left"]
        for code in range(self.codes):
            if left[code // 32] >> code % 32 & 1:
                row[code] = False
            elif code in self.known[place]:
                row[code] = True
        self.rows.append(row)
        self.places.append(place)
        return len(self.rows) - 1


@dataclass(frozen=True, slots=True)
class _Part:
    """A tree of a HistGradientBoosting. side: of a node that divides categories its row, else -1."""

    nodes: NDArray[Any]
    column: NDArray[np.int64]
    threshold: Numbers
    side: NDArray[np.int64]

    @staticmethod
    def of(predictor: Any, width: int, sides: _Sides) -> _Part:
        nodes = predictor.nodes
        inner = nodes["is_leaf"] == 0
        divides = inner & (nodes["is_categorical"] == 1)
        feature = np.where(inner, nodes["feature_idx"], 0).astype(np.int64)
        right = inner & ~divides & (nodes["missing_go_to_left"] == 0)
        column, threshold = columns(feature, np.array(nodes["num_threshold"]), right, width)
        side = np.full(len(nodes), -1, dtype=np.int64)
        for number in np.flatnonzero(divides):
            side[number] = sides.add(predictor, nodes[number])
        return _Part(nodes, column, threshold, side)

    def grown(self, start: int) -> Grown:
        """The tree; the columns of categories begin at `start`."""
        leaf, divides = self.nodes["is_leaf"] == 1, self.side >= 0
        return Grown(
            np.where(leaf, -1, self.nodes["left"].astype(np.int64)),
            np.where(leaf, -1, self.nodes["right"].astype(np.int64)),
            np.where(divides, start + self.side, self.column),
            np.where(divides, 0.5, self.threshold),
            np.array(self.nodes["value"])[:, np.newaxis],
        )


def classifier(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`GradientBoostingClassifier`."""
    if model.n_trees_per_iteration_ > 1:
        return Head(_scores(model, given), Softmax(), model.classes_, decides=True)
    # Here a score of 0 means the second class.
    scores = chained([_scores(model, given), Inclusive()])
    link = Sigmoid(2.0 if model.loss == "exponential" else 1.0)
    return Head(scores, link, model.classes_, decides=True)


def regression(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`GradientBoostingRegressor`."""
    return Head(_scores(model, given))


def _scores(model: Any, given: Given) -> Step:
    """What `init_` starts with, and one tree after the other, each multiplied by the learning rate."""
    made = []
    for tree in np.ravel(model.estimators_):
        if f"{type(tree).__module__}:{type(tree).__qualname__}" != TREE:
            raise refuse("its trees are of a foreign type")
        value = model.learning_rate * float64(tree.tree_.value)[:, 0, :1]
        made.append(grown(tree.tree_, value, gaps=False))
    outputs = model.n_trees_per_iteration_
    boosted = packed(
        started(made, _beginning(model, outputs)), model.n_features_in_, outputs=outputs
    )
    return chained([*checked(given, "finite"), boosted])


def _beginning(model: Any, outputs: int) -> Numbers:
    """The raw scores before any tree, shape (outputs,); the same for any row."""
    if isinstance(model.init_, str) and model.init_ == "zero":
        return np.zeros(outputs)
    if model.init is not None or type(model.init_).__module__ != "sklearn.dummy":
        raise refuse("init is an estimator")
    row = np.zeros((1, model.n_features_in_), dtype=np.float32)
    return float64(model._raw_predict_init(row)).reshape(-1)  # noqa: SLF001


def started(trees: Iterable[Grown], scores: Numbers) -> list[Grown]:
    """The trees, `scores` being in the first of each output: that is the first sum in any case."""
    made = list(trees)
    for number, score in enumerate(scores.tolist()):
        made[number] = replace(made[number], value=score + made[number].value)
    return made


TREE = "sklearn.tree._classes:DecisionTreeRegressor"
GROWTH = (
    "ccp_alpha", "class_weight", "early_stopping", "interaction_cst", "l2_regularization",
    "max_bins", "max_depth", "max_features", "max_iter", "max_leaf_nodes", "min_impurity_decrease",
    "min_samples_leaf", "min_samples_split", "min_weight_fraction_leaf", "monotonic_cst",
    "n_estimators", "n_iter_no_change", "random_state", "scoring", "subsample", "tol",
    "validation_fraction", "verbose", "warm_start", "criterion",
)  # fmt: skip
"""Parameters of training: what they did is in the nodes."""
HIST = (
    "_baseline_prediction", "_bin_mapper", "_feature_subsample_rng", "_is_categorical_remapped",
    "_label_encoder", "_loss", "_n_features", "_predictors", "_preprocessor", "_random_seed",
    "_scorer", "_use_validation_data", "classes_", "do_early_stopping_", "is_categorical_",
    "n_trees_per_iteration_", "train_score_", "validation_score_",
)  # fmt: skip
GRADIENT = (
    "_loss", "_rng", "alpha", "classes_", "estimators_", "init_", "max_features_", "n_classes_",
    "n_estimators_", "n_trees_per_iteration_", "oob_improvement_", "oob_score_", "oob_scores_",
    "train_score_",
)  # fmt: skip

SPECS = {
    f"{KINDS}.gradient_boosting:HistGradientBoostingClassifier": Spec(
        f"{HERE}:hist_classifier",
        read=("categorical_features",),
        free=(*GROWTH, "learning_rate"),
        fixed={"loss": ("log_loss",)},
        fitted=HIST,
    ),
    f"{KINDS}.gradient_boosting:HistGradientBoostingRegressor": Spec(
        f"{HERE}:hist_regression",
        read=("categorical_features",),
        free=(*GROWTH, "learning_rate", "quantile"),
        fixed={"loss": ("squared_error", "absolute_error", "gamma", "poisson", "quantile")},
        fitted=HIST,
    ),
    "sklearn.ensemble._gb:GradientBoostingClassifier": Spec(
        f"{HERE}:classifier",
        read=("learning_rate", "init"),
        free=GROWTH,
        fixed={"loss": ("log_loss", "exponential")},
        fitted=GRADIENT,
    ),
    "sklearn.ensemble._gb:GradientBoostingRegressor": Spec(
        f"{HERE}:regression",
        read=("learning_rate", "init"),
        free=(*GROWTH, "alpha"),
        fixed={"loss": ("squared_error", "absolute_error", "huber", "quantile")},
        fitted=GRADIENT,
    ),
}
