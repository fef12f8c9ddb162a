"""A compiled plan answers: NumPy alone, one row by plain Python, many rows by arrays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pilotboat.errors import BundleError
from pilotboat.plan import Answers, Plan
from pilotboat.plan.store import load
from pilotboat.rows import Rows
from pilotboat.schema import Schema

PARITY = "parity.json"


def open_model(directory: Path, schema: Schema, trust: bool = False) -> Any:
    """The plan in `directory` as a callable. See `pilotboat.engines.Answer`."""
    del schema, trust  # the plan knows its columns, and is data
    plan = load(directory)
    _check_proof(directory)
    return Planned(plan)


def _check_proof(directory: Path) -> None:
    """Refuse a plan that is not stated to have been compared with scikit-learn."""
    path = directory / PARITY
    if not path.exists():
        return  # a draft, whose proof is about to be written
    try:
        proof = json.loads(path.read_bytes())["plan"]
        proved = proof["rows"] > 0 and proof["labels_wrong"] == 0
    except (OSError, ValueError, KeyError, TypeError):
        proved = False
    if not proved:
        raise BundleError(
            "The plan has not been proved to answer like scikit-learn.",
            code="plan-unproved",
            hint="Pack the model again.",
        )


class Planned:
    """`plan` as a callable that takes rows, and as `one`, which takes the cells of a row."""

    def __init__(self, plan: Plan) -> None:
        self.one = plan.one()
        self._many = plan.many()
        self._dtype = np.dtype(plan.dtype)

    def __call__(self, rows: Rows) -> Answers:
        if rows.count > 1:
            with np.errstate(all="ignore"):
                answers: Answers = self._many(rows.columns)
                return answers
        label, shares = self.one([column[0] for column in rows.columns])
        return np.array([label], self._dtype), None if shares is None else np.array([shares])
