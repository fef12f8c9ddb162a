"""A catalogue of models: of every type that is compiled, and some that are not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from joblib import parallel_config
from numpy.typing import NDArray

from pilotboat.bundle.estimator import _narrowest
from pilotboat.bundle.source import Source
from pilotboat.compiler import compile_parts
from pilotboat.compiler.given import Part
from pilotboat.compiler.parity import Proof, prove
from pilotboat.engines import sklearn as engine
from pilotboat.engines.tables import table
from pilotboat.plan import Plan, store
from pilotboat.rows import Rows
from tests.compiler.models import (
    assembly,
    columns,
    further,
    linear,
    numbers,
    refused,
    text,
    trees,
)
from tests.compiler.models.data import Model, fitted, holds

__all__ = [
    "MODELS",
    "Compiled",
    "Model",
    "compiled",
    "fitted",
    "holds",
    "named",
    "quiet",
    "rows_of",
]

MODELS = [
    *assembly.MODELS,
    *columns.MODELS,
    *numbers.MODELS,
    *text.MODELS,
    *linear.MODELS,
    *trees.MODELS,
    *further.MODELS,
    *refused.MODELS,
]


def named(name: str) -> Model:
    """The model of that name."""
    return next(model for model in MODELS if model.name == name)


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, and trees that add in their order."""
    with warnings.catch_warnings(), parallel_config(backend="sequential"):
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class Compiled:
    """An estimator beside its plan, which has been to disk and back."""

    estimator: Any
    rows: Rows
    plan: Plan
    parts: list[Part]

    def ask(self, given: Rows) -> Any:
        return engine.answer(self.estimator, given.schema)(given)

    def decide(self, given: Rows) -> NDArray[np.float64]:
        return np.asarray(self.estimator.decision_function(table(given)))

    def prove(self) -> Proof:
        """The proof that packing asks for."""
        with quiet():
            return prove(self.plan, self.rows, self.ask, self.decide, self.parts)

    def with_scores(self, scores: Any) -> Compiled:
        """The same with other steps."""
        return replace(self, plan=replace(self.plan, scores=scores))


def rows_of(estimator: Any, model: Model) -> Rows:
    """The training rows, in the schema of the estimator, as packing makes them."""
    with quiet():
        return _narrowest(estimator, model.frame, Source("catalogue", Path()))[1]


def compiled(estimator: Any, rows: Rows) -> Compiled:
    """The plan of a fitted estimator. Raises `CompileError` where there is none."""
    with quiet(), TemporaryDirectory() as directory:
        plan, parts = compile_parts(estimator, rows.schema)
        store.save(plan, Path(directory))
        return Compiled(estimator, rows, store.load(Path(directory)), parts)
