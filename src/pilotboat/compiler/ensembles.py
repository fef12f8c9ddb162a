"""AdaBoost, bagging and isolation: other ensembles of decision trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.compiler.given import Compiler, Given, Head, chained, float64, refuse
from pilotboat.compiler.nodes import checked, grown, packed
from pilotboat.compiler.spec import Spec
from pilotboat.plan.links import Inclusive, Mirrored, Softmax
from pilotboat.plan.step import Chain, Numbers, Step
from pilotboat.plan.trees import Isolation

HERE = "pilotboat.compiler.ensembles"


def ada_boost(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`AdaBoostClassifier`: each tree has its weight for one class, and against the others."""
    count = len(model.classes_)
    if count < 2:  # noqa: PLR2004
        raise refuse("a single class is not compiled")
    trees, weights = _trees(model, "Classifier"), float64(model.estimator_weights_)
    made = []
    for tree, weight in zip(trees, weights, strict=False):
        said = tree.classes_.take(np.argmax(tree.tree_.value[:, 0, :], axis=1))
        votes = np.where(said[:, np.newaxis] == model.classes_, weight, -1 / (count - 1) * weight)
        # Of two classes the score is the second's sum less the first's, which is its negative.
        made.append(grown(tree.tree_, 2 * votes[:, 1:] if count == 2 else votes, gaps=False))  # noqa: PLR2004
    total = float(weights.sum())
    scores = chained([*checked(given, "finite"), packed(made, model.n_features_in_, divisor=total)])
    if count == 2:  # noqa: PLR2004
        link: Step = Chain((Mirrored(), Softmax(divisor=2.0)))
    else:
        link = Softmax(columns=True, divisor=float(count - 1))
    return Head(scores, link, model.classes_, decides=True)


def bagging_classifier(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`BaggingClassifier` over trees: the mean of their probabilities."""
    if len(model.classes_) < 2:  # noqa: PLR2004
        raise refuse("a single class is not compiled")
    values = []
    for tree in _trees(model, "Classifier"):
        # A tree knows the classes that its sample had, by their numbers.
        value = np.zeros((tree.tree_.node_count, len(model.classes_)))
        value[:, tree.classes_] = float64(tree.tree_.value)[:, 0, :]
        values.append(value)
    return Head(_bagged(model, given, values), Chain(()), model.classes_)


def bagging_regression(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`BaggingRegressor` over trees."""
    trees = _trees(model, "Regressor")
    return Head(_bagged(model, given, [float64(tree.tree_.value)[:, :, 0] for tree in trees]))


def _bagged(model: Any, given: Given, values: list[Numbers]) -> Step:
    trees, width = model.estimators_, model.n_features_in_
    if model.n_estimators != len(trees):
        raise refuse("n_estimators was changed after the fit")
    gaps = bool(trees[0].__sklearn_tags__().input_tags.allow_nan)
    features = [np.asarray(one) for one in model.estimators_features_]
    made = [
        grown(tree.tree_, value, gaps=gaps, places=places, width=width)
        for tree, value, places in zip(trees, values, features, strict=True)
    ]
    read = np.unique(np.concatenate(features))
    if len(read) < width:
        raise refuse("a feature that no tree was given is not compiled")
    copies = 1 + max(int(tree.column.max()) for tree in made) // width
    mean = packed(made, width, copies=copies, divisor=len(trees))
    return chained([*checked(given, "nan" if gaps else "finite"), mean])


def isolation(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`IsolationForest`: how few divisions set a row apart. Of its input it refuses nothing."""
    width = model.n_features_in_
    every = model._max_features == width  # noqa: SLF001
    made = []
    for number, tree in enumerate(_trees(model, "Regressor")):
        places: NDArray[Any] | None = None if every else model.estimators_features_[number]
        length = model._decision_path_lengths[number]  # noqa: SLF001
        value = length + model._average_path_length_per_tree[number] - 1.0  # noqa: SLF001
        made.append(grown(tree.tree_, value[:, np.newaxis], gaps=True, places=places, width=width))
    copies = 1 + max(int(tree.column.max()) for tree in made) // width
    steps = checked(given, None)
    usual = float(_average(model._max_samples))  # noqa: SLF001
    score = Isolation(len(made) * usual, float(model.offset_))
    scores = chained([*steps, packed(made, width, copies=copies), score, Inclusive()])
    return Head(scores, None, np.array([-1, 1]), decides=True)


def _average(samples: int) -> Any:
    """scikit-learn's average length of an unsuccessful search among so many."""
    if samples <= 2:  # noqa: PLR2004
        return max(0, samples - 1)
    return 2.0 * (np.log(samples - 1.0) + np.euler_gamma) - 2.0 * (samples - 1.0) / samples


def _trees(model: Any, kind: str) -> Any:
    for tree in model.estimators_:
        name = f"{type(tree).__module__}:{type(tree).__qualname__}"
        if name not in (f"{TREE}:DecisionTree{kind}", f"{TREE}:ExtraTree{kind}"):
            raise refuse(f"its estimators are of the type {type(tree).__name__}")
        if tree.n_outputs_ != 1:
            raise refuse("several targets are not compiled")
    return model.estimators_


TREE = "sklearn.tree._classes"
GROWTH = (
    "bootstrap", "bootstrap_features", "contamination", "estimator", "learning_rate",
    "max_features", "max_samples", "n_jobs", "oob_score", "random_state", "verbose", "warm_start",
)  # fmt: skip
"""Parameters of training: what they did is in the nodes."""
BAGGED = (
    "_max_features", "_max_samples", "_n_samples", "_sample_weight", "_seeds", "estimator_",
    "estimator_params", "estimators_", "estimators_features_", "oob_decision_function_",
    "oob_prediction_", "oob_score_",
)  # fmt: skip

SPECS = {
    "sklearn.ensemble._weight_boosting:AdaBoostClassifier": Spec(
        f"{HERE}:ada_boost",
        free=(*GROWTH, "n_estimators", "algorithm"),
        fitted=("classes_", "estimator_", "estimator_errors_", "estimator_params",
                "estimator_weights_", "estimators_", "n_classes_"),
    ),
    "sklearn.ensemble._bagging:BaggingClassifier": Spec(
        f"{HERE}:bagging_classifier",
        read=("n_estimators",),
        free=GROWTH,
        fitted=(*BAGGED, "classes_", "n_classes_"),
    ),
    "sklearn.ensemble._bagging:BaggingRegressor": Spec(
        f"{HERE}:bagging_regression", read=("n_estimators",), free=GROWTH, fitted=BAGGED
    ),
    "sklearn.ensemble._iforest:IsolationForest": Spec(
        f"{HERE}:isolation",
        free=(*GROWTH, "n_estimators"),
        fitted=(*BAGGED, "_average_path_length_per_tree", "_decision_path_lengths",
                "bootstrap_features", "estimator", "max_samples_", "offset_", "oob_score"),
    ),
}  # fmt: skip
