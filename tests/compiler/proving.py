"""A fitted estimator and its plan, asked the same."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import scipy

from pilotboat.bundle import training
from pilotboat.bundle.infer import infer
from pilotboat.compiler import compile_plan
from pilotboat.engines import sklearn as engine
from pilotboat.plan import Plan, store
from pilotboat.rows import Rows

NEW = tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 15)
"""Whether SciPy sums exponentials as the plan does; older ones round otherwise."""
EXACT, NEAR = (0.0, 1e-15) if NEW else (1e-14, 1e-14)


def named(value: object) -> str:
    """A test's name, the same in every process: without the address of a function."""
    return re.sub(r" at 0x\w+", "", str(value))


@dataclass(frozen=True)
class Pair:
    """An estimator's answers beside those of its plan, which has been to disk and back."""

    estimator: Any
    plan: Plan
    rows: Rows

    def largest_difference(self, rows: Rows | None = None, singles: int = 40) -> float:
        """All rows at once and some of them alone. Labels must be the same."""
        rows = self.rows if rows is None else rows
        answer = engine.answer(self.estimator, rows.schema)
        difference = self._compare(answer(rows), self.plan.many()(rows.columns))
        one = self.plan.one()
        for number in np.linspace(0, rows.count - 1, min(singles, rows.count)).astype(int).tolist():
            alone = rows.take(number, number + 1)
            label, shares = one([column[0] for column in alone.columns])
            got = np.array([label]), None if shares is None else np.array([shares])
            difference = max(difference, self._compare(answer(alone), got))
        return difference

    def _compare(self, wanted: Any, got: Any) -> float:
        if wanted[0].dtype.kind == "f" and wanted[1] is None:
            pairs = [(wanted[0], got[0])]
        else:
            assert wanted[0].tolist() == got[0].tolist()
            pairs = [] if wanted[1] is None else [(wanted[1], got[1])]
        differences = [np.abs(a - b)[~((a == b) | (np.isnan(a) & np.isnan(b)))] for a, b in pairs]
        return max((float(one.max(initial=0.0)) for one in differences), default=0.0)


def pair(estimator: Any, data: Any) -> Pair:
    """The plan of an estimator that was fitted on `data`: a DataFrame, an array or texts."""
    frame = data
    if isinstance(data, np.ndarray):
        frame = pd.DataFrame(data, columns=[f"x{i}" for i in range(data.shape[1])])
    elif isinstance(data, list):
        frame = pd.DataFrame({"text": data})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = infer(estimator, frame).schema
        rows = training.rows_of(schema, frame)
        made = compile_plan(estimator, schema)
        with TemporaryDirectory() as directory:
            store.save(made, Path(directory))
            return Pair(estimator, store.load(Path(directory)), rows)
