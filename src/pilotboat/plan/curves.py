"""Numbers to numbers, each by a curve of its own: bins, quantiles, powers, functions of NumPy."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pilotboat.plan.step import REFUSED, Function, Numbers

FUNCTIONS = (
    "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "ceil", "cos",
    "cosh", "deg2rad", "degrees", "exp", "exp2", "expm1", "fabs", "floor", "log", "log10", "log1p",
    "log2", "negative", "positive", "rad2deg", "radians", "reciprocal", "rint", "sign", "sin", "sinh",
    "sqrt", "square", "tan", "tanh", "trunc",
)  # fmt: skip
"""Functions of NumPy that take a number and give a number."""


def name_of(function: Any) -> str | None:
    """The name in `FUNCTIONS` of one of NumPy's functions; None for any other function."""
    return next((name for name in FUNCTIONS if getattr(np, name) is function), None)


@dataclass(frozen=True, slots=True)
class Elementwise:
    """A function of NumPy, by its name in `FUNCTIONS`, of each number."""

    name: str

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array(row, dtype=np.float64)).tolist()

    def many(self) -> Function:
        if self.name not in FUNCTIONS:
            raise ValueError(self.name)
        function = getattr(np, self.name)

        def call(table: Numbers) -> Any:
            with np.errstate(all="ignore"):
                return function(table)

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """What NumPy gives differs in the last bits, by how many numbers there are at once."""
        made: Numbers = np.abs(self.many()(table))
        if terms is None or self.name not in ("exp", "exp2", "expm1", "square"):
            return made
        return made * np.maximum(1, terms)


@dataclass(frozen=True, slots=True)
class Bins:
    """Each number becomes the place of its bin among those of its column.

    edges: of each column, the inner edges; the bin of a number begins at the last edge that is not
    above it. onehot: in place of the place a row of zeros, with 1 at it.
    """

    edges: tuple[Numbers, ...]
    onehot: bool = False

    def one(self) -> Function:
        edges = [one.tolist() for one in self.edges]
        if not self.onehot:
            return lambda row: [
                float(bisect_right(some, x)) for some, x in zip(edges, row, strict=True)
            ]

        def call(row: list[float]) -> list[float]:
            made: list[float] = []
            for some, x in zip(edges, row, strict=True):
                bins = [0.0] * (len(some) + 1)
                bins[bisect_right(some, x)] = 1.0
                made += bins
            return made

        return call

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            pairs = zip(self.edges, table.T, strict=True)
            places = [np.searchsorted(some, column, side="right") for some, column in pairs]
            if not self.onehot:
                return np.stack(places, axis=1).astype(np.float64)
            widths = [len(some) + 1 for some in self.edges]
            rows = [np.eye(width)[place] for width, place in zip(widths, places, strict=True)]
            return np.hstack(rows)

        return call


@dataclass(frozen=True, slots=True)
class Quantiles:
    """The share of the training's numbers below each number, or where that share of a normal is.

    Shapes: quantiles (q, inputs), references (q,). The mean of the interpolation upwards and that
    downwards; beyond the outer quantiles 0 and 1.
    """

    quantiles: Numbers
    references: Numbers
    normal: bool = False

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        columns = [np.ascontiguousarray(column) for column in self.quantiles.T]

        def call(table: Numbers) -> Numbers:
            pairs = zip(columns, table.T, strict=True)
            return np.stack([self._column(x, known) for known, x in pairs], axis=1)

        return call

    def _column(self, x: Numbers, known: Numbers) -> Numbers:
        up = np.interp(x, known, self.references)
        down = np.interp(-x, -known[::-1], -self.references[::-1])
        made = 0.5 * (up - down)
        margin = NEAR if self.normal else 0.0
        # From within `margin` of the outermost quantiles on: scikit-learn's order, the lower last.
        made[x + margin > known[-1] if self.normal else x == known[-1]] = 1.0
        made[x - margin < known[0] if self.normal else x == known[0]] = 0.0
        return normal_quantile(made) if self.normal else made

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:
        """The numbers themselves; what they came from may move them by its own share."""
        if terms is None and not self.normal:
            return None
        return np.asarray(np.abs(self.many()(table)) + (0.0 if terms is None else 1.0))


NEAR = 1e-7
EXP_MINUS_2 = 0.13533528323661269189
ROOT_2_PI = 2.50662827463100050242
INNER = (
    (-5.99633501014107895267e1, 9.80010754185999661536e1, -5.66762857469070293439e1,
     1.39312609387279679503e1, -1.23916583867381258016e0),
    (1.0, 1.95448858338141759834e0, 4.67627912898881538453e0, 8.63602421390890590575e1,
     -2.25462687854119370527e2, 2.00260212380060660359e2, -8.20372256168333339912e1,
     1.59056225126211695515e1, -1.18331621121330003142e0),
)  # fmt: skip
OUTER = (
    (4.05544892305962419923e0, 3.15251094599893866154e1, 5.71628192246421288162e1,
     4.40805073893200834700e1, 1.46849561928858024014e1, 2.18663306850790267539e0,
     -1.40256079171354495875e-1, -3.50424626827848203418e-2, -8.57456785154685413611e-4),
    (1.0, 1.57799883256466749731e1, 4.53907635128879210584e1, 4.13172038254672030440e1,
     1.50425385692907503408e1, 2.50464946208309415979e0, -1.42182922854787788574e-1,
     -3.80806407691578277194e-2, -9.33259480895457427372e-4),
)  # fmt: skip


def normal_quantile(share: Numbers) -> Numbers:
    """Where a normal distribution has that share below it, between the shares `NEAR` and 1 - `NEAR`.

    Cephes' `ndtri`, which scipy.special uses: one rational function in the middle, one in the tails.
    """
    least = NEAR - np.spacing(1)
    share = np.clip(share, least, 1 - least)
    upper = share > 1 - EXP_MINUS_2
    tail = np.where(upper, 1 - share, share)
    middle = tail - 0.5
    square = middle * middle
    inner = middle + middle * (square * _ratio(square, INNER))
    root = np.sqrt(-2.0 * np.log(tail))
    outer = root - np.log(root) / root - _ratio(1.0 / root, OUTER) * (1.0 / root)
    return np.where(tail > EXP_MINUS_2, inner * ROOT_2_PI, np.where(upper, outer, -outer))


def _ratio(x: Numbers, coefficients: tuple[tuple[float, ...], tuple[float, ...]]) -> Numbers:
    above, below = (np.polyval(np.array(some), x) for some in coefficients)
    return np.asarray(above / below)


@dataclass(frozen=True, slots=True)
class Power:
    """Yeo and Johnson's power of each number, or Box and Cox', then (x - mean) / scale.

    Shapes (inputs,); without mean and scale that last part is left out.
    """

    exponents: Numbers
    method: Literal["yeo-johnson", "box-cox"]
    mean: Numbers | None = None
    scale: Numbers | None = None

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            made = self._powers(table)
            if self.mean is None or self.scale is None:
                return made
            if np.isinf(made).any():
                raise ValueError(REFUSED)
            return np.asarray((made - self.mean) / self.scale)

        return call

    def _powers(self, table: Numbers) -> Numbers:
        function = yeo_johnson if self.method == "yeo-johnson" else box_cox
        if self.method == "box-cox" and (table <= 0).any():
            raise ValueError("The input holds a number that is not above 0.")
        pairs = zip(table.T, self.exponents.tolist(), strict=True)
        with np.errstate(all="ignore"):
            return np.stack([function(x, exponent) for x, exponent in pairs], axis=1)

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """The sum of the magnitudes that are added."""
        made = np.abs(self._powers(table))
        if terms is not None:
            made = made * np.maximum(1, terms)
        if self.mean is None or self.scale is None:
            return made
        return np.asarray((made + np.abs(self.mean)) / self.scale)


EPSILON = float(np.finfo(np.float64).eps)
LARGEST_LOG = 709.78


def yeo_johnson(x: Numbers, exponent: float) -> Numbers:
    """((x + 1)^a - 1) / a, and below 0 -((1 - x)^(2 - a) - 1) / (2 - a), as SciPy writes it."""
    made = np.zeros_like(x)
    above = x >= 0
    log = np.log1p(x[above])
    made[above] = log if abs(exponent) < EPSILON else np.expm1(exponent * log) / exponent
    log, rest = np.log1p(-x[~above]), 2 - exponent
    made[~above] = -log if abs(exponent - 2) <= EPSILON else -np.expm1(rest * log) / rest
    return made


def box_cox(x: Numbers, exponent: float) -> Numbers:
    """(x^a - 1) / a, as SciPy writes it."""
    log = np.log(x)
    if abs(exponent) < 1e-19:  # noqa: PLR2004 - where SciPy changes over
        return np.asarray(log)
    product = exponent * log
    far = np.sign(exponent) * np.exp(product - np.log(abs(exponent))) - 1 / exponent
    return np.where(product < LARGEST_LOG, np.expm1(product) / exponent, far)


@dataclass(frozen=True, slots=True)
class Normalise:
    """Each row divided by its norm; a norm of almost 0 counts as 1."""

    norm: Literal["l1", "l2", "max"]

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        def call(table: Numbers) -> Numbers:
            if self.norm == "l2":
                size = np.sqrt(np.einsum("ij,ij->i", table, table))
            else:
                size = np.abs(table).sum(axis=1) if self.norm == "l1" else np.abs(table).max(axis=1)
            size = np.where(size < 10 * EPSILON, 1.0, size)
            return np.asarray(table / size[:, np.newaxis])

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers | None:
        """A norm is a sum, too; the largest number is not."""
        if terms is None:
            return None if self.norm == "max" else np.abs(self.many()(table))
        made = self.many()(table)
        sizes = np.divide(terms, table, out=np.ones_like(terms), where=table != 0)
        return np.asarray(np.abs(made) * np.maximum(1, np.abs(sizes).max(axis=1, keepdims=True)))
