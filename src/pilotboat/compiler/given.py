"""What flows from one step into the next, as the compiler knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from pilotboat.errors import CompileError
from pilotboat.plan import Plan
from pilotboat.plan.bayes import Binarise
from pilotboat.plan.columns import Cells, Pick, Read
from pilotboat.plan.linear import Linear
from pilotboat.plan.numbers import Project, Standardise, Weigh
from pilotboat.plan.step import Chain, Check, Numbers, Step, Take
from pilotboat.plan.terms import Dense, Dot, Keep, Reweigh, Sparse, Values
from pilotboat.schema import Field


@dataclass(frozen=True, slots=True)
class Given:
    """The value after a step.

    kind: "columns" of the input as they came, "cells", "numbers" or "terms" of text.
    width: how many there are of them. columns: which ones, as places in the schema.
    named: whether steps know them by the names of a frame. single: the numbers are float32.
    """

    kind: Literal["columns", "cells", "numbers", "terms"]
    width: int
    columns: tuple[tuple[int, Field], ...] = ()
    named: bool = False
    single: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """The last step of a classifier or a regression. See `pilotboat.plan.Plan`.

    decides: the scores are what the estimator's `decision_function` gives.
    """

    scores: Step
    link: Step | None = None
    classes: Any = None
    label: Literal["scores", "probabilities"] = "scores"
    decides: bool = False


def plan_of(head: Head) -> Plan:
    """The plan that is this head alone."""
    if head.classes is None:
        return Plan(head.scores)
    labels = np.asarray(head.classes)
    if labels.dtype.kind not in "OUbiuf" or labels.ndim != 1:
        raise refuse(f"labels of type {labels.dtype} are not compiled")
    dtype = "object" if labels.dtype.kind == "O" else labels.dtype.str
    classes = tuple(labels.tolist())
    return Plan(head.scores, head.link, classes, dtype, head.label, head.decides)


@dataclass(frozen=True, slots=True)
class Part:
    """A model inside a plan. numeric: it takes numbers, not the columns of the input."""

    estimator: Any
    head: Head
    numeric: bool


class Compiler(Protocol):
    """The compiler itself, for steps that hold others. `where` is the path of steps to this one."""

    def step(self, estimator: Any, given: Given, where: str) -> Built:
        """The translation of a transformer."""
        ...

    def head(self, estimator: Any, given: Given, where: str) -> Head:
        """The translation of a classifier or a regression."""
        ...


Built = tuple[Step, Given]


def refuse(why: str) -> CompileError:
    """The error that says why a step is not compiled; the compiler adds which one it is."""
    return CompileError(why)


def as_numbers(given: Given) -> tuple[list[Step], Given]:
    """The steps, if any, that make numbers of what is given, as `check_array` does."""
    if given.kind == "numbers":
        return [], given
    if given.kind == "terms":
        return [Dense(given.width)], Given("numbers", given.width)
    if given.kind != "columns":
        raise refuse(f"it is given {given.kind} where this compiler expects numbers")
    for _, field in given.columns:
        if field.type == "text" or (field.type == "category" and _textual(field)):
            raise refuse("it is given text where numbers are expected")
    single = bool(given.columns) and all(is_single(field) for _, field in given.columns)
    if not single and any(is_single(field) for _, field in given.columns):
        raise refuse("its input mixes float32 with other types")
    read = Read(tuple(place for place, _ in given.columns))
    return [read], Given("numbers", given.width, single=single)


def as_cells(given: Given) -> tuple[list[Step], Given]:
    """The steps, if any, that make cells of what is given."""
    if given.kind == "cells":
        return [], given
    if given.kind == "numbers":
        return [Cells()], Given("cells", given.width)
    if given.kind != "columns":
        raise refuse("an encoder after text is not compiled")
    if any(is_single(field) for _, field in given.columns):
        raise refuse("its input is float32")
    places = tuple(place for place, _ in given.columns)
    return [Pick(places, tuple(field.gap != "none" for _, field in given.columns))], Given(
        "cells", given.width
    )


def is_single(field: Field) -> bool:
    """Whether training held the column in fewer than 64 bits of float."""
    return field.dtype in ("float16", "float32", "Float32")


def _textual(field: Field) -> bool:
    return any(isinstance(value, str) for value in field.categories or ("",))


def doubles(given: Given) -> None:
    """Refuse float32, in which scikit-learn would compute further."""
    if given.single:
        raise refuse("its input is float32, in which scikit-learn computes otherwise")


def chained(steps: list[Step]) -> Step:
    """The steps as one; terms stay terms for as long as the steps can work on them."""
    made: list[Step] = []
    for step in steps:
        for one in step.steps if isinstance(step, Chain) else [step]:
            last = made[-1] if made else None
            if isinstance(last, Dense):
                made[-1:] = _after_dense(last, one)
            else:
                made.append(one)
    return made[0] if len(made) == 1 else Chain(tuple(made))


WIDE = 2**15
"""So many numbers a row, nearly all of them 0, are still spread out."""


def _after_dense(dense: Dense, step: Step) -> list[Step]:
    apart = None if dense.steps else _on_terms(step, dense.width)
    if apart is not None:
        return apart
    if dense.width > WIDE:
        raise refuse(f"text of {dense.width} terms is not compiled before this type")
    return [Dense(dense.width, (*dense.steps, step))]


def _on_terms(step: Step, width: int) -> list[Step] | None:
    """What scikit-learn does in the place of `step` to a sparse matrix, if that is known."""
    match step:
        case Sparse():
            return []
        case Check() | Weigh() | Binarise():
            return [Values(step), Dense(width)]
        case Take(places) if list(places) == sorted(set(places)):
            return [Keep(places), Dense(len(places))]
        case Standardise(None, scale):
            # Scalers multiply sparse numbers by the reciprocal.
            return [Dense(width)] if scale is None else [Reweigh(1.0 / scale), Dense(width)]
        case Linear(coef, intercept):
            coef = np.atleast_2d(coef)
            return [_dot(coef, np.broadcast_to(intercept, len(coef)))]
        case Project(components, None, None):
            return [_dot(components, np.zeros(len(components)))]
    return None


def _dot(coef: Numbers, intercept: Numbers) -> Dot:
    return Dot(np.ascontiguousarray(coef), np.ascontiguousarray(intercept))


def is_sparse(built: Built) -> bool:
    """Whether scikit-learn holds what this step gives in a sparse matrix of terms."""
    step, made = built
    last = step.steps[-1] if isinstance(step, Chain) and step.steps else step
    return made.kind == "terms" or (isinstance(last, Dense) and not last.steps)


def float64(array: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A fitted array, which must be float64 already: of float32 the arithmetic is another."""
    made = np.asarray(array)
    if made.dtype.kind in "iub":
        return made.astype(np.float64)
    if made.dtype != np.float64:
        raise refuse(f"it was fitted in {made.dtype}")
    return made
