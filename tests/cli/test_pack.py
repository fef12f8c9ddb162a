from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import joblib
import pytest

import pilotboat as package
from pilotboat.cli.pack import parse_types
from pilotboat.errors import UsageError
from pilotboat.formats.code import import_code
from tests.cli.conftest import Command
from tests.factories import BRITTLE, RECORD, fitted, passengers


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A fitted pipeline in a file, beside a table of its training rows."""
    passengers().to_csv(tmp_path / "rows.csv", index=False)
    joblib.dump(fitted(), tmp_path / "titanic.joblib")
    return tmp_path / "titanic.joblib"


def test_an_artifact_becomes_a_bundle(pilotboat: Command, artifact: Path) -> None:
    home = artifact.parent / "models"
    options = ["--data", artifact.with_name("rows.csv"), "--target", "survived"]
    said = pilotboat("pack", artifact, *options, "--repository", home)
    assert said.code == 0, said.err
    assert said.out == f"{home / 'titanic' / '1'}  (titanic 1, engine plan)\n"
    assert "publishing …" in said.err
    assert package.load(home / "titanic").predict([RECORD]).version == "1"
    told = json.loads(pilotboat("pack", artifact, *options, "--repository", home, "--json").out)
    assert (told["name"], told["version"]) == ("titanic", "2")
    assert told["untrusted"] == []


def test_what_is_not_known_without_data_is_noted(pilotboat: Command, artifact: Path) -> None:
    said = pilotboat("pack", artifact, "--repository", artifact.parent, "--name", "bare")
    assert said.code == 0, said.err
    assert "note: Packed without training data" in said.err


def test_foreign_code_is_refused_and_then_vouched_for(pilotboat: Command, tmp_path: Path) -> None:
    """L06"""
    kind = import_code([BRITTLE])["brittle"].Brittle
    frame = passengers()[["age"]].fillna(0).rename(columns={"age": "x"})
    path = tmp_path / "own.pkl"
    path.write_bytes(pickle.dumps(kind().fit(frame, frame["x"])))
    shutil.copyfile(BRITTLE, tmp_path / "brittle.py")
    refused = pilotboat("pack", path, "--repository", tmp_path)
    assert refused.code == 3
    assert "brittle.Brittle" in refused.err
    assert "--trust" in refused.err
    options = ["--repository", tmp_path, "--trust", "--code", tmp_path / "brittle.py"]
    frame.to_csv(tmp_path / "rows.csv", index=False)
    said = pilotboat("pack", path, *options, "--data", tmp_path / "rows.csv")
    assert said.code == 0, said.err
    digest = said.out.split()[-1]
    assert f"pilotboat serve --trust {digest}" in said.out
    assert package.load(tmp_path / "own", trust=[digest]).predict([[2.0]]).predictions == [4.0]


@pytest.mark.parametrize("name", ["nothing.pkl", "folder", "notes.txt"])
def test_what_is_no_artifact_is_said(pilotboat: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("no model")
    said = pilotboat("pack", tmp_path / name, "--repository", tmp_path / "models")
    assert said.code == 3
    assert "Traceback" not in said.err
    assert said.err.splitlines()[-1].startswith("pilotboat: ")
    assert not list((tmp_path).glob("models/*/*"))


def test_types_are_pairs() -> None:
    assert parse_types(" a=integer, b = text,") == {"a": "integer", "b": "text"}
    assert parse_types(None) == {}
    with pytest.raises(UsageError, match="pairs"):
        parse_types("a=integer,b")
