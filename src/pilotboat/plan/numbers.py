"""Numbers to numbers: filling gaps, scaling, products."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotboat.plan.step import Function, Numbers


@dataclass(frozen=True, slots=True)
class Impute:
    """Fills gaps. Shape of `values`: (k,).

    missing: what is a gap. indicators: places of the columns whose gaps are told at the row's end.
    """

    missing: float
    values: Numbers
    indicators: tuple[int, ...] = ()

    def one(self) -> Function:
        values, missing, indicators = self.values.tolist(), self.missing, self.indicators
        nan = math.isnan(missing)

        def call(row: list[float]) -> list[float]:
            gaps = [cell != cell for cell in row] if nan else [cell == missing for cell in row]  # noqa: PLR0124
            filled = [
                value if gap else cell for cell, gap, value in zip(row, gaps, values, strict=True)
            ]
            return filled + [float(gaps[place]) for place in indicators] if indicators else filled

        return call

    def many(self) -> Function:
        indicators = list(self.indicators)

        def call(table: Numbers) -> Numbers:
            gaps = np.isnan(table) if math.isnan(self.missing) else table == self.missing
            filled = np.where(gaps, self.values, table)
            return np.hstack([filled, gaps[:, indicators]]) if indicators else filled

        return call


@dataclass(frozen=True, slots=True)
class Standardise:
    """(x - mean) / scale. Shapes (k,); None leaves that half out."""

    mean: Numbers | None
    scale: Numbers | None

    def one(self) -> Function:
        if self.mean is None or self.scale is None:
            many = self.many()
            return lambda row: many(np.array([row]))[0].tolist()
        pairs = list(zip(self.mean.tolist(), self.scale.tolist(), strict=True))
        return lambda row: [(x - m) / s for x, (m, s) in zip(row, pairs, strict=True)]

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            if self.mean is not None:
                table = table - self.mean
            return table if self.scale is None else table / self.scale

        return call


@dataclass(frozen=True, slots=True)
class Stretch:
    """x * scale + offset, then held between `low` and `high` where these are given."""

    scale: Numbers
    offset: Numbers
    low: float | None = None
    high: float | None = None

    def one(self) -> Function:
        if self.low is not None:
            many = self.many()
            return lambda row: many(np.array([row]))[0].tolist()
        pairs = list(zip(self.scale.tolist(), self.offset.tolist(), strict=True))
        return lambda row: [x * s + o for x, (s, o) in zip(row, pairs, strict=True)]

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            made = table * self.scale + self.offset
            return made if self.low is None else np.clip(made, self.low, self.high)

        return call


@dataclass(frozen=True, slots=True)
class Weigh:
    """x * weight: what a ColumnTransformer's or FeatureUnion's `transformer_weights` does."""

    weight: float

    def one(self) -> Function:
        weight = self.weight
        return lambda row: [x * weight for x in row]

    def many(self) -> Function:
        return lambda table: table * self.weight


@dataclass(frozen=True, slots=True)
class Products:
    """Each number that comes out is a product of some that go in.

    factors: of each, the places, multiplied from the last to the first. None: 1.
    """

    factors: tuple[tuple[int, ...], ...]

    def one(self) -> Function:
        factors = self.factors

        def call(row: list[float]) -> list[float]:
            made = []
            for places in factors:
                product = 1.0 if not places else row[places[-1]]
                for place in places[-2::-1]:
                    product *= row[place]
                made.append(product)
            return made

        return call

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            made = np.ones((len(table), len(self.factors)))
            for number, places in enumerate(self.factors):
                if places:
                    made[:, number] = table[:, places[-1]]
                for place in places[-2::-1]:
                    made[:, number] *= table[:, place]
            return made

        return call


@dataclass(frozen=True, slots=True)
class Project:
    """x @ components.T - offset, then divided by `scale` where there is one.

    Shapes: components (k, inputs), offset and scale (k,). Principal components and their like.
    """

    components: Numbers
    offset: Numbers | None = None
    scale: Numbers | None = None

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            made = table @ self.components.T
            if self.offset is not None:
                made = made - self.offset
            return made if self.scale is None else made / self.scale

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """The sum of the magnitudes that are added."""
        made = (np.abs(table) if terms is None else terms) @ np.abs(self.components.T)
        if self.offset is not None:
            made = made + np.abs(self.offset)
        return made if self.scale is None else made / self.scale
