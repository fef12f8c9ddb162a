"""A model's own code that misbehaves as it is told to: slow, stuck, unloadable, or wrong.

By the value of its one input x, or by the words in the file that FAULT_SWITCH names: the rest of the
server cannot tell it from a model that really is like that.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

STUCK = 666.0
"""For this x the interpreter stands still: not even the event loop runs."""
LAZY = 1000.0
"""Above this, the model takes x - LAZY seconds."""
WORK = 10_000
"""Rounds of a hash, a few milliseconds: a server that measures processor time sees that it is slow."""


def switch() -> str:
    """What the file says; nothing without one."""
    try:
        return Path(os.environ["FAULT_SWITCH"]).read_text().strip()
    except (KeyError, OSError):
        return ""


if switch() == "import":
    raise ImportError("the switch says so")
if switch() == "exit":
    os._exit(9)
if switch() == "hang":
    time.sleep(600)


class Wayward(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Answers x twice. row_ms: what each row takes, in milliseconds."""

    def __init__(self, row_ms: float = 0.0) -> None:
        self.row_ms = row_ms

    def fit(self, rows: Any, _target: Any = None) -> Self:
        self.feature_names_in_ = np.array(rows.columns, dtype=object)
        self.n_features_in_ = len(rows.columns)
        self.is_fitted_ = True
        return self

    def predict(self, rows: Any) -> Any:
        x = np.asarray(rows, dtype=float)[:, 0]
        if (x == STUCK).any():
            ctypes.PyDLL(None).sleep(60)  # a C function that keeps the interpreter's lock
        if self.row_ms or (x > LAZY).any():
            hashlib.pbkdf2_hmac("sha256", b"", b"", WORK)
            time.sleep(len(x) * self.row_ms / 1000 + max(0.0, float(x.max()) - LAZY))
        return 2 * x + (1.0 if switch() == "wrong" else 0.0)
