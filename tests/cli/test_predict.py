from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.cli.test_main import one_line
from tests.factories import PILOTBOAT, RECORD, clean_environment, pack_brittle, passengers, run


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    passengers(20).to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def test_a_file_is_scored(pilotboat: Command, titanic: Path, rows: Path) -> None:
    scored = rows.with_name("scored.csv")
    said = pilotboat("predict", titanic / "titanic", rows, "-o", scored)
    assert said.code == 0, said.err
    assert "20 rows scored with titanic 1" in said.err
    with scored.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 20
    assert list(table[0])[-3:] == ["prediction", "probability_no", "probability_yes"]
    assert pilotboat("predict", titanic / "titanic" / "1", rows).out == scored.read_text()


def test_a_pipe_is_scored(titanic: Path) -> None:
    done = run("predict", titanic / "titanic", "-", input=json.dumps(RECORD) + "\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["prediction"] == "yes"


def test_an_output_that_is_there_is_kept(pilotboat: Command, titanic: Path, rows: Path) -> None:
    """L05"""
    output = rows.with_name("scored.csv")
    output.write_text("mine")
    said = pilotboat("predict", titanic / "titanic", rows, "-o", output)
    assert said.code == 4
    assert "--force" in said.err
    one_line(said.err)
    assert output.read_text() == "mine"
    assert pilotboat("predict", titanic / "titanic", rows, "-o", output, "--force").code == 0
    assert output.read_text() != "mine"


@pytest.mark.parametrize("output", ["nowhere/scored.csv", "."])
def test_an_output_that_cannot_be_is_said(
    pilotboat: Command, titanic: Path, rows: Path, output: str
) -> None:
    """L05"""
    said = pilotboat("predict", titanic / "titanic", rows, "-o", rows.parent / output)
    assert said.code == 4
    one_line(said.err)
    assert [path.name for path in rows.parent.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize("name", ["nothing.csv", "folder", "closed.csv"])
def test_an_input_that_cannot_be_read_is_said(
    pilotboat: Command, titanic: Path, tmp_path: Path, name: str
) -> None:
    """L04"""
    if name == "closed.csv" and hasattr(os, "geteuid") and os.geteuid() == 0:
        pytest.skip("root reads everything")
    (tmp_path / "folder").mkdir()
    (tmp_path / "closed.csv").touch(0o000)
    said = pilotboat("predict", titanic / "titanic", tmp_path / name)
    assert said.code == 3
    assert name in said.err
    one_line(said.err)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_a_terminal_is_no_input(titanic: Path) -> None:
    """L04"""
    terminal, side = os.openpty()
    try:
        done = run("predict", titanic / "titanic", "-", stdin=side)
    finally:
        os.close(terminal)
        os.close(side)
    assert done.returncode == 2
    assert "terminal" in done.stderr
    one_line(done.stderr)


def test_a_bad_row_leaves_nothing_behind(pilotboat: Command, titanic: Path, rows: Path) -> None:
    """L05"""
    with rows.open("a") as file:
        file.write("1,neither,1,1,C,no,yes\n")
    said = pilotboat("predict", titanic / "titanic", rows, "-o", rows.with_name("scored.csv"))
    assert said.code == 3
    assert "line 22" in said.err
    one_line(said.err)
    assert [path.name for path in rows.parent.iterdir()] == ["rows.csv"]


def test_what_is_no_bundle_is_said(pilotboat: Command, rows: Path) -> None:
    said = pilotboat("predict", rows.parent / "nobody", rows)
    assert said.code == 3
    one_line(said.err)


def test_foreign_code_is_run_only_when_its_digest_is_named(
    pilotboat: Command, tmp_path: Path
) -> None:
    bundle: Any = pack_brittle(tmp_path)
    (tmp_path / "rows.csv").write_text("x\n2\n")
    refused = pilotboat("predict", bundle.path, tmp_path / "rows.csv")
    assert refused.code == 3
    assert f"--trust {bundle.digest}" in refused.err
    said = pilotboat("predict", bundle.path, tmp_path / "rows.csv", "--trust", bundle.digest)
    assert said.out == "x,prediction\n2,4.0\n"


def test_whoever_stops_reading_is_not_told_of_it(titanic: Path, tmp_path: Path) -> None:
    """L09"""
    passengers(5000).to_csv(tmp_path / "rows.csv", index=False)
    command = [*PILOTBOAT, "predict", str(titanic / "titanic"), str(tmp_path / "rows.csv")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
