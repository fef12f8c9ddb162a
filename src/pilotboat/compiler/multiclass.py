"""Several classes by models of two: one against the rest, and pair by pair."""

from __future__ import annotations

from typing import Any

from pilotboat.compiler.answers import decides, decision, labels, path, probabilities
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
from pilotboat.plan.meta import Complement, Pairs, Rest
from pilotboat.plan.step import Join, Step

HERE = "pilotboat.compiler.multiclass"


def against_rest(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`OneVsRestClassifier` for one label."""
    if model.label_binarizer_.y_type_.startswith("multilabel"):
        raise refuse("several labels at once are not compiled")
    heads = _heads(model, given, compiler, where)
    if all(decides(one) for one in model.estimators_):
        pairs = zip(heads, model.estimators_, strict=True)
        asked = [decision(head, one) for head, one in pairs]
        links = tuple(head.link for head in heads if head.link is not None)
        link = Rest(links) if len(links) == len(heads) else None
        return Head(_beside(asked), link, model.classes_, decides=True)
    shares = [_share(head, one) for head, one in zip(heads, model.estimators_, strict=True)]
    link = None if any(head.link is None for head in heads) else Rest()
    if len(shares) > 1:
        return Head(_beside(shares), link, model.classes_)
    if link is None:
        raise refuse("a regression that decides between two classes is not compiled")
    return Head(chained([*shares, Complement()]), link, model.classes_)


def _heads(model: Any, given: Given, compiler: Compiler, where: str) -> list[Head]:
    heads = [
        compiler.head(one, given, path(where, str(number)))
        for number, one in enumerate(model.estimators_)
    ]
    for head in heads:
        if head.classes is not None and len(head.classes) != 2:  # noqa: PLR2004
            raise refuse("one of its models knows but one side")
    return heads


def _share(head: Head, model: Any) -> Step:
    """The probability of a class, or what a regression of 0 and 1 answers in its place."""
    return head.scores if head.classes is None else probabilities(head, model, (1,))


def _beside(steps: list[Step]) -> Step:
    return steps[0] if len(steps) == 1 else Join(tuple(steps))


def pair_by_pair(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`OneVsOneClassifier`."""
    if model.pairwise_indices_ is not None:
        raise refuse("models of distances are not compiled")
    if given.kind == "terms":
        raise refuse("it follows text")
    before, given = as_numbers(given)
    doubles(given)
    steps: list[Step] = []
    for head, one in zip(_heads(model, given, compiler, where), model.estimators_, strict=True):
        if head.classes is None or (len(model.classes_) == 2 and not decides(one)):  # noqa: PLR2004
            raise refuse(f"{type(one).__name__} does not decide between two classes")
        sure = decision(head, one) if decides(one) else probabilities(head, one, (1,))
        steps += [labels(head, one), sure]
    scores = chained([*before, Join(tuple(steps)), Pairs(len(model.classes_))])
    return Head(scores, None, model.classes_, decides=True)


SPECS = {
    "sklearn.multiclass:OneVsRestClassifier": Spec(
        f"{HERE}:against_rest",
        free=("estimator", "n_jobs", "verbose"),
        fitted=("classes_", "estimators_", "label_binarizer_"),
    ),
    "sklearn.multiclass:OneVsOneClassifier": Spec(
        f"{HERE}:pair_by_pair",
        free=("estimator", "n_jobs"),
        fitted=("classes_", "estimators_", "pairwise_indices_"),
    ),
}
