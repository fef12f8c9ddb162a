from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_main import one_line
from tests.factories import Server, clean_environment, damaged, free_port, run

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"  (ok|warning|fault) +(\S+(?: \S+)*)  ")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("PILOTBOAT_") or name in ("WEB_CONCURRENCY", "LOG_LEVEL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PILOTBOAT_STATE", str(tmp_path))
    monkeypatch.setenv("PILOTBOAT_PORT", str(free_port()))


def test_a_machine_that_can_serve(pilotboat: Command, titanic: Path) -> None:
    said = pilotboat("doctor", titanic)
    assert (said.code, said.err) == (0, "")
    assert re.search(r"\n  ok +titanic 1 +plan, ", said.out)
    assert re.search(r" 0 fault\n$", said.out)
    assert said.out.isascii()


def test_a_fault_is_said_with_its_remedy_and_by_the_exit_code(
    pilotboat: Command, titanic: Path, tmp_path: Path
) -> None:
    damaged(titanic / "titanic" / "1", tmp_path / "models" / "titanic")
    said = pilotboat("doctor", tmp_path / "models")
    assert said.code == 4
    at = said.out.index("'golden.jsonl' is not the file")
    assert "-> Copy the bundle again" in said.out[at:].splitlines()[1]
    assert "1 fault" in said.out.splitlines()[-1]


def test_as_json(pilotboat: Command, titanic: Path) -> None:
    said = pilotboat("doctor", titanic, "--json", "--deep", "--workers", "1")
    told = json.loads(said.out)
    assert said.code == 0
    assert list(told["groups"]) == ["machine", "settings", "models"]
    everything = [one for group in told["groups"].values() for one in group]
    assert all(set(one) == {"mark", "name", "says", "remedy"} for one in everything)
    assert sum(told["totals"].values()) == len(everything)
    assert "golden rows answered" in told["groups"]["models"][-1]["says"]
    assert "one process shares nothing" in said.out


def test_settings_that_cannot_be_read(pilotboat: Command, titanic: Path) -> None:
    said = pilotboat("doctor", titanic, "--port", "99999")
    assert said.code == 2
    assert "--port: expected" in said.err
    one_line(said.err)


def test_what_kubernetes_made_is_told(
    pilotboat: Command, titanic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTBOAT_PORT", "tcp://10.0.0.1:8000")
    said = pilotboat("doctor", titanic)
    assert "1 variables of Kubernetes are ignored" in said.out


def test_a_server_that_runs_is_no_fault(pilotboat: Command, server: Server, titanic: Path) -> None:
    said = pilotboat("doctor", titanic, "--port", str(server.port))
    assert said.code == 0
    assert f"port {server.port} is served by Pilotboat: healthy" in said.out


def test_somebody_else_s_server_is_one(pilotboat: Command, titanic: Path) -> None:
    import http.server  # noqa: PLC0415
    import threading  # noqa: PLC0415

    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.handle_request, daemon=True).start()
        said = pilotboat("doctor", titanic, "--port", str(other.server_port))
    assert said.code == 4
    assert "Address already in use" in said.out


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX")
def test_without_a_home_and_in_a_locale_of_ascii(titanic: Path, tmp_path: Path) -> None:
    """D02, L10"""
    odd = tmp_path / "modèles"
    shutil.copytree(titanic, odd)
    env = clean_environment(PILOTBOAT_STATE=str(tmp_path), LC_ALL="C", PYTHONIOENCODING="ascii")
    env.pop("HOME", None)
    done = run("doctor", odd, "--port", str(free_port()), env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mod\\xe8les: 1 model, 1 version" in done.stdout


def test_the_documentation_shows_every_check_of_a_server_in_order(
    pilotboat: Command, titanic: Path
) -> None:
    """The names of checks, not the figures: those are a machine's own."""
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    said = pilotboat("doctor", titanic)
    named = set(re.findall(r"^\| `([a-z ]+)` \|", page, re.MULTILINE))
    found = {name for _, name in LINE.findall(said.out)} - {"titanic 1"}
    assert found <= named
    shown = {name for _, name in LINE.findall(page)}
    assert {name for name in shown if not name[-1].isdigit()} <= named
