from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest
from sklearn.linear_model import LinearRegression

from tests.cli.conftest import Command
from tests.cli.test_main import one_line
from tests.factories import damaged, fitted, pack_brittle


def test_a_bundle_is_told_to_people(pilotboat: Command, titanic: Path) -> None:
    said = pilotboat("inspect", titanic / "titanic" / "1")
    assert said.code == 0
    assert said.out.startswith("titanic 1\n  engine       plan\n  digest       ")
    assert re.search(
        r"  plan +[\d,]+ rows made to break it, \d+ of them refused by both; no label", said.out
    )
    for words in ("golden rows answered alike", "one of female, male", "may be null", "not read"):
        assert words in said.out


def test_a_model_s_directory_means_its_newest_version(pilotboat: Command, titanic: Path) -> None:
    newest, named = (
        pilotboat("inspect", path) for path in (titanic / "titanic", titanic / "titanic/1")
    )
    assert newest == named


def test_a_bundle_is_told_to_programs(pilotboat: Command, titanic: Path) -> None:
    told = json.loads(pilotboat("inspect", titanic / "titanic", "--json").out)
    assert (told["name"], told["version"], told["engine"]) == ("titanic", "1", "plan")
    assert len(told["digest"]) == 64
    assert told["schema"]["inputs"][0]["name"] == "pclass"
    assert told["proof"]["labels_wrong"] == 0


def test_what_needs_trust_is_named(pilotboat: Command, tmp_path: Path) -> None:
    bundle = pack_brittle(tmp_path)
    assert "needs trust  brittle.Brittle" in pilotboat("inspect", bundle.path).out


def test_an_artifact_is_told_without_running_it(pilotboat: Command, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(fitted()))
    said = pilotboat("inspect", path)
    assert said.code == 0
    assert said.out.startswith("model.pkl\n  format        pickle")
    assert "loads without --trust" in said.out
    assert json.loads(pilotboat("inspect", path, "--json").out)["format"] == "pickle"


@pytest.mark.parametrize("name", ["nothing.pkl", "notes.txt", "empty"])
def test_what_holds_no_model_is_said(pilotboat: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("no model")
    (tmp_path / "empty").mkdir()
    said = pilotboat("inspect", tmp_path / name)
    assert said.code == 3
    one_line(said.err)


def test_a_damaged_bundle_is_said(pilotboat: Command, titanic: Path, tmp_path: Path) -> None:
    path = damaged(titanic / "titanic" / "1", tmp_path / "titanic")
    said = pilotboat("inspect", path)
    assert said.code == 3
    assert "golden.jsonl" in said.err
    one_line(said.err)


def test_a_damaged_artifact_is_said(pilotboat: Command, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(LinearRegression())[:-20])
    said = pilotboat("inspect", path)
    assert said.code == 3
    one_line(said.err)
