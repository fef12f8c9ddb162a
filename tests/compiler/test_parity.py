"""The proof sees what it is for: each of these faults, planted in a plan that is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from pilotboat.compiler.parity import prove
from pilotboat.errors import CompileError
from pilotboat.plan.columns import NONE, REFUSED, Codes, OneHot, Replace
from pilotboat.plan.linear import Linear
from pilotboat.plan.numbers import Impute, Standardise
from pilotboat.plan.step import Chain, Check, Function, Step
from pilotboat.plan.terms import Dot
from pilotboat.plan.text import Count
from pilotboat.plan.trees import COLUMN, Trees, _tables
from tests.compiler.models import MODELS, Compiled, Model, compiled, fitted, named, quiet, rows_of

RANDOM = np.random.default_rng(1)
LARGE = RANDOM.normal(size=(300, 2))
GROWN = Model(
    "a tree of many leaves",
    "trees",
    DecisionTreeClassifier(random_state=0),
    LARGE,
    RANDOM.integers(0, 3, 300),
)
BITS = "RandomForestClassifier"
GAPS = "RandomForestClassifier: grown out, gaps"
HIST = "HistGradientBoostingClassifier: gaps"
SCALED = "PCA before a tree"
LOGISTIC = "LogisticRegression: two classes"
SEVERAL = "LogisticRegression: three classes"
ONE_HOT = "OneHotEncoder: unknown, ignore"
REFUSING = "OneHotEncoder: unknown, error"
TEXT = "TfidfVectorizer"


@cache
def _made(name: str) -> Compiled:
    model = GROWN if name == GROWN.name else named(name)
    with quiet():
        estimator = fitted(model)
    return compiled(estimator, rows_of(estimator, model))


def planted(made: Compiled, kind: type, change: Callable[[Any], Any]) -> Compiled:
    """The plan with the first step of a type changed, as if the compiler had made it so."""
    parts = [replace(p, head=_planted(p.head, kind, change)) for p in made.parts]
    return replace(made, plan=_planted(made.plan, kind, change), parts=parts)


def _planted(owner: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    scores, done = _changed(owner.scores, kind, change)
    return replace(owner, scores=scores) if done else owner


def _changed(step: Any, kind: type, change: Callable[[Any], Any]) -> tuple[Any, bool]:
    if isinstance(step, kind):
        return change(step), True
    inner = list(getattr(step, "steps", ()))
    for place, one in enumerate(inner):
        made, done = _changed(one, kind, change)
        if done:
            inner[place] = made
            return replace(step, steps=tuple(inner)), True
    return step, False


def _moved(name: str, share: float, to: float) -> Callable[[Any], Any]:
    """An array's number at a share of its length, moved to its neighbour or by a part of it."""

    def change(step: Any) -> Any:
        array = np.array(getattr(step, name))
        flat = array.flat
        numbers = array.ravel()
        finite = np.flatnonzero(np.isfinite(numbers) & (numbers != 0))
        place = finite[int(share * (len(finite) - 1))]
        if np.isinf(to):
            flat[place] = np.nextafter(flat[place], array.dtype.type(to))
        else:
            flat[place] *= 1 + to
        return replace(step, **{name: array})

    return change


def _turned(trees: Trees) -> Trees:
    """The first tree's root sends a gap the other way."""
    words, root = np.array(trees.words), trees.roots[0]
    words[root] += trees.width if words[root] & COLUMN < trees.width else -trees.width
    return replace(trees, words=words)


def _without_category(step: Any) -> Any:
    name = "positions" if isinstance(step, OneHot) else "codes"
    first, *others = getattr(step, name)
    known = (step.categories[0][:-1], *step.categories[1:])
    return replace(step, categories=known, **{name: (first[:-1], *others)})


def _without_word(step: Count) -> Count:
    return replace(step, vocabulary=("no such word", *step.vocabulary[1:]))


def _swapped(step: Linear) -> Linear:
    return replace(step, coef=step.coef[::-1], intercept=step.intercept[::-1])


def _first_filled(step: Replace) -> Replace:
    return replace(step, values=("another", *step.values[1:]))


def _unknown(number: int) -> Callable[[OneHot], OneHot]:
    return lambda step: replace(step, unknown=(number,) * len(step.unknown))


def _allowing(allow: Any) -> Callable[[Check], Check]:
    return lambda step: replace(step, allow=allow)


def _gone(_: Any) -> Chain:
    return Chain(())


@dataclass(frozen=True)
class Crooked:
    """A step of which one of the two ways is wrong by a little, or refuses."""

    step: Step
    way: str
    by: float

    def one(self) -> Function:
        return self._way("one", self.step.one())

    def many(self) -> Function:
        return self._way("many", self.step.many())

    def _way(self, way: str, function: Function) -> Function:
        if way != self.way:
            return function

        def call(value: Any) -> Any:
            if not self.by:
                raise ValueError
            made = np.asarray(function(value)) + self.by
            return made.tolist() if way == "one" else made

        return call


def _crooked(way: str, by: float) -> Callable[[Any], Any]:
    return lambda step: Crooked(step, way, by)


@dataclass(frozen=True)
class Fussy:
    """A step that refuses a number more."""

    step: Step
    number: float

    def one(self) -> Function:
        return self._but(self.step.one())

    def many(self) -> Function:
        return self._but(self.step.many())

    def _but(self, function: Function) -> Function:
        def call(value: Any) -> Any:
            if np.any(np.asarray(value, dtype=float) == self.number):
                raise ValueError
            return function(value)

        return call


UP, DOWN = np.inf, -np.inf
FAULTS: dict[str, tuple[str, type, Callable[[Any], Any]]] = {
    **{
        f"{label}: threshold {share:.0%} {way}": (name, Trees, _moved("thresholds", share, to))
        for label, name in [
            ("bits", BITS),
            ("walked", GROWN.name),
            ("float64", HIST),
            ("after a step", SCALED),
        ]
        for share in (0.0, 0.5, 1.0)
        for way, to in (("up", UP), ("down", DOWN))
    },
    "a leaf": (BITS, Trees, _moved("values", 0.5, UP)),
    "a gap sent the other way": (GAPS, Trees, _turned),
    "a gap sent the other way, boosted": (HIST, Trees, _turned),
    "a category less": (ONE_HOT, OneHot, _without_category),
    "a code less": ("OrdinalEncoder: unknown is -1", Codes, _without_category),
    "classes swapped": (SEVERAL, Linear, _swapped),
    "a coefficient": (LOGISTIC, Linear, _moved("coef", 0.5, 1e-11)),
    "a coefficient of several": (SEVERAL, Linear, _moved("coef", 0.5, -1e-11)),
    "a coefficient of a regression": ("Ridge", Linear, _moved("coef", 0.0, 1e-11)),
    "an intercept": ("Ridge", Linear, _moved("intercept", 0.0, 1e-11)),
    "a coefficient of text": (TEXT, Dot, _moved("coef", 0.5, 1e-11)),
    "a mean": ("StandardScaler", Standardise, _moved("mean", 0.0, 1e-9)),
    "a scale": ("StandardScaler", Standardise, _moved("scale", 0.0, 1e-11)),
    "a word less": (TEXT, Count, _without_word),
    "what fills a gap": ("SimpleImputer: mean", Impute, _moved("values", 0.5, 1e-9)),
    "what fills a gap of text": ("SimpleImputer of text: most frequent", Replace, _first_filled),
    "answers an unknown category": (REFUSING, OneHot, _unknown(NONE)),
    "refuses an unknown category": (ONE_HOT, OneHot, _unknown(REFUSED)),
    "answers a gap": (LOGISTIC, Check, _allowing("nan")),
    "answers anything": (LOGISTIC, Check, _gone),
    "refuses a gap": (GAPS, Check, _allowing("finite")),
    "refuses a gap of boosting": (HIST, Trees, lambda step: Chain((Check("nan"), step))),
    # It is only ever asked beside infinity, for which both refuse the batch.
    "refuses a number": (LOGISTIC, Check, lambda step: Fussy(step, 0.1)),
    "one row is wrong": (LOGISTIC, Linear, _crooked("one", 1e-9)),
    "many rows are wrong": (LOGISTIC, Linear, _crooked("many", 1e-9)),
    "one row of a forest is wrong": (BITS, Trees, _crooked("one", 1e-15)),
    "many rows of a forest are wrong": (BITS, Trees, _crooked("many", 1e-15)),
    "one row alone is refused": (LOGISTIC, Linear, _crooked("one", 0)),
    "many rows are refused": (LOGISTIC, Linear, _crooked("many", 0)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(fault: str) -> None:
    name, kind, change = FAULTS[fault]
    wrong = planted(_made(name), kind, change)
    assert wrong.plan.scores is not _made(name).plan.scores, "nothing was planted"
    with pytest.raises(CompileError):
        wrong.prove()


@pytest.mark.parametrize("name", sorted({name for name, _, _ in FAULTS.values()}))
def test_without_a_fault_it_is_proved(name: str) -> None:
    proof = _made(name).prove()
    assert proof.rows > proof.refused
    assert proof.labels_wrong == 0


def test_the_trees_are_of_both_kinds() -> None:
    found = {name: _made(name).plan.scores.steps[-1] for name in (BITS, GROWN.name)}  # type: ignore[attr-defined]
    assert _tables(found[BITS]) is not None
    assert _tables(found[GROWN.name]) is None


@pytest.mark.parametrize(
    "change", [{"classes": ("yes", "no")}, {"link": None}], ids=["classes", "link"]
)
def test_a_fault_beside_the_steps_is_seen(change: dict[str, Any]) -> None:
    made = _made(LOGISTIC)
    assert made.plan.classes == ("no", "yes")
    if "link" in change:
        change = {"link": Crooked(made.plan.link, "many", 1e-9)}  # type: ignore[arg-type]
    with pytest.raises(CompileError):
        replace(made, plan=replace(made.plan, **change)).prove()


def test_a_label_of_another_type_is_seen() -> None:
    made = _made(SEVERAL)
    with pytest.raises(CompileError, match="labels differ"):
        replace(made, plan=replace(made.plan, classes=("0", "1", "2"), dtype="object")).prove()


def test_less_than_the_rule_is_allowed() -> None:
    """scikit-learn's own answers to one row and to many differ by as much."""
    assert planted(_made(LOGISTIC), Linear, _moved("coef", 0.5, 1e-13)).prove().rows


def test_an_answer_of_another_shape_is_seen() -> None:
    made = _made("Ridge: two targets")
    with pytest.raises(CompileError, match="shape"):
        planted(made, Linear, lambda step: Linear(step.coef[:1], step.intercept[:1])).prove()


@pytest.mark.parametrize(("name", "exact"), [(BITS, True), (HIST, True), (LOGISTIC, False)])
def test_what_is_exact(name: str, exact: bool) -> None:
    proof = _made(name).prove()
    assert proof.exact is exact
    assert not exact or proof.largest_difference == 0.0


@pytest.mark.parametrize("name", ["Ridge", "Ridge: two targets"])
def test_sums_that_overflow_are_proved_and_written(name: str) -> None:
    """Their order decides whether they are infinite or not a number."""
    told = _made(name).prove().to_json()
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_a_proof_without_parts_and_decisions() -> None:
    made = _made(BITS)
    with quiet():
        assert prove(made.plan, made.rows, made.ask).exact


def test_the_catalogue_has_names_of_its_own() -> None:
    assert len({str(model) for model in MODELS}) == len(MODELS)
