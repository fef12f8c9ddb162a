"""The lab's table and its dealings with Docker, without building anything."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LAB = Path(__file__).parents[2] / "docker" / "lab"


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(LAB))
    yield importlib.import_module("lab")
    for name in ("lab", "engine", "table"):
        sys.modules.pop(name, None)


def rows(lab: Any, ours: float | None) -> list[Any]:
    row = lab.Row
    return [
        row("size", "bad", "bytes", 800e6, 600e6),
        row("size", "good", "bytes", 400e6, 500e6, note="a note"),
        row("size", "trimmed", "bytes", None, ours, ours=True, excuse="it is young"),
    ]


@pytest.mark.parametrize(
    ("ours", "cells", "remark"),
    [
        (200e6, "200 MB  3.00x", "beats the published 2.00x"),
        (500e6, "500 MB  1.20x", "does not beat the published 2.00x: it is young"),
        (None, "-      -", ""),
    ],
)
def test_ours_is_held_against_the_published_ratio(
    lab: Any, ours: float | None, cells: str, remark: str
) -> None:
    text = list(lab.as_text(rows(lab, ours)))
    assert text[2].split() == ["size", "bad", "800", "MB", "-", "600", "MB", "-"]
    assert text[3].split() == ["good", "400", "MB", "2.00x", "500", "MB", "1.20x"]
    assert text[4].strip() == "a note"
    assert text[5].strip().startswith("trimmed (ours)")
    assert text[5].endswith(cells)
    assert " ".join(" ".join(text[6:]).split()) == remark


def test_without_the_opposite_there_is_no_ratio(lab: Any) -> None:
    first, *others = rows(lab, 200e6)
    first = lab.replace(first, here=None, note="not measured: why")
    text = "\n".join(lab.as_text([first, *others]))
    assert "not measured: why" in text
    assert "no ratio to hold against the published 2.00x: it is young" in text


def test_markdown_has_one_line_for_each_row(lab: Any) -> None:
    text = list(lab.as_markdown(rows(lab, 200e6)))
    assert len(text) == 5
    assert {line.count("|") for line in text} == {8}
    assert text[3] == "| size | good | 400 MB | 2.00x | 500 MB | 1.20x | a note |"


def test_what_fails_is_a_row_with_the_reason(
    lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "DATA_MB", 1)
    monkeypatch.setattr(lab.Lab, "_source", lab.Lab._app)

    class Broken(lab.Engine):  # type: ignore[misc]
        def docker(self, *arguments: str, **_: Any) -> Any:
            raise lab.LabError(f"no {arguments[0]}")

    found = lab.run(lab.Lab(Broken(), tmp_path), lab.EXPERIMENTS)
    assert {row.experiment for row in found} == set(lab.EXPERIMENTS)
    assert all(row.note.startswith("not measured: ") for row in found if not row.published)
    assert "cannot be pulled here" in found[0].note
    assert [row.variant for row in found if row.ours] == [
        "slim",
        "dependencies before the source",
        "kept outside the image",
        "deny by default",
        "two, trimmed and stripped",
        "of what it imports",
    ]


def test_only_known_arguments_reach_a_build(lab: Any) -> None:
    engine = importlib.import_module("engine")
    given = {"PYTHON_IMAGE": "a", "PIP_OPTIONS": "", "OTHER": "b"}
    assert engine._used(given, LAB / "late.Dockerfile") == {"PYTHON_IMAGE": "a"}
    assert engine._used(given, LAB / "one.Dockerfile") == {"PYTHON_IMAGE": "a", "PIP_OPTIONS": ""}
    assert engine._used(given, LAB / "context.Dockerfile") == {}


def test_a_failed_build_says_what_its_step_said(lab: Any) -> None:
    engine = importlib.import_module("engine")
    said = "#9 x\n------\n > [2/3] RUN x:\n0.2 first\n0.3 No module\n------\nERROR: exit code: 1\n"
    assert engine._last_line(said) == "0.3 No module"
    assert engine._last_line("ERROR: no such file\n\n") == "no such file"
    assert engine._last_line("") == ""


def test_dockerfiles_have_no_syntax_line_and_keep_the_secret_out() -> None:
    for file in LAB.glob("*.Dockerfile"):
        text = file.read_text()
        assert "syntax=" not in text
        assert "BUILD_CA_FILE" not in text
        assert ("pip" in text and "install" in text) == ("--mount=type=secret,id=ca" in text)


@pytest.mark.parametrize(("arguments", "code", "text"), [
    (["--help"], 0, "bytecode"),
    (["nonsense"], 2, "there is no experiment nonsense"),
])  # fmt: skip
def test_usage(arguments: list[str], code: int, text: str) -> None:
    command = [sys.executable, str(LAB / "lab.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert text in done.stdout + done.stderr


def test_no_docker_is_one_line() -> None:
    command = [sys.executable, str(LAB / "lab.py"), "cache"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": "/nowhere"}
    )
    assert done.returncode == 4
    assert done.stderr == "lab: Docker is not there: there is no program 'docker'\n"
