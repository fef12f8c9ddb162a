"""scikit-learn answers: the estimator itself, re-saved with skops, which cannot run code."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.engines.tables import table
from pilotboat.formats import skops
from pilotboat.rows import Rows
from pilotboat.schema import Schema

MODEL = "model.skops"


def open_model(directory: Path, schema: Schema, trust: bool = False) -> Any:
    """The estimator in `directory` as a callable. See `pilotboat.engines.Answer`."""
    code = sorted((directory / "code").glob("*.py")) if trust else []
    # Versions have been judged by whoever opens the bundle.
    model = skops.load(directory / MODEL, trust=trust, code=code, allow_version_skew=True)
    return answer(model, schema)


def answer(estimator: Any, schema: Schema) -> Any:
    """`estimator` as a callable that takes rows of `schema`."""

    def call(rows: Rows) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        with warnings.catch_warnings():
            # An unknown category, or a name that was not there at training: the schema has judged.
            warnings.simplefilter("ignore")
            return predict(estimator, lambda: table(rows), probabilities=schema.probabilities)

    return call


def predict(
    estimator: Any, data: Callable[[], Any], *, probabilities: bool
) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """`estimator.predict` and, if wanted, `estimator.predict_proba` of what `data` makes.

    It is made for each: a step with `copy=False` changes what it is given.
    """
    labels = np.asarray(estimator.predict(data()))
    if labels.ndim == 2 and labels.shape[1] == 1:  # noqa: PLR2004
        labels = labels[:, 0]
    if not probabilities:
        return labels, None
    return labels, np.asarray(estimator.predict_proba(data()), dtype=np.float64)
