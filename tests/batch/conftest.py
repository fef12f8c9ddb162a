"""A cheap model over numbers, categories and text, to score files with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import pilotboat
from pilotboat.runtime.model import Model, load
from tests.bundle.pipelines import FRAME, LEVEL


@pytest.fixture(scope="session")
def model(titanic: Path) -> Model:
    return load(titanic / "titanic")


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that costs next to nothing a row."""
    rows = np.ascontiguousarray(FRAME[["size"]])
    made = LinearRegression().fit(rows, LEVEL)
    return pilotboat.pack(
        made, data=rows, name="line", repository=tmp_path_factory.mktemp("line")
    ).path
