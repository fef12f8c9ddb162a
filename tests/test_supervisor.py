"""A real supervisor with real workers: what becomes of them when one fails."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import pilotboat
from pilotboat.bundle.archive import open_bundle
from pilotboat.formats.code import import_code
from tests.factories import RECORD, Server, pack_titanic, run
from tests.processes import children, eventually

pytest.importorskip("gunicorn", reason="needs gunicorn")

MOODY = """
import os, time
from sklearn.linear_model import LinearRegression

mood = os.path.join(os.environ.get("MOOD", "/nowhere"), "mood")
if os.path.exists(mood):
    with open(mood) as file:
        told = file.read()
    if told == "hang":
        time.sleep(3600)
    if told == "leave":
        os._exit(3)
    if told == "raise":
        raise RuntimeError("in a mood")


class Moody(LinearRegression):
    pass
"""
"""A model whose code, when it is imported, does what a file says."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("moody")
    pack_titanic(made)
    code = made / ".moody.py"
    moody = code.with_name("moody.py")
    moody.write_text(MOODY)
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    model = import_code([moody])["moody"].Moody().fit(frame, frame["x"])
    pilotboat.pack(model, frame, name="moody", repository=made, code=[moody], trust=True)
    moody.unlink()
    return made


@pytest.fixture(scope="module")
def mood(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found: Path = tmp_path_factory.mktemp("mood") / "mood"
    return found


@pytest.fixture(scope="module")
def server(repository: Path, mood: Path) -> Iterator[Server]:
    settings = {"PILOTBOAT_BOOT_SECONDS": "20", "PILOTBOAT_HANG_SECONDS": "5"}
    options = ("--workers", "2", "--trust", digest(repository))
    with Server(repository, *options, MOOD=str(mood.parent), **settings) as made:
        yield made


@pytest.fixture(autouse=True)
def good_mood(request: pytest.FixtureRequest, mood: Path) -> Iterator[None]:
    """Every test begins with two workers that are ready, unless it has a server of its own."""
    if "server" in request.fixturenames:
        running: Server = request.getfixturevalue("server")
        assert eventually(lambda: metric(running, "pilotboat_workers") == 2, 60)
    yield
    mood.unlink(missing_ok=True)


def digest(repository: Path) -> str:
    return open_bundle(repository / "moody" / "1").digest


def workers(server: Server) -> list[int]:
    return children(server.process.pid)


def metric(server: Server, name: str) -> float:
    page = server.client.get("/metrics").text
    found = re.search(rf"^{name} (\S+)", page, re.MULTILINE)
    assert found is not None
    return float(found[1])


def restarts(server: Server) -> float:
    return metric(server, "pilotboat_worker_restarts_total")


def works(server: Server) -> bool:
    path = "/v1/models/titanic:predict"
    return server.client.post(path, json={"instances": [RECORD]}).status_code == 200


def test_a_worker_that_is_killed_is_replaced(server: Server) -> None:
    before, counted = workers(server), restarts(server)
    os.kill(before[0], signal.SIGKILL)
    assert eventually(lambda: len(workers(server)) == 2 and before[0] not in workers(server))
    assert before[1] in workers(server)
    assert eventually(lambda: restarts(server) == counted + 1)
    assert works(server)


def test_a_worker_that_hangs_is_replaced_and_says_where(server: Server) -> None:
    before = workers(server)
    os.kill(before[0], signal.SIGSTOP)  # as if it were blocked
    try:
        assert eventually(lambda: before[0] not in workers(server))
    finally:
        if before[0] in workers(server):
            os.kill(before[0], signal.SIGCONT)
    assert eventually(lambda: len(workers(server)) == 2)
    assert f"WORKER TIMEOUT (pid:{before[0]})" in server.logged()


@pytest.mark.parametrize("does", ["raise", "leave", "hang"])
def test_a_roll_onto_workers_that_cannot_start_leaves_the_old_ones(
    server: Server, mood: Path, does: str
) -> None:
    before = workers(server)
    mood.write_text(does)
    done = run("reload", "--port", str(server.port))
    assert done.returncode == 4
    assert "the old ones go on: loading 'moody' 1: " in done.stderr
    assert works(server)
    assert eventually(lambda: workers(server) == before)
    mood.unlink()
    assert run("reload", "--port", str(server.port)).returncode == 0


@pytest.mark.parametrize("does", ["raise", "leave", "hang"])
def test_a_replacement_that_cannot_start_does_not_stop_the_others(
    server: Server, mood: Path, does: str
) -> None:
    before, counted = workers(server), server.logged().count("a worker could not start")
    mood.write_text(does)
    os.kill(before[0], signal.SIGKILL)
    assert eventually(lambda: server.logged().count("a worker could not start") > counted, 40)
    assert server.process.poll() is None
    assert before[1] in workers(server)
    assert works(server)
    mood.unlink()
    assert eventually(lambda: metric(server, "pilotboat_workers") == 2, 60)
    assert works(server)


def test_a_second_roll_waits_for_nothing(server: Server) -> None:
    for _ in range(5):
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    assert eventually(lambda: "are being replaced already" in server.logged())
    assert eventually(lambda: len(workers(server)) == 2)
    assert works(server)


def test_what_is_not_supported_says_so(server: Server) -> None:
    server.process.send_signal(signal.SIGUSR2)
    assert eventually(lambda: "SIGUSR2 does nothing here" in server.logged())


def test_it_stops_with_all_its_workers(repository: Path) -> None:
    with Server(repository, "--workers", "2", wait_for="/livez") as made:
        before = workers(made)
        shared = list(Path("/dev/shm").glob(f"pilotboat-*-{made.port}"))
        made.process.terminate()
        assert made.process.wait(25) == 0
        assert not workers(made)
        assert not any(one.exists() for one in shared)
        assert len(before) == 2


def test_it_gives_up_where_no_worker_ever_started(
    repository: Path, mood: Path, tmp_path: Path
) -> None:
    mood.write_text("leave")
    environment = os.environ | {"MOOD": str(mood.parent)}
    done = run(
        "serve", repository, "--workers", "2", "--trust", digest(repository), env=environment
    )
    assert done.returncode == 4
    assert "no worker can start" in done.stderr
