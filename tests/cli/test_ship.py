"""`pilotboat store ship`: as a process of its own, by hand and beside a server."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pilotboat.operations import progress, segments
from pilotboat.operations.parking import DEAD
from pilotboat.operations.segments import PREDICTION
from pilotboat.operations.shipper import LOCK, alone
from pilotboat.operations.spool import Spool
from tests.cli.conftest import Command, Said
from tests.factories import PILOTBOAT, clean_environment, run
from tests.processes import eventually
from tests.spooled import SMALL, fill, prediction, requests

NOBODY = "postgresql://nobody:secret-word@127.0.0.1:1/none"
HEAVY = ("fastapi", "gunicorn", "numpy", "pandas", "sklearn", "starlette", "uvicorn")
SEE = f"""
import atexit, sys
atexit.register(lambda: print([one for one in {HEAVY} if one in sys.modules]))
from pilotboat.cli.main import main
main(["store", "ship", "--once"])
"""


def state(home: Path, **more: str) -> dict[str, str]:
    return clean_environment(PILOTBOAT_STATE=str(home), **more)


def stored(home: Path) -> int:
    """Rows in the store."""
    try:
        connection = sqlite3.connect(f"file:{home}/predictions.db?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return 0
    try:
        count: int = connection.execute("SELECT count(*) FROM predictions").fetchone()[0]
    except sqlite3.OperationalError:  # it has no tables yet
        return 0
    finally:
        connection.close()
    return count


@contextmanager
def shipping(home: Path, *options: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """`pilotboat store ship`, until the block ends."""
    process = subprocess.Popen(
        [*PILOTBOAT, "store", "ship", *options],
        env=state(home, **more),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def waits(home: Path, pid: int) -> bool:
    """Whether that process has the lock of the spool's shipper open."""
    lock = str(home / "spool" / LOCK)
    return any(os.path.realpath(one) == lock for one in Path(f"/proc/{pid}/fd").iterdir())


def is_up(home: Path, pid: int) -> bool:
    """Whether the shipper that is this process has told that it runs."""
    return bool(progress.read(home / "spool").get("pid") == pid)


@pytest.fixture
def ship(pilotboat: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`pilotboat store ship OPTIONS` in this process, of the spool in `tmp_path`."""
    monkeypatch.setenv("PILOTBOAT_STATE", str(tmp_path))
    return lambda *options: pilotboat("store", "ship", *options)


def test_once_ships_what_there_is(tmp_path: Path, ship: Command) -> None:
    fill(tmp_path / "spool", requests(0, 30))
    assert ship("--once") == Said(0, "30 rows stored\n", "")
    assert stored(tmp_path) == 30
    assert segments.names(tmp_path / "spool") == []


def test_once_leaves_a_server_its_segment_and_is_content(tmp_path: Path, ship: Command) -> None:
    spool = Spool(tmp_path / "spool", SMALL)
    spool.append(PREDICTION, 1, prediction("r", 1))
    assert ship("--once") == Said(0, "1 rows stored\n", "")
    spool.close()


def test_once_names_what_remains(
    tmp_path: Path, ship: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    [path] = fill(tmp_path / "spool", requests(0, 30))
    monkeypatch.setenv("PILOTBOAT_DATABASE_URL", NOBODY)
    done = ship("--once")
    assert (done.code, done.out) == (4, "0 rows stored\n")
    assert path.name in done.err
    assert "PostgreSQL" in done.err
    assert "secret-word" not in done.err
    assert path.exists()


def test_once_tells_of_rows_that_are_refused(tmp_path: Path, ship: Command) -> None:
    fill(tmp_path / "spool", [b"no record", *requests(0, 3)])
    assert ship("--once").out == "3 rows stored, 1 refused and parked\n"
    assert len(list((tmp_path / "spool" / DEAD).iterdir())) == 1


def test_what_is_parked_can_be_stored_after_all(tmp_path: Path, ship: Command) -> None:
    fill(tmp_path / "spool", [b"no record", *requests(0, 3)])
    assert ship("--once").code == 0
    [path] = (tmp_path / "spool" / DEAD).iterdir()
    again = ship("--parked")
    assert (again.code, again.out) == (3, "0 rows stored\n")
    assert "1 of the parked records" in again.err
    told: dict[str, Any] = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"payload": prediction("late", 1).decode()}))
    assert ship("--parked") == Said(0, "1 rows stored\n", "")
    assert stored(tmp_path) == 4
    assert not path.exists()
    assert ship("--parked").out == "0 rows stored\n"


def test_a_second_one_says_that_there_is_a_first(tmp_path: Path, ship: Command) -> None:
    (tmp_path / "spool").mkdir()
    with alone(tmp_path / "spool"):
        done = ship("--once")
        assert done.code == 4
        assert "ships" in done.err
        process = run("store", "ship", env=state(tmp_path))
        assert (process.returncode, process.stdout) == (4, "")
        assert "ships" in process.stderr
        assert "Traceback" not in process.stderr


def test_a_second_one_of_a_server_waits_for_its_turn(tmp_path: Path) -> None:
    fill(tmp_path / "spool", requests(0, 30))
    with alone(tmp_path / "spool"):
        with shipping(tmp_path, "--with-parent", str(os.getpid())) as process:
            assert eventually(lambda: waits(tmp_path, process.pid), 20)
            process.terminate()
            assert process.wait(10) == 0
        assert stored(tmp_path) == 0
    with shipping(tmp_path, "--with-parent", str(os.getpid())):
        assert eventually(lambda: stored(tmp_path) == 30, 20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_ships_the_rest_and_ends(tmp_path: Path, number: int) -> None:
    with shipping(tmp_path) as process:
        assert eventually(lambda: is_up(tmp_path, process.pid), 20)
        fill(tmp_path / "spool", requests(0, 900))
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert stored(tmp_path) == 900
    assert segments.names(tmp_path / "spool") == []


def test_told_to_stop_while_there_is_no_store_it_ends_at_once(tmp_path: Path) -> None:
    fill(tmp_path / "spool", requests(0, 30))
    with shipping(tmp_path, PILOTBOAT_DATABASE_URL=NOBODY) as process:
        assert eventually(lambda: bool(progress.read(tmp_path / "spool").get("error")), 20)
        process.terminate()
        assert process.wait(5) == 0
    assert len(segments.names(tmp_path / "spool")) == 1


def test_it_ends_with_its_server_and_ships_the_rest(tmp_path: Path) -> None:
    script = (
        "import subprocess, os, sys, time;"
        f"subprocess.Popen({[*PILOTBOAT, 'store', 'ship', '--with-parent']!r} + [str(os.getpid())]);"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], env=state(tmp_path))
    try:
        assert eventually(lambda: bool(progress.read(tmp_path / "spool")), 20)
    finally:
        parent.kill()
        parent.wait()
    fill(tmp_path / "spool", requests(0, 30))

    def is_over() -> bool:
        with alone(tmp_path / "spool") as ours:
            return ours

    assert eventually(is_over, 10)
    assert stored(tmp_path) == 30


def test_an_interrupt_of_the_terminal_is_for_the_server(tmp_path: Path) -> None:
    """Its workers have rows yet when both hear of it."""
    with shipping(tmp_path, "--with-parent", str(os.getpid())) as process:
        assert eventually(lambda: is_up(tmp_path, process.pid), 20)
        process.send_signal(signal.SIGINT)
        fill(tmp_path / "spool", requests(0, 30))
        assert eventually(lambda: stored(tmp_path) == 30, 10)
        assert process.poll() is None


def test_killed_at_any_time_it_loses_nothing_and_stores_nothing_twice(tmp_path: Path) -> None:
    for number in range(2):
        fill(tmp_path / "spool", requests(number * 1000, 1000), most=SMALL * 4)
        with shipping(tmp_path) as process:
            assert eventually(lambda: stored(tmp_path) > number * 1000 - 500, 20)  # noqa: B023
            process.kill()
    run("store", "ship", "--once", env=state(tmp_path))
    connection = sqlite3.connect(tmp_path / "predictions.db")
    found = connection.execute("SELECT count(*), count(DISTINCT request) FROM predictions")
    assert found.fetchone() == (2000, 2000)
    connection.close()


def test_a_directory_that_cannot_be_is_named(
    tmp_path: Path, ship: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PILOTBOAT_STATE", str(tmp_path / "file"))
    done = ship("--once")
    assert done.code == 4
    assert str(tmp_path / "file") in done.err


def test_it_is_light(tmp_path: Path) -> None:
    """It runs beside every server, for as long as that runs."""
    fill(tmp_path / "spool", requests(0, 30))
    done = subprocess.run(
        [sys.executable, "-c", SEE],
        env=state(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "30 rows stored\n[]\n"), done.stderr
