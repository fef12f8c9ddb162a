from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pilotboat as package
from pilotboat import errors
from pilotboat.cli import main as module
from pilotboat.cli.main import COMMANDS, exit_code
from pilotboat.errors import Fault, PilotboatError, RowsError
from tests.cli.conftest import Command
from tests.factories import PILOTBOAT, clean_environment, run

EXITS = {
    "ArtifactError": 3,
    "BundleError": 3,
    "CompileError": 3,
    "DataError": 3,
    "EnvironmentFault": 4,
    "LimitHitError": 4,
    "MissingExtraError": 4,
    "ModelError": 3,
    "RowsError": 3,
    "SettingsError": 2,
    "UsageError": 2,
}


def one_line(text: str) -> None:
    """What is on standard error is one line of ours."""
    assert text.startswith("pilotboat: ")
    assert text.count("\n") == 1
    assert "Traceback" not in text


def test_every_error_has_an_exit_code() -> None:
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, PilotboatError):
            made = RowsError([Fault("", "x", "")]) if kind is RowsError else kind("It broke.")
            parents = [one.__name__ for one in kind.__mro__ if one.__name__ in EXITS]
            assert exit_code(made) == (EXITS[parents[0]] if parents else 1), name


def test_no_command_shows_the_help(pilotboat: Command) -> None:
    """L01"""
    said = pilotboat()
    assert said.code == 2
    for name, (_, what) in COMMANDS.items():
        assert name in said.out
        assert what in said.out


@pytest.mark.parametrize(("command", "near"), [("srve", "'serve'"), ("xyz", "pack, inspect")])
def test_an_unknown_command_is_told_the_nearest(
    pilotboat: Command, command: str, near: str
) -> None:
    """L01"""
    said = pilotboat(command)
    assert said.code == 2
    assert near in said.err
    one_line(said.err)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--wrong"], "--wrong"),
        (["serve", "--wrokers", "2"], "--workers"),
        (["predict"], "BUNDLE"),
        (["health", "--port", "0x50"], "--port"),
        (["health", "--port", "0"], "1<=x<=65535"),
        (["health", "--port", "99999"], "1<=x<=65535"),
        (["health", "--timeout", "soon"], "--timeout"),
        (["serve", "--workers", "two"], "--workers"),
        (["serve", "--port", "0x50"], "--port"),
        (["pack", "model.pkl", "--engine", "fast"], "--engine"),
    ],
)
def test_wrong_usage_is_named(pilotboat: Command, arguments: list[str], named: str) -> None:
    """L02, L03"""
    said = pilotboat(*arguments)
    assert said.code == 2
    assert named in said.err
    assert "--help" in said.err
    one_line(said.err)


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_every_help_has_examples(pilotboat: Command, command: list[str], flag: str) -> None:
    said = pilotboat(*command, flag)
    assert said.code == 0
    assert "Examples:\n" in said.out
    assert "  pilotboat " in said.out
    assert said.err == ""


def test_the_version_is_the_package_s(pilotboat: Command) -> None:
    assert pilotboat("--version").out == f"pilotboat, version {package.__version__}\n"


def test_a_bug_is_one_line_and_a_way_to_the_traceback(
    pilotboat: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.COMMANDS, "health", ("tests.cli.test_main:broken", "Break."))
    said = pilotboat("health")
    assert said.code == 1
    assert "ZeroDivisionError" in said.err
    assert "python -X dev -m pilotboat" in said.err
    one_line(said.err)


def test_an_interruption_is_quiet(pilotboat: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """L09"""
    monkeypatch.setitem(module.COMMANDS, "health", ("tests.cli.test_main:interrupted", "Wait."))
    said = pilotboat("health")
    assert (said.code, said.out, said.err.strip()) == (130, "", "")


@module.commands.command(hidden=True)
def broken() -> None:
    raise ZeroDivisionError("a secret")


@module.commands.command(hidden=True)
def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_without_room_is_named(titanic: Path, unbuffered: str) -> None:
    env = clean_environment(PYTHONUNBUFFERED=unbuffered)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PILOTBOAT, "inspect", titanic / "titanic"],
            env=env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 4
    assert "No space left on device" in done.stderr
    one_line(done.stderr)


def test_whoever_stops_reading_is_not_told_of_it(titanic: Path) -> None:
    """L09"""
    command = [*PILOTBOAT, "inspect", str(titanic / "titanic"), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX locale")
def test_a_locale_that_knows_no_unicode_is_enough(titanic: Path, tmp_path: Path) -> None:
    """L10"""
    plain = clean_environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    folder = tmp_path / "modèle-ß"
    folder.symlink_to(titanic / "titanic")
    done = run("inspect", folder, env=plain)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("titanic 1\n")
    odd = os.fsdecode(b"\xff\xfe.csv")
    done = run("predict", folder, tmp_path / odd, env=plain)
    assert done.returncode == 3
    one_line(done.stderr)


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pilotboat", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("pilotboat, version ")
