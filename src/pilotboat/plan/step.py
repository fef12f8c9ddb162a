"""A step of a plan: what flows through it, and what every family of steps shares.

Values: a row's *cells* (a sequence of plain values, None or NaN for a gap; many rows: a sequence of
columns), *numbers* (a list of floats; many rows: a float64 array of shape (n, k)), or *terms*, which
belong to text. Each step is data; `one` and `many` make the two functions that work on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Function = Callable[[Any], Any]

NAN = math.nan
"""The one NaN of cells: dictionaries find it because it is always this object."""
FLOAT32 = float(np.finfo(np.float32).max) + 2.0**103
"""What float32 rounds to infinity, from here on."""


class Step(Protocol):
    """Data with two ways through it. Both raise `ValueError` where scikit-learn refuses a row."""

    def one(self) -> Function:
        """A function from the value of one row to the next value."""
        ...

    def many(self) -> Function:
        """A function from the value of n rows to the next value."""
        ...


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps one after another."""

    steps: tuple[Step, ...]

    def one(self) -> Function:
        return _after_another([step.one() for step in self.steps])

    def many(self) -> Function:
        return _after_another([step.many() for step in self.steps])


def _after_another(functions: list[Function]) -> Function:
    if len(functions) == 1:
        return functions[0]
    if len(functions) == 2:  # noqa: PLR2004 - the usual case without a loop
        first, second = functions
        return lambda value: second(first(value))

    def call(value: Any) -> Any:
        for function in functions:
            value = function(value)
        return value

    return call


@dataclass(frozen=True, slots=True)
class Join:
    """Steps beside each other: their numbers in one row, in the order of the steps."""

    steps: tuple[Step, ...]

    def one(self) -> Function:
        functions = [step.one() for step in self.steps]

        def call(value: Any) -> list[float]:
            joined: list[float] = []
            for function in functions:
                joined += function(value)
            return joined

        return call

    def many(self) -> Function:
        functions = [step.many() for step in self.steps]
        return lambda value: np.hstack([function(value) for function in functions])


@dataclass(frozen=True, slots=True)
class Check:
    """Refuses numbers as scikit-learn does before a step.

    allow: "finite" refuses NaN and infinity, "nan" only infinity. float32: also what float32 rounds
    to infinity.
    """

    allow: Literal["finite", "nan"] = "finite"
    float32: bool = False

    def one(self) -> Function:
        limit = FLOAT32 if self.float32 else math.inf
        nan = self.allow == "nan"

        def call(row: list[float]) -> list[float]:
            for value in row:
                if not -limit < value < limit and not (nan and value != value):  # noqa: PLR0124
                    raise ValueError(REFUSED)
            return row

        return call

    def many(self) -> Function:
        limit = FLOAT32 if self.float32 else math.inf
        nan = self.allow == "nan"

        def call(table: Numbers) -> Numbers:
            fine = np.abs(table) < limit
            if not (fine | np.isnan(table) if nan else fine).all():
                raise ValueError(REFUSED)
            return table

        return call


REFUSED = "The input holds NaN, infinity or a value too large."


@dataclass(frozen=True, slots=True)
class Take:
    """Some of the numbers, by their places."""

    places: tuple[int, ...]

    def one(self) -> Function:
        places = self.places
        return lambda row: [row[place] for place in places]

    def many(self) -> Function:
        places = list(self.places)
        return lambda table: table[:, places]


def magnitude(step: Step, table: Any, terms: Numbers | None) -> tuple[Any, Numbers | None]:
    """`many` of the step, and for each number that it gives the sum of its terms' magnitudes.

    terms: the same of `table`. None is for what is exact, to the last bit: a step that adds products
    tells of itself with a method `terms(table, terms)`, any other adds nothing.
    """
    if isinstance(step, Chain):
        return reduce(lambda given, part: magnitude(part, *given), step.steps, (table, terms))
    if isinstance(step, Join):
        made = [magnitude(part, table, terms) for part in step.steps]
        if any(size is not None for _, size in made):
            return np.hstack([value for value, _ in made]), np.hstack(
                [np.abs(value) if size is None else size for value, size in made]
            )
    value = step.many()(table)
    if hasattr(step, "terms"):
        return value, step.terms(table, terms)
    return value, None if terms is None else np.abs(value)


def fill(columns: Iterable[Iterable[float]], rows: int) -> Numbers:
    """Columns of numbers, None for a gap, as an array of shape (rows, columns)."""
    arrays = [np.array(column, dtype=np.float64) for column in columns]
    return np.stack(arrays, axis=1) if arrays else np.empty((rows, 0))
