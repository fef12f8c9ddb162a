"""An opened bundle directory -> answers.

An engine is a module with `open_model(directory, schema, trust) -> Answer`, imported when chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.errors import BundleError
from pilotboat.imports import resolve
from pilotboat.rows import Rows
from pilotboat.schema import Schema

Answer = Callable[[Rows], tuple[NDArray[Any], NDArray[np.float64] | None]]
"""n rows -> predictions of shape (n,) or (n, targets), and probabilities of shape (n, classes)."""

ENGINES = {
    "plan": "pilotboat.engines.plan:open_model",
    "sklearn": "pilotboat.engines.sklearn:open_model",
    "onnx": "pilotboat.engines.onnx:open_model",
}


def open_model(engine: str, directory: Path, schema: Schema, trust: bool = False) -> Answer:
    """The callable that answers for the bundle in `directory`.

    trust: the deployer vouches for the code and the types that the bundle brings.
    Raises `BundleError`, and `MissingExtraError` where the engine's library is not installed.
    """
    if engine not in ENGINES:
        raise BundleError(
            f"The bundle wants the engine '{engine}', which this version does not have.",
            code="unknown-engine",
            hint=f"Engines are: {', '.join(ENGINES)}.",
        )
    answer: Answer = resolve(ENGINES[engine])(directory, schema, trust)
    return answer
