"""What `make` says before anything is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = [
    "help",
    "install",
    "serve",
    "examples",
    "test",
    "test-oldest",
    "check",
    "fix",
    "clean",
    "distclean",
]


def port(number: int | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "port.py", str(number)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_alone_prints_every_target() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("make ")]
    assert set(TARGETS) <= set(listed)
    assert all(len(line.split()) > 3 for line in done.stdout.splitlines())


def test_a_port_that_is_taken_is_said_with_one_that_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        taken = port(number)
        assert taken.returncode == 1
        assert taken.stderr.startswith(f"port {number} is in use: make serve PORT=")
        free = int(taken.stderr.rpartition("=")[2])
        assert free != number
    assert port(free).returncode == 0
    assert port(number).returncode == 0


@pytest.mark.parametrize("number", ["0", "65536", "-1", "eight", "", "٨٠"])
def test_a_port_that_is_none_is_said(number: str) -> None:
    done = port(number)
    assert done.returncode == 1
    assert done.stderr == "PORT is a number from 1 to 65535: make serve PORT=8001\n"


def test_serve_prints_the_request_of_the_readme() -> None:
    readme = (ROOT / "examples" / "titanic" / "README.md").read_text(encoding="utf-8")
    curl = next(line[2:] for line in readme.splitlines() if line.startswith("$ curl"))
    script = (ROOT / "scripts" / "serve.sh").read_text(encoding="utf-8")
    assert curl.replace('"', '\\"').replace("http://127.0.0.1:8000", "$URL") in script
