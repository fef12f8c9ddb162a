"""An estimator -> a plan in a draft, if it can be compiled and is proved to answer alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from joblib import parallel_config
from numpy.typing import NDArray

from pilotboat.bundle.source import Progress, Source
from pilotboat.compiler import compile_parts
from pilotboat.compiler.parity import Proof, prove
from pilotboat.engines import sklearn as engine
from pilotboat.engines.tables import table
from pilotboat.errors import CompileError
from pilotboat.plan import store
from pilotboat.rows import Rows

SAMPLE = 1_000
"""Rows of training that the proof begins with."""


def put(estimator: Any, rows: Rows, draft: Path, source: Source, progress: Progress) -> Proof | str:
    """Write the plan and return its proof; or return why there is none, "" where none is wanted.

    Raises `CompileError` where the user asked for a plan.
    """
    if source.engine == "sklearn":
        return ""
    progress("compiling it to a plan")
    try:
        plan, parts = compile_parts(estimator, rows.schema)
        progress("proving that the plan answers like scikit-learn")
        some = np.linspace(0, rows.count - 1, min(SAMPLE, rows.count)).astype(int).tolist()

        def ask(given: Rows) -> Any:
            return engine.answer(estimator, given.schema)(given)

        def decide(given: Rows) -> NDArray[np.float64]:
            return np.asarray(estimator.decision_function(table(given)))

        store.save(plan, draft)
        with parallel_config(backend="sequential"):  # threads add a forest's trees as they finish
            proof = prove(store.load(draft), rows.pick(some), ask, decide, parts)
    except CompileError as error:
        store.remove(draft)
        if source.engine == "plan":
            raise
        return error.detail
    except Exception as error:
        store.remove(draft)
        if source.engine == "plan":
            raise
        return f"the plan failed with {type(error).__name__}"
    return proof
