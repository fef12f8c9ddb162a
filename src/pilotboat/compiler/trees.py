"""Decision trees and forests of them."""

from __future__ import annotations

from typing import Any

from pilotboat.compiler.given import (
    Compiler,
    Given,
    Head,
    chained,
    float64,
    refuse,
)
from pilotboat.compiler.nodes import Grown, checked, grown, packed
from pilotboat.compiler.spec import Spec
from pilotboat.plan.step import Chain, Numbers, Step

HERE = "pilotboat.compiler.trees"


def classifier(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """A tree or a forest that classifies; its leaves hold probabilities."""
    if model.n_outputs_ != 1:
        raise refuse("several targets are not compiled")
    if len(model.classes_) < 2:  # noqa: PLR2004
        raise refuse("a single class is not compiled")
    return Head(_scores(model, given), Chain(()), model.classes_)


def regression(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """A tree or a forest that answers numbers, of one target or several."""
    return Head(_scores(model, given))


def _scores(model: Any, given: Given) -> Step:
    """The mean of the trees' leaves."""
    trees = getattr(model, "estimators_", [model])
    gaps = bool(trees[0].__sklearn_tags__().input_tags.allow_nan)
    made = [_tree(model, tree, gaps=gaps) for tree in trees]
    width = model.n_features_in_
    copies = 1 + max(int(tree.column.max()) for tree in made) // width
    mean = packed(made, width, copies=copies, divisor=len(trees))
    return chained([*checked(given, "nan" if gaps else "finite"), mean])


def _tree(model: Any, tree: Any, *, gaps: bool) -> Grown:
    kind = type(tree)
    if f"{kind.__module__}:{kind.__qualname__}" not in SPECS:
        raise refuse(f"its trees are of the type {kind.__name__}")
    value = float64(tree.tree_.value)
    # Shape (nodes, targets, classes): a classifier has one target, a regression one class.
    table: Numbers = value[:, 0, :] if hasattr(model, "classes_") else value[:, :, 0]
    return grown(tree.tree_, table, gaps=gaps)


GROWTH = (
    "bootstrap", "ccp_alpha", "class_weight", "criterion", "max_depth", "max_features",
    "max_leaf_nodes", "max_samples", "min_impurity_decrease", "min_samples_leaf",
    "min_samples_split", "min_weight_fraction_leaf", "monotonic_cst", "n_estimators", "n_jobs",
    "oob_score", "random_state", "splitter", "verbose", "warm_start",
)  # fmt: skip
"""Parameters of training: what they did is in the nodes."""
GROWN = ("max_features_", "n_outputs_", "tree_")
FOREST = (
    "_n_samples", "_n_samples_bootstrap", "_sample_weight", "class_weight", "estimator",
    "estimator_", "estimator_params", "estimators_", "n_outputs_", "oob_decision_function_",
    "oob_prediction_", "oob_score_",
)  # fmt: skip


def _spec(translate: str, *fitted: str) -> Spec:
    return Spec(f"{HERE}:{translate}", free=GROWTH, fitted=fitted)


CLASSES = ("classes_", "n_classes_")

SPECS = {
    "sklearn.tree._classes:DecisionTreeClassifier": _spec("classifier", *CLASSES, *GROWN),
    "sklearn.tree._classes:ExtraTreeClassifier": _spec("classifier", *CLASSES, *GROWN),
    "sklearn.tree._classes:DecisionTreeRegressor": _spec("regression", "class_weight", *GROWN),
    "sklearn.tree._classes:ExtraTreeRegressor": _spec("regression", "class_weight", *GROWN),
    "sklearn.ensemble._forest:RandomForestClassifier": _spec("classifier", *CLASSES, *FOREST),
    "sklearn.ensemble._forest:ExtraTreesClassifier": _spec("classifier", *CLASSES, *FOREST),
    "sklearn.ensemble._forest:RandomForestRegressor": _spec("regression", *FOREST),
    "sklearn.ensemble._forest:ExtraTreesRegressor": _spec("regression", *FOREST),
}
