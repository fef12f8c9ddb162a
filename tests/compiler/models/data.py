"""What the models of the catalogue are fitted on, and what one of them is."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer

RANDOM = np.random.default_rng(0)
COUNT = 90
X = RANDOM.normal(size=(COUNT, 3))
HOLES = np.where(RANDOM.random(X.shape) < 0.2, np.nan, X)
POSITIVE = np.exp(X)
COUNTS = RANDOM.integers(0, 5, size=(COUNT, 3)).astype(np.float64)
NOISE = RANDOM.normal(size=COUNT) / 2
Y2 = np.where(X[:, 0] + NOISE > 0, "yes", "no")
Y3 = np.digitize(X[:, 1] + NOISE / 2, [-0.5, 0.5])
VALUES = X @ [1.0, -2.0, 0.5] + 1 + NOISE / 9
PAIRS = np.stack([VALUES, -2 * VALUES + NOISE], axis=1)
COLOURS = np.resize(np.array(["red", "green", "blue", "red", "grey", "red", np.nan], object), COUNT)
SEXES = RANDOM.choice(["female", "male"], COUNT)
SIZES = RANDOM.choice([1.0, 2.0, 3.0, 7.0], COUNT)
FRAME = pd.DataFrame({"age": HOLES[:, 0], "sex": SEXES, "fare": X[:, 1], "colour": COLOURS})
CATEGORIES = pd.DataFrame({"sex": SEXES, "colour": COLOURS})
CODES = pd.DataFrame({"size": SIZES, "grade": RANDOM.integers(1, 4, COUNT)})
WORDS = [
    "the", "Cat", "sat", "on", "a", "mat", "dog", "DOGS", "café", "naïve", "ran", "far", "away",
    "don't", "22", "and", "a-b", "birds",
]  # fmt: skip
TEXTS = [" ".join(RANDOM.choice(WORDS, RANDOM.integers(2, 9))) for _ in range(COUNT)]
REVIEWS = pd.DataFrame({"text": TEXTS, "stars": X[:, 0], "shop": SEXES})


@dataclass(frozen=True, eq=False)
class Model:
    """A model of the catalogue. estimator: not fitted."""

    name: str
    family: str
    estimator: Any
    data: Any
    target: Any

    def __str__(self) -> str:
        return self.name

    @property
    def frame(self) -> pd.DataFrame:
        """The training data as packing takes it."""
        if isinstance(self.data, np.ndarray):
            return pd.DataFrame(self.data, columns=[f"x{i}" for i in range(self.data.shape[1])])
        if isinstance(self.data, list):
            return pd.DataFrame({"text": self.data})
        return self.data

    def fit(self) -> Any:
        """A fitted estimator, another one each time."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return clone(self.estimator).fit(self.data, self.target)


@cache
def fitted(model: Model) -> Any:
    """The fitted estimator, always the same: not to be changed."""
    return model.fit()


def columns(*parts: Any, **kwargs: Any) -> ColumnTransformer:
    """A ColumnTransformer of (transformer, columns), named a, b, c …"""
    named = [(chr(97 + place), *part) for place, part in enumerate(parts)]
    return ColumnTransformer(named, **kwargs)


def listed(family: str, *rows: tuple[str, Any, Any, Any]) -> list[Model]:
    """The models of a family from (name, estimator, data, target)."""
    return [Model(name, family, estimator, data, target) for name, estimator, data, target in rows]


def holds(estimator: Any) -> Iterable[Any]:
    """An estimator, fitted or not, and those within it."""
    yield estimator
    inner = [getattr(estimator, name, None) for name in INNER]
    for name in NAMED:
        found = getattr(estimator, name, None)
        for one in found if isinstance(found, list) else ():
            inner += one if isinstance(one, tuple) else [one]
    for one in inner:
        if hasattr(one, "get_params") and not isinstance(one, type):
            yield from holds(one)


INNER = (
    "best_estimator_",
    "estimator",
    "estimator_",
    "regressor",
    "regressor_",
    "transformer_",
    "_tfidf",
)
NAMED = ("steps", "transformers_", "transformers", "transformer_list", "estimators_", "estimators")
