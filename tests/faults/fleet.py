"""The models that are served while things go wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import pilotboat
from pilotboat.formats.code import import_code
from tests.factories import RECORD, pack_titanic

WAYWARD = Path(__file__).with_name("wayward.py")
SLOW = "/v1/models/slow:predict"
Asks = tuple[tuple[str, object], ...]


@dataclass(frozen=True)
class Fleet:
    """A repository. trust: digests of what brings its own code. asks: requests for 'titanic', the
    default model, each with the prediction that it must get.
    """

    path: Path
    trust: str
    asks: Asks


def pack_wayward(repository: Path, name: str, row_ms: float = 0.0) -> pilotboat.Bundle:
    """A model with the code of `wayward`."""
    kind = import_code([WAYWARD])["wayward"].Wayward
    frame = pd.DataFrame({"x": np.linspace(0, 10, 30)})
    model = kind(row_ms=row_ms).fit(frame, 2 * frame["x"])
    return pilotboat.pack(
        model, frame, name=name, repository=repository, code=[WAYWARD], trust=True
    )


def pack_fleet(repository: Path, row_ms: float | None = None) -> Fleet:
    """'titanic', which answers at once; and if asked for 'slow', which takes `row_ms` a row.

    'slow' needs scikit-learn, so that a worker takes seconds to start.
    """
    titanic = pack_titanic(repository)
    trust = "" if row_ms is None else pack_wayward(repository, "slow", row_ms).digest
    model = pilotboat.load(titanic.path)
    rows = [
        RECORD | {"age": age, "sex": sex, "pclass": place}
        for age in (4.0, 22.0, 35.5, 61.0)
        for sex in ("female", "male")
        for place in (1, 3)
    ]
    answers = model.predict(rows).predictions
    assert len(set(answers)) > 1
    asks = tuple((json.dumps(row), answer) for row, answer in zip(rows, answers, strict=True))
    return Fleet(repository, trust, asks)


def doubling(*values: float) -> Asks:
    """Requests of one row for a model with the code of `wayward`."""
    return tuple((json.dumps({"instances": [{"x": x}]}), [2 * x]) for x in values)
