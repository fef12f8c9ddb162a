from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pilotboat.bundle import archive
from pilotboat.doctor import bundles
from pilotboat.doctor.finding import Finding
from pilotboat.errors import EnvironmentFault
from pilotboat.settings import read
from tests.factories import damaged, pack_brittle, pack_titanic


def only(path: Path, *, deep: bool = False, **given: object) -> Finding:
    _, (place,) = bundles.repository(path)
    return bundles.bundle(read(repository=str(path), **given), place, deep=deep)


@pytest.mark.parametrize(
    ("deep", "said"), [(False, "digests agree"), (True, "golden rows answered")]
)
def test_a_bundle_that_is_whole(titanic: Path, deep: bool, said: str) -> None:
    found = only(titanic, deep=deep)
    assert (found.mark, found.name) == ("ok", "titanic 1")
    assert found.says.startswith("plan, ")
    assert found.says.endswith(f"KiB, {said}")


@pytest.mark.parametrize("deep", [False, True])
def test_a_bundle_that_was_damaged(titanic: Path, tmp_path: Path, deep: bool) -> None:
    damaged(titanic / "titanic" / "1", tmp_path / "titanic")
    found = only(tmp_path, deep=deep)
    assert found.mark == "fault"
    assert "'golden.jsonl' is not the file that was packed" in found.says


def test_a_bundle_that_nobody_vouches_for(tmp_path: Path) -> None:
    made = pack_brittle(tmp_path)
    found = only(tmp_path)
    assert found.mark == "fault"
    assert f"--trust {made.digest}" in found.remedy
    assert only(tmp_path, trust=(made.digest,)).mark == "ok"


def test_what_scikit_learn_answers(tmp_path: Path) -> None:
    made = pack_titanic(tmp_path, engine="sklearn")
    found = only(tmp_path)
    assert found.mark == "ok"
    assert "n_jobs is left as packed" in found.says
    older = replace(made, manifest=replace(made.manifest, written_with={"scikit-learn": "0.1"}))
    with pytest.raises(Exception, match=r"packed with scikit-learn 0\.1"):
        bundles._check(older, read())
    bundles._check(older, read(allow_version_skew=True))


@pytest.mark.parametrize("engine", ["absent", "magic"])
def test_an_engine_that_is_not_there(
    titanic: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setitem(bundles.NEEDS, "absent", ("no_such_package",))
    made = archive.open_bundle(titanic / "titanic" / "1")
    other = replace(made, manifest=replace(made.manifest, engine=engine))
    with pytest.raises(EnvironmentFault, match=engine):
        bundles._check(other, read())


def test_a_repository_without_a_model_is_a_warning(tmp_path: Path) -> None:
    found, places = bundles.repository(tmp_path)
    assert (found.mark, places) == ("warning", [])


def test_a_repository_that_is_none_is_a_fault(tmp_path: Path) -> None:
    """D04"""
    found, places = bundles.repository(tmp_path / "nothing")
    assert (found.mark, places) == ("fault", [])
    assert str(tmp_path / "nothing") in found.says
    (tmp_path / "file").touch(mode=0o640)
    found, _ = bundles.repository(tmp_path / "file")
    assert f"It belongs to user {os.getuid()}, mode 0640." in found.says


def test_the_default_model() -> None:
    assert bundles.default(read(), {"a"}) is None
    assert bundles.default(read(model="a"), {"a", "b"}) is None
    several = bundles.default(read(), {"a", "b"})
    assert several is not None
    assert several.mark == "ok"
    absent = bundles.default(read(model="c"), {"b", "a"})
    assert absent is not None
    assert (absent.mark, absent.remedy) == ("fault", "Models here are: a, b.")


def test_a_file_that_vanishes_is_a_fault(titanic: Path, tmp_path: Path) -> None:
    shutil.copytree(titanic / "titanic", tmp_path / "titanic")
    _, (place,) = bundles.repository(tmp_path)
    shutil.rmtree(tmp_path / "titanic" / "1")
    assert bundles.bundle(read(), place, deep=False).mark == "fault"
