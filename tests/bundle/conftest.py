"""Fits and packs that many tests share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

import pilotboat
from tests.bundle.pipelines import MODELS


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Tests share few processors: a pool of threads for each tiny model only costs."""
    with threadpool_limits(1):
        yield


@dataclass(frozen=True)
class Packed:
    """A fitted model, the rows it was fitted on, and what became of it."""

    estimator: Any
    rows: Any
    bundle: pilotboat.Bundle
    model: pilotboat.Model
    notes: tuple[str, ...]


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Packed]:
    """Packs a model of the table, with its rows or without, once."""
    repository = tmp_path_factory.mktemp("table")
    fits: dict[str, tuple[Any, Any]] = {}
    made: dict[tuple[str, bool], Packed] = {}

    def pack(name: str, *, data: bool = True, **types: str) -> Packed:
        if name not in fits:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fits[name] = MODELS[name]()
        if (name, data) not in made:
            made[name, data] = packed_in(repository, *fits[name], data=data, types=types)
        return made[name, data]

    return pack


def packed_in(repository: Path, estimator: Any, rows: Any, *, data: bool, types: Any) -> Packed:
    notes: list[str] = []
    bundle = pilotboat.pack(
        estimator,
        data=rows if data else None,
        repository=repository,
        types=types,
        notes=notes.append,
    )
    return Packed(estimator, rows, bundle, pilotboat.load(bundle.path), tuple(notes))
