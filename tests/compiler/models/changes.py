"""Fitted models changed by hand, and whether their plans still answer as they do."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import Interval, Options

from pilotboat.compiler import compile_parts
from pilotboat.compiler.suspects import gaps_allowed, values_of
from pilotboat.errors import CompileError
from pilotboat.plan import Answers
from pilotboat.rows import Rows
from pilotboat.schema import Field, Value
from tests.compiler.models import MODELS, Compiled, Model, fitted, holds, quiet, rows_of

ODD = 36
NUMBERS = (None, 0.0, -0.0, 1.0, -1.0, 5e-324, 0.1, 3.5, 7.0, 1e6, -1e3, float("inf"))
OTHER: dict[str, list[Any]] = {
    "categories": [[["female"], ["red"]]],
    "dtype": [np.float32, np.int64],
    "drop": [None, "first", "if_binary"],
    "encoded_missing_value": [-3.0],
    "feature_range": [(0.0, 2.0)],
    "func": [None, np.exp, np.negative],
    "init": ["zero", None],
    "inverse_func": [np.exp, np.negative],
    "kw_args": [{"dtype": np.float32}],
    "missing_values": [-1, 0.0, None],
    "ngram_range": [(1, 1), (1, 2), (2, 2)],
    "preprocessor": [str.upper],
    "stop_words": [None, "english", ["cat", "the"]],
    "token_pattern": [r"\w", r"(?u)\b\w+\b"],
    "tokenizer": [str.split],
    "transformer_weights": [None, {"a": 3.0}],
    "transformer": [StandardScaler()],
    "unknown_value": [-5, np.nan],
    "weights": [None, [0.2, 0.8], "distance", lambda table: table],
}
"""Values for parameters of which scikit-learn does not list the values."""
ANY: list[Any] = [None, 0, 1, 0.5, True, False, "auto"]
FEW = 4
"""Values tried of a parameter that changes nothing."""


def alternatives(kind: Any, name: str, now: Any) -> list[Any]:
    """Other values for a parameter of a type, those that scikit-learn allows first."""
    found: list[Any] = list(OTHER.get(name, ()))
    for allowed in getattr(kind, "_parameter_constraints", {}).get(name, ()):
        found += _allowed(allowed)
    found = found or ANY
    return [value for value in found if type(value) is not type(now) or not _same(value, now)]


def _allowed(constraint: Any) -> list[Any]:
    if constraint is None:
        return [None]
    if isinstance(constraint, str):
        return [True, False] if constraint in ("boolean", "verbose") else []
    if isinstance(constraint, Options):
        return sorted(constraint.options, key=str)
    if isinstance(constraint, Interval):
        return _within(constraint)
    return []


def _within(interval: Any) -> list[Any]:
    low = -2 if interval.left is None or np.isinf(interval.left) else interval.left
    high = low + 2 if interval.right is None or np.isinf(interval.right) else interval.right
    whole = issubclass(int, interval.type) and not issubclass(float, interval.type)
    values = [int(low) + 1, int(low) + 2] if whole else [low + (high - low) / 4, (low + high) / 2]
    return [value for value in values if value in interval]


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except ValueError:  # arrays
        return False


@dataclass(frozen=True, eq=False)
class Place:
    """Where in a model of the catalogue an estimator is that the compiler translates."""

    model: Model
    number: int

    def copies(self) -> tuple[Any, Any]:
        """A copy of the fitted model, and the estimator in it."""
        with quiet():
            made = copy.deepcopy(fitted(self.model))
        return made, list(holds(made))[self.number]


@cache
def places(kind: str) -> list[Place]:
    """The first models, two at most, that hold an estimator of the type."""
    found: list[Place] = []
    for model in MODELS:
        if len(found) < 2 and (place := _place(model, kind)) is not None:
            found.append(place)
    return found


def _place(model: Model, kind: str) -> Place | None:
    with quiet():
        estimators = list(holds(fitted(model)))
    for number, one in enumerate(estimators):
        if f"{type(one).__module__}:{type(one).__qualname__}" == kind:
            made, inner = Place(model, number).copies()
            inner.unheard_of_ = 1
            if "unheard_of_" in refusal(made, model):
                return Place(model, number)
    return None


def refusal(estimator: Any, model: Model) -> str:
    """Why the estimator is not compiled, "" where it is."""
    try:
        translated(estimator, rows(model))
    except CompileError as error:
        return error.detail
    return ""


def translated(estimator: Any, given: Rows) -> Compiled:
    """The plan of an estimator, without the way to disk and back."""
    with quiet():
        plan, parts = compile_parts(estimator, given.schema)
    return Compiled(estimator, given, plan, parts)


@cache
def rows(model: Model) -> Rows:
    """The training rows of a model of the catalogue."""
    with quiet():
        return rows_of(fitted(model), model)


@cache
def odd(model: Model) -> tuple[Rows, list[Rows]]:
    """Rows with odd values that a model answers, and some that it refuses, each alone."""
    made = Compiled(fitted(model), rows(model), None, [])  # type: ignore[arg-type]
    some = [row for row in _odd(rows(model)) if row is not None]
    fine = [asked(made, row) is not None for row in some]
    answered = [row for row, one in zip(some, fine, strict=True) if one]
    return _stacked([rows(model), *answered]), [
        r for r, one in zip(some, fine, strict=True) if not one
    ][:6]


def _stacked(parts: list[Rows]) -> Rows:
    columns = [[*part] for part in parts[0].columns]
    for part in parts[1:]:
        for column, more in zip(columns, part.columns, strict=True):
            column.extend(more)
    return replace(gaps_allowed(parts[0]), columns=tuple(columns), count=len(columns[0]))


def _odd(given: Rows) -> Iterator[Rows]:
    """Rows of training with another value in one column."""
    given = gaps_allowed(given)
    pairs = [
        (place, one) for place, field in enumerate(given.schema.inputs) for one in _values(field)
    ]
    for number in np.unique(np.linspace(0, len(pairs) - 1, ODD).astype(int)).tolist():
        place, value = pairs[number]
        cells = [[column[number % given.count]] for column in given.columns]
        cells[place] = [value]
        yield replace(given, columns=tuple(cells), count=1)


def _values(field: Field) -> list[Value]:
    return list(NUMBERS) if field.type == "number" else values_of(field)


def asked(made: Compiled, given: Rows) -> Answers | None:
    """What scikit-learn answers, or None where it refuses."""
    with quiet(), np.errstate(all="ignore"):
        try:
            answers: Answers = made.ask(given)
        except Exception:  # noqa: BLE001 - estimators raise what they like
            return None
        return answers


def planned(made: Compiled, given: Rows) -> Answers | None:
    """What the plan answers, or None where it refuses."""
    with np.errstate(all="ignore"):
        try:
            answers: Answers = made.plan.many()(given.columns)
        except ValueError:
            return None
        return answers


def agrees(made: Compiled, model: Model) -> bool:
    """Whether the plan answers the odd rows as scikit-learn does; not as strict as the proof."""
    answered, refused = odd(model)
    batches = [answered, *refused]
    if asked(made, answered) is None:
        batches += [answered.take(number, number + 1) for number in range(0, answered.count, 5)]
    try:
        return all(_alike(asked(made, one), planned(made, one)) for one in batches)
    except LookupError:  # packing says that the plan failed
        return False


def _alike(wanted: Answers | None, got: Answers | None) -> bool:
    if wanted is None or got is None:
        return wanted is None and got is None
    numbers = [(wanted[1], got[1])]
    if wanted[0].dtype.kind == "f":
        numbers.append((wanted[0], got[0]))
    elif wanted[0].tolist() != got[0].tolist():
        return False
    return all(
        one.shape == other.shape and np.allclose(one, other, rtol=1e-9, atol=1e-9, equal_nan=True)
        for one, other in numbers
        if one is not None and other is not None
    )
