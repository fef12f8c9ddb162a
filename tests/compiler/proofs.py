"""The whole proof of an estimator's plan, as packing makes it."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from numpy.typing import NDArray

from pilotboat.bundle import training
from pilotboat.bundle.infer import infer
from pilotboat.compiler import compile_parts
from pilotboat.compiler.parity import Proof, prove
from pilotboat.engines import sklearn as engine
from pilotboat.engines.tables import table
from pilotboat.plan import store
from pilotboat.rows import Rows


def proved(estimator: Any, data: Any) -> Proof:
    """The proof that a plan answers as the estimator, which was fitted on `data`, does."""
    frame = data
    if isinstance(data, np.ndarray):
        frame = pd.DataFrame(data, columns=[f"x{i}" for i in range(data.shape[1])])
    with warnings.catch_warnings(), parallel_config(backend="sequential"):
        warnings.simplefilter("ignore")
        schema = infer(estimator, frame).schema
        rows = training.rows_of(schema, frame)
        plan, parts = compile_parts(estimator, schema)

        def ask(given: Rows) -> Any:
            return engine.answer(estimator, given.schema)(given)

        def decide(given: Rows) -> NDArray[np.float64]:
            return np.asarray(estimator.decision_function(table(given)))

        with TemporaryDirectory() as directory:
            store.save(plan, Path(directory))
            return prove(store.load(Path(directory)), rows, ask, decide, parts)
