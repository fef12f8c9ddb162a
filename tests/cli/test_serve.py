from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from pilotboat import cgroup
from pilotboat.runtime import capacity, sizing
from tests.cli.conftest import Command
from tests.cli.test_main import one_line
from tests.factories import RECORD, Server, clean_environment, damaged, pack_reviews

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


def until(answers: Callable[[], bool]) -> None:
    """Ask a server again and again; one that starts anew may be gone meanwhile."""
    for _ in range(2000):
        with suppress(httpx.TransportError):
            if answers():
                return
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings, and logging is put back after a command in this process has set it up."""
    for name in [*os.environ]:
        if name.startswith("PILOTBOAT_") or name in ("WEB_CONCURRENCY", "LOG_LEVEL"):
            monkeypatch.delenv(name)
    for name in sizing.NUMERIC:  # a command in this process sets them
        monkeypatch.setenv(name, os.environ.get(name, ""))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PILOTBOAT_WORKERS", "two", "integer"),
        ("PILOTBOAT_PORT", "70000", "65535"),
        ("PILOTBOAT_LOG_LEVEL", "loud", "'critical', 'error', 'warning', 'info' or 'debug'"),
        ("WEB_CONCURRENCY", "0", "greater than or equal to 1"),
    ],
)
def test_a_bad_setting_is_said_before_anything_starts(
    pilotboat: Command, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    """C02, C17"""
    monkeypatch.setenv(variable, value)
    said = pilotboat("serve")
    assert said.code == 2
    assert f"{variable}: expected" in said.err
    assert says in said.err
    one_line(said.err)


def test_every_bad_setting_is_said_at_once(
    pilotboat: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """C02"""
    monkeypatch.setenv("PILOTBOAT_MAX_ROWS", "0")
    monkeypatch.setenv("PILOTBOAT_TRUST", "x")
    said = pilotboat("serve", tmp_path, "--port", "99999", "--workers", "-1")
    assert said.code == 2
    for name in ("--port", "--workers", "PILOTBOAT_MAX_ROWS", "PILOTBOAT_TRUST"):
        assert f"{name}: expected" in said.err
    one_line(said.err)


def test_a_setting_that_is_none_is_warned_of(tmp_path: Path) -> None:
    """C05, with variables that Kubernetes makes"""
    more = {"PILOTBOAT_WROKERS": "2", "PILOTBOAT_PORT_80_TCP": "tcp://10.0.0.1:80"}
    with Server(tmp_path, wait_for="/livez", **more) as server:
        said = server.stop()
    assert "PILOTBOAT_WROKERS is not a setting; did you mean PILOTBOAT_WORKERS?" in said
    assert "PILOTBOAT_PORT_80_TCP" not in said


def test_a_port_that_is_taken_is_said(pilotboat: Command, tmp_path: Path) -> None:
    """C13"""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        said = pilotboat("serve", tmp_path, "--port", port)
    assert said.code == 4
    assert f"127.0.0.1 port {port}: Address already in use" in said.err
    one_line(said.err)


@pytest.mark.parametrize("host", ["300.1.2.3", "no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_cannot_be_is_said(pilotboat: Command, tmp_path: Path, host: str) -> None:
    """C13"""
    said = pilotboat("serve", tmp_path, "--host", host)
    assert said.code == 4
    assert f"Cannot listen on {host}" in said.err
    assert "Unknown error" not in said.err
    one_line(said.err)


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_a_repository_that_is_none_is_said(pilotboat: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    said = pilotboat("serve", tmp_path / name)
    assert said.code == 4
    assert name in said.err
    assert "pilotboat pack" in said.err
    one_line(said.err)


def test_reload_is_for_one_worker(pilotboat: Command, tmp_path: Path) -> None:
    said = pilotboat("serve", tmp_path, "--reload", "--workers", "2")
    assert said.code == 2
    one_line(said.err)


def test_an_empty_repository_is_served_and_not_ready(tmp_path: Path) -> None:
    with Server(tmp_path, wait_for="/livez") as server:
        assert server.client.get("/readyz").json()["code"] == "no-models"
        said = server.stop()
    assert "There is no model in" in said
    assert "Traceback" not in said


def test_a_damaged_bundle_is_refused_while_the_others_serve(titanic: Path, tmp_path: Path) -> None:
    shutil.copytree(titanic / "titanic", tmp_path / "titanic")
    damaged(titanic / "titanic" / "1", tmp_path / "broken")
    more = {"PILOTBOAT_MODEL": "titanic"}
    with Server(tmp_path, wait_for="/livez", **more) as server:
        assert server.client.post("/predict", json=RECORD).status_code == 200
        assert server.client.get("/readyz").status_code == 503
        asked = server.client.post("/v1/models/broken:predict", json={"instances": [RECORD]})
        assert asked.status_code == 503
        said = server.stop()
    assert "broken 1 is not served: 'golden.jsonl' is not the file that was packed" in said
    assert "titanic 1 is served by plan, the default" in said
    assert "Traceback" not in said


@POSIX
@pytest.mark.parametrize(
    ("options", "times"), [([], 1), ([], 2), (["--reload"], 2), (["--workers", "2"], 1)]
)
def test_an_interruption_ends_it_quietly(tmp_path: Path, options: list[str], times: int) -> None:
    """L09"""
    with Server(tmp_path, *options, wait_for="/livez") as server:
        if "--workers" in options:
            until(lambda: server.logged().count("Application startup complete") == 2)
        for _ in range(times):
            server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=20) == 0
        assert "Traceback" not in server.logged()
        assert "SIGKILL" not in server.logged()


@POSIX
def test_one_process_stops_when_told_and_that_is_a_success(tmp_path: Path) -> None:
    with Server(tmp_path, wait_for="/livez") as server:
        server.stop()
        assert server.process.returncode == 0


def test_several_workers_serve_and_stop_when_told(titanic: Path) -> None:
    with Server(titanic, "--workers", "2") as server:
        until(lambda: server.logged().count("Application startup complete") == 2)
        assert server.client.post("/predict", json=RECORD).status_code == 200
        server.process.terminate()
        assert server.process.wait(timeout=20) == 0
        said = server.logged()
    assert "Using worker: pilotboat.worker.Worker" in said
    assert "Traceback" not in said
    assert "SIGKILL" not in said


def test_workers_are_planned_from_what_may_be_used(titanic: Path) -> None:
    """F16"""
    made = sizing.plan(
        cgroup.allowed(), capacity.need(titanic), supervised=True, environ=os.environ
    )
    with Server(titanic, "--workers", "auto") as server:
        until(lambda: server.logged().count("Application startup complete") == made.workers)
        said = server.stop()
    assert f"{made}\n" in said
    assert "Using worker: pilotboat.worker.Worker" in said


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_one_processor_is_one_worker_under_a_supervisor(titanic: Path) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})  # the server inherits it
    try:
        server = Server(titanic, "--workers", "auto", OMP_NUM_THREADS="")
        with server:
            until(lambda: "Application startup complete" in server.logged())
            said = server.stop()
    finally:
        os.sched_setaffinity(0, before)
    assert "1 worker of 1 thread: " in said
    assert "Using worker: pilotboat.worker.Worker" in said


def test_one_worker_that_is_asked_for_is_one_process(titanic: Path) -> None:
    with Server(titanic, "--workers", "1", PILOTBOAT_WORKERS="auto") as server:
        said = server.stop()
    assert "one process without a supervisor" in said
    assert "Using worker" not in said


def test_variables_of_gunicorn_have_no_effect(titanic: Path) -> None:
    """C16"""
    more = {"GUNICORN_CMD_ARGS": "--workers 4 --preload --max-requests 1 --bind 127.0.0.1:1"}
    with Server(titanic, "--workers", "2", **more) as server:
        until(lambda: server.logged().count("Application startup complete") == 2)
        for _ in range(4):
            assert server.client.post("/predict", json=RECORD).status_code == 200
        said = server.stop()
    assert said.count("Application startup complete") == 2


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="this system has no /proc")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"OMP_NUM_THREADS": "", "PILOTBOAT_THREADS": "3"}, "3"),
        ({"OMP_NUM_THREADS": "5", "PILOTBOAT_THREADS": "3"}, "3"),
        ({"OMP_NUM_THREADS": "5"}, "5"),
    ],
)
def test_numeric_libraries_are_told_their_threads_before_they_are_imported(
    tmp_path: Path, given: dict[str, str], expected: str
) -> None:
    """F16"""
    code = (
        "import os, sys\n"
        "from pilotboat.cli import serve\n"
        "def told(reference):\n"
        "    print(*(os.environ[name] for name in serve.sizing.NUMERIC), 'numpy' in sys.modules)\n"
        "    raise SystemExit\n"
        "serve.resolve = told\n"
        "serve.serve([sys.argv[1]])\n"
    )
    env = clean_environment(**given)
    for name in sizing.NUMERIC[1:]:
        env.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [*[expected] * len(sizing.NUMERIC), "False"]


def test_reload_picks_up_what_is_packed(tmp_path: Path) -> None:
    pack_reviews(tmp_path)
    with Server(tmp_path, "--reload") as server:
        pack_reviews(tmp_path)
        path = "/v1/models/reviews"
        until(lambda: server.client.get(path).json()["versions"] == ["2", "1"])
        said = server.stop()
    assert "detected changes in" in said
    assert "Traceback" not in said
