"""Versions on disk -> live versions, whichever kind of directory is served."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pilotboat.bundle import archive, manifest
from pilotboat.bundle.manifest import MANIFEST
from pilotboat.errors import EnvironmentFault, ModelNotReadyError, UnknownModelError
from pilotboat.prediction import Call, Prediction
from pilotboat.rows import Reader
from pilotboat.runtime.model import Model
from pilotboat.runtime.repository import Live, Repository, bundles
from tests.factories import RECORD


def live(model: Model) -> Live:
    async def predict(call: Call) -> Prediction:
        return model.answer(call.rows)

    return Live(model, Reader(model.schema), predict)


def copied(source: Path, target: Path, name: str, version: str) -> Path:
    """The bundle `source` as another model or version."""
    shutil.copytree(source, target)
    made = manifest.from_json(json.loads((target / MANIFEST).read_text()))
    archive.write_manifest(target, replace(made, name=name, version=version))
    return target


@pytest.fixture
def several(titanic: Path, tmp_path: Path) -> Path:
    """A repository of two models; one of them has two versions."""
    bundle = titanic / "titanic" / "1"
    for name, version in (("boats", "1"), ("titanic", "2"), ("titanic", "10")):
        copied(bundle, tmp_path / name / version, name, version)
    (tmp_path / "notes.txt").write_text("not a model")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "empty").mkdir()
    return tmp_path


def opened(path: Path, **options: Any) -> Repository:
    repository = Repository(path, live, **options)
    repository.open()
    return repository


def served(path: Path) -> list[tuple[str, str]]:
    return [(name, version) for name, version, _ in bundles(path)]


def test_a_repository(several: Path) -> None:
    assert served(several) == [("boats", "1"), ("titanic", "2"), ("titanic", "10")]
    repository = opened(several)
    assert repository.names == ["boats", "titanic"]
    assert repository.is_ready
    assert [one.model.version for one in repository.versions("titanic")] == ["10", "2"]
    assert repository.versions("absent") == []
    assert repository.choose("titanic").model.version == "10"
    assert repository.choose("titanic", "2").model.version == "2"
    assert repository.choose("boats").reader.schema == repository.choose("titanic").reader.schema


def test_the_directory_of_a_model(several: Path) -> None:
    assert served(several / "titanic") == [("titanic", "2"), ("titanic", "10")]
    repository = opened(several / "titanic")
    assert repository.default_name == "titanic"
    assert repository.choose(None).model.version == "10"


def test_one_bundle(several: Path) -> None:
    assert served(several / "titanic" / "2") == [("titanic", "2")]
    assert opened(several / "titanic" / "2").choose(None).model.version == "2"


def test_a_bundle_mounted_under_another_name(several: Path, tmp_path: Path) -> None:
    mounted = (several / "titanic" / "10").rename(tmp_path / "models")
    assert served(mounted) == [("titanic", "10")]
    repository = opened(mounted)
    assert repository.is_ready
    assert repository.choose("titanic", "10").model.predict(RECORD).model == "titanic"


def test_the_directory_of_a_model_mounted_under_another_name(several: Path) -> None:
    mounted = (several / "titanic").rename(several / "models")
    repository = opened(mounted)
    assert repository.names == ["titanic"]
    assert repository.is_ready
    assert len(repository.versions("titanic")) == 2


def test_a_mounted_bundle_that_is_broken(several: Path) -> None:
    (several / "titanic" / "2" / MANIFEST).write_text("{")
    repository = opened(several / "titanic" / "2")
    assert repository.not_ready.keys() == {"titanic"}
    with pytest.raises(ModelNotReadyError):
        repository.choose(None)


def test_several_models_without_a_default(several: Path) -> None:
    repository = opened(several)
    assert repository.default_name is None
    with pytest.raises(UnknownModelError, match="none is the default") as caught:
        repository.choose(None)
    assert caught.value.facts["models"] == ["boats", "titanic"]


def test_the_default_that_is_named(several: Path) -> None:
    assert opened(several, default="boats").choose(None).model.name == "boats"


def test_a_default_that_is_not_there(several: Path) -> None:
    repository = opened(several, default="bots")
    assert not repository.is_ready
    assert repository.not_ready == {"bots": "There is no model 'bots' here."}
    with pytest.raises(UnknownModelError) as caught:
        repository.choose(None)
    assert caught.value.facts["models"] == ["boats", "titanic"]
    assert repository.choose("boats").model.name == "boats"


def test_names_that_are_not_there(several: Path) -> None:
    repository = opened(several)
    with pytest.raises(UnknownModelError, match="no model of that name") as caught:
        repository.choose("../titanic")
    assert caught.value.code == "unknown-model"
    with pytest.raises(UnknownModelError, match="no such version") as caught:
        repository.choose("titanic", "3")
    assert caught.value.code == "unknown-version"
    assert caught.value.facts["versions"] == ["2", "10"]


def test_a_broken_version_is_refused_and_the_older_serves(
    several: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (several / "titanic" / "10" / "plan.json").write_bytes(b"")
    with caplog.at_level(logging.ERROR):
        repository = opened(several)
    assert "titanic 10 is not served" in caplog.text
    assert repository.is_ready
    assert repository.choose("titanic").model.version == "2"
    assert [(one.name, one.version, one.error.code) for one in repository.refused] == [
        ("titanic", "10", "artifact-hash-mismatch")
    ]
    with pytest.raises(ModelNotReadyError):
        repository.choose("titanic", "10")


def test_a_model_without_a_version_that_verifies(several: Path) -> None:
    (several / "boats" / "1" / "plan.json").unlink()
    repository = opened(several)
    assert not repository.is_ready
    assert "lacks 'plan.json'" in repository.not_ready["boats"]
    with pytest.raises(ModelNotReadyError):
        repository.choose("boats")
    assert repository.choose("titanic").model.name == "titanic"


def test_a_renamed_directory(several: Path) -> None:
    (several / "boats").rename(several / "ships")
    repository = opened(several)
    assert repository.names == ["titanic"]
    assert repository.refused[0].error.code == "manifest-invalid"
    assert "boats/1/" in repository.refused[0].error.hint
    (several / "titanic" / "2").rename(several / "titanic" / "3")
    assert [one.version for one in opened(several).refused] == ["1", "3"]


def test_an_empty_repository(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    assert not repository.is_ready
    assert repository.names == []
    with pytest.raises(ModelNotReadyError, match="no model here yet"):
        repository.choose(None)
    with pytest.raises(UnknownModelError, match="Models here are: none"):
        repository.choose("titanic")


def test_a_directory_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        opened(tmp_path / "absent")
    assert caught.value.code == "repository-unreadable"
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault):
        opened(tmp_path / "file")
