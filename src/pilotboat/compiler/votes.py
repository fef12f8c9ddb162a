"""Models asked together: votes, means, and a last model over their answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pilotboat.compiler.answers import decision, labels, path, probabilities
from pilotboat.compiler.given import (
    Compiler,
    Given,
    Head,
    as_numbers,
    chained,
    doubles,
    refuse,
)
from pilotboat.compiler.spec import Spec
from pilotboat.plan.meta import Average, Votes
from pilotboat.plan.step import Chain, Join, Step

HERE = "pilotboat.compiler.votes"


def _heads(model: Any, given: Given, compiler: Compiler, where: str) -> list[tuple[Head, Any]]:
    names = [name for name, estimator in model.estimators if _there(estimator)]
    return [
        (compiler.head(estimator, given, path(where, name)), estimator)
        for name, estimator in zip(names, model.estimators_, strict=True)
    ]


def _there(estimator: Any) -> bool:
    return not (isinstance(estimator, str) and estimator == "drop")


def _weights(model: Any) -> tuple[float, ...] | None:
    found = model._weights_not_none  # noqa: SLF001
    return None if found is None else tuple(float(one) for one in found)


def voting_classifier(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`VotingClassifier`, by votes or by the mean of the probabilities."""
    _one_target(model, "le_")
    heads, weights, count = (
        _heads(model, given, compiler, where),
        _weights(model),
        len(model.classes_),
    )
    if model.voting == "hard":
        asked = Join(tuple(labels(head, one) for head, one in heads))
        return Head(Chain((asked, Votes(count, weights))), None, model.classes_)
    if any(len(one.classes_) != count for _, one in heads):
        raise refuse("one of its models knows fewer classes")
    asked = Join(tuple(probabilities(head, one) for head, one in heads))
    mean = Average(len(heads), "answers", weights)
    return Head(Chain((asked, mean)), Chain(()), model.classes_)


def voting_regression(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`VotingRegressor`."""
    heads = _heads(model, given, compiler, where)
    asked = Join(tuple(head.scores for head, _ in heads))
    return Head(Chain((asked, Average(len(heads), "rows", _weights(model)))))


def stacking_classifier(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`StackingClassifier`; its last model has the labels as their places."""
    _one_target(model, "_label_encoder")
    head = _stacked(model, given, compiler, where)
    if list(head.classes) != list(range(len(model.classes_))):
        raise refuse("its last model knows other classes")
    return replace(head, classes=model.classes_)


def stacking_regression(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`StackingRegressor`."""
    return _stacked(model, given, compiler, where)


def _one_target(model: Any, encoder: str) -> None:
    if not hasattr(getattr(model, encoder), "classes_"):
        raise refuse("several labels at once are not compiled")


def _stacked(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    steps: list[Step] = []
    width = 0
    heads = _heads(model, given, compiler, where)
    for (head, one), method in zip(heads, model.stack_method_, strict=True):
        step, count = _asked(model, head, one, method)
        steps.append(step)
        width += count
    if model.passthrough:
        if given.kind == "terms":
            raise refuse("passthrough of text is not compiled")
        before, numbers = as_numbers(given)
        doubles(numbers)
        steps.append(chained(before) if before else Chain(()))
        width += numbers.width
    last = compiler.head(
        model.final_estimator_, Given("numbers", width), path(where, "final_estimator_")
    )
    return replace(last, scores=chained([Join(tuple(steps)), last.scores]))


def _asked(model: Any, head: Head, one: Any, method: str) -> tuple[Step, int]:
    """One model's answers as the last one has them, and how many they are."""
    count = 1 if head.classes is None else len(head.classes)
    if method == "predict_proba":
        binary = len(model.classes_) == 2  # noqa: PLR2004
        step = probabilities(head, one, (1,) if binary else ())
        return step, 1 if binary else count
    if method == "decision_function":
        return decision(head, one), 1 if count == 2 else count  # noqa: PLR2004
    if head.classes is None and getattr(one, "n_outputs_", 1) != 1:
        raise refuse("several targets are not compiled")
    return labels(head, one), 1


ASKING = ("n_jobs", "verbose", "flatten_transform", "cv", "stack_method", "final_estimator")
FITTED = ("estimators_", "named_estimators_", "classes_")

SPECS = {
    "sklearn.ensemble._voting:VotingClassifier": Spec(
        f"{HERE}:voting_classifier",
        read=("estimators", "weights"),
        free=ASKING,
        fixed={"voting": ("hard", "soft")},
        fitted=(*FITTED, "le_"),
    ),
    "sklearn.ensemble._voting:VotingRegressor": Spec(
        f"{HERE}:voting_regression", read=("estimators", "weights"), free=ASKING, fitted=FITTED
    ),
    "sklearn.ensemble._stacking:StackingClassifier": Spec(
        f"{HERE}:stacking_classifier",
        read=("estimators", "passthrough"),
        free=ASKING,
        fitted=(*FITTED, "_label_encoder", "_n_feature_outs", "final_estimator_", "stack_method_"),
    ),
    "sklearn.ensemble._stacking:StackingRegressor": Spec(
        f"{HERE}:stacking_regression",
        read=("estimators", "passthrough"),
        free=ASKING,
        fitted=(*FITTED, "stack_method", "_n_feature_outs", "final_estimator_", "stack_method_"),
    ),
}
