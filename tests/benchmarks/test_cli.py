"""The command line, and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import cli, environments, training
from benchmarks.environments import InstallError
from benchmarks.rounds import Failure, Seat, Visit
from benchmarks.servers import SERVERS, Server
from tests.benchmarks.samples import visit


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is installed, trained, adopted or drawn."""
    monkeypatch.setattr("benchmarks.load.require", lambda: "wrk")
    monkeypatch.setattr("benchmarks.process.adopt", lambda: None)
    monkeypatch.setattr("benchmarks.cli.signal.signal", lambda *_: None)
    monkeypatch.setattr(environments, "environment", programs)
    monkeypatch.setattr(environments, "version_of", lambda *_: "1.2.3")
    monkeypatch.setattr(training, "train", trained)
    monkeypatch.setattr(cli, "draw", lambda _out: None)


def programs(server: Server) -> Path:
    if server.name == "ray":
        raise InstallError("not installed: no wheel")
    return Path("/bin")


def trained(name: str, folder: Path) -> training.Trained:
    return training.Trained(name, folder, folder, "plan", [], [], [], [])


def test_help_has_examples_and_every_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], capture_output=True, text=True, check=True
    )
    assert "python -m benchmarks --peers pilotboat,bentoml --models lr,hgb" in done.stdout
    for name in [*SERVERS, *training.HEADS]:
        assert name in done.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--peers", "fastapi,nonsense"], "unknown: nonsense; there are pilotboat"),
        (["--rounds", "0"], "a whole number above zero"),
        (["--seconds", "x"], "invalid"),
    ],
)
def test_what_is_not_understood_is_refused(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(options)
    assert says in capsys.readouterr().err


def test_without_wrk_nothing_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "")
    assert cli.main([]) == 4
    assert "apt install wrk" in capsys.readouterr().err


def test_the_tutorial_is_always_measured_and_a_missing_peer_has_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def go(seats: list[Seat], *_: object) -> Iterator[Visit | Failure]:
        asked.extend(seat.server.name for seat in seats)
        yield visit("fastapi", 1, 100)

    monkeypatch.setattr(cli, "interleaved", go)
    options = ["--peers", "pilotboat,ray", "--models", "lr", "--out", str(tmp_path / "out")]
    assert cli.main(options) == 0
    assert asked == ["pilotboat", "fastapi"]
    kept = json.loads((tmp_path / "out" / "results.json").read_text())
    assert kept["visits"][0]["loads"]["16"]["requests"] == 400
    assert kept["failures"] == [
        {"model": "lr", "server": "ray", "reason": "not installed: no wheel"}
    ]
    assert kept["versions"] == {"pilotboat": "1.2.3", "fastapi": "1.2.3"}
    assert kept["engines"] == {"lr": "plan"}
    assert "not installed: no wheel" in (tmp_path / "out" / "results.md").read_text()


def test_an_interrupt_keeps_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def go(*_: object) -> Iterator[Visit | Failure]:
        yield visit("fastapi", 1, 100)
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "interleaved", go)
    assert cli.main(["--models", "lr", "--out", str(tmp_path)]) == 130
    assert len(json.loads((tmp_path / "results.json").read_text())["visits"]) == 1
    assert "what was measured is kept" in capsys.readouterr().err


def test_a_plot_that_cannot_be_drawn_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()

    def broken(*_: object) -> Path:
        raise InstallError("not installed: no network")

    monkeypatch.setattr(environments, "install", broken)
    cli.draw(tmp_path)
    assert "no plot: not installed: no network" in capsys.readouterr().err


def test_a_terminated_run_ends_like_an_interrupted_one() -> None:
    with pytest.raises(KeyboardInterrupt):
        cli._interrupt(15, None)


def test_a_failed_installation_says_its_last_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path)
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("nothing-of-that-name @ file:///nowhere/to/be/found.whl\n")
    with pytest.raises(InstallError, match="not installed: ERROR"):
        environments.install("broken", wanted)
    assert os.path.lexists(tmp_path / "broken" / "pip.log")
    assert not (tmp_path / "broken" / "stamp").exists()


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(environments, "_run", lambda command, _log: made.append(command))
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("one==1\n")
    assert environments.install("peer", wanted) == tmp_path / "peer" / "bin"
    environments.install("peer", wanted)
    assert len(made) == 2
    wanted.write_text("one==2\n")
    environments.install("peer", wanted)
    assert len(made) == 4
