from __future__ import annotations

from pathlib import Path

import pytest

from pilotboat.errors import EnvironmentFault
from pilotboat.runtime import capacity
from pilotboat.runtime.capacity import MIB, SUPERVISOR
from tests.factories import pack_titanic


def needed(repository: Path, workers: int) -> int:
    return capacity.need(repository).of(workers, supervised=workers > 1)


def test_too_little_memory_is_said_before_anything_is_loaded(titanic: Path) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        capacity.check(needed(titanic, 2), 2, 64 * MIB)
    assert "64 MiB" in caught.value.detail
    assert "2 workers" in caught.value.detail
    assert "--memory" in caught.value.hint


def test_enough_memory_passes(titanic: Path) -> None:
    capacity.check(needed(titanic, 2), 2, 512 * MIB)
    capacity.check(needed(titanic, 1), 1, None)


def test_the_need_grows_with_workers_and_models(titanic: Path, tmp_path: Path) -> None:
    assert needed(titanic, 2) > needed(titanic, 1) > needed(tmp_path, 1)


def test_a_supervisor_needs_memory_even_of_one_worker(titanic: Path) -> None:
    need = capacity.need(titanic)
    assert need.of(1, supervised=True) - need.of(1, supervised=False) == SUPERVISOR


def test_what_is_mapped_counts_once(titanic: Path) -> None:
    need = capacity.need(titanic)
    assert need.shared > 0
    three, two = need.of(3, supervised=True), need.of(2, supervised=True)
    assert three - two == need.worker + need.models


def test_scikit_learn_needs_more_than_a_plan(titanic: Path, tmp_path: Path) -> None:
    pack_titanic(tmp_path, engine="sklearn")
    assert needed(tmp_path, 1) > 2 * needed(titanic, 1)


def test_a_damaged_manifest_is_left_to_whoever_opens_it(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text("{")
    assert needed(tmp_path, 1) == capacity.WORKER["plan"]
