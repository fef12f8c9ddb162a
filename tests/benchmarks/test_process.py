"""A server with all its children: weighed, and ended to the last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks.process import Process, Status, descendants, shielded

BUSY = (
    "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True)\ntime.sleep(60)"
)
DAEMON = """
import os, sys, time
from pathlib import Path
from benchmarks.process import Process, adopt
adopt()
command = "(setsid sleep 60 & echo $! > $0); sleep 60"
with Process(["sh", "-c", command, sys.argv[1]], Path.cwd(), os.environ, Path(sys.argv[2])) as it:
    while not Path(sys.argv[1]).exists() or not Path(sys.argv[1]).read_text().strip():
        time.sleep(0.01)
    daemon = int(Path(sys.argv[1]).read_text())
    assert daemon in {one.pid for one in it.members()}
assert not it.members()
assert not Path("/proc", str(daemon)).exists()
"""


def python(code: str, log: Path) -> Process:
    return Process([sys.executable, "-c", code], Path.cwd(), os.environ, log)


def until(said: str, process: Process) -> None:
    while process.said() != said:
        time.sleep(0.01)


def test_a_name_with_parentheses_does_not_shift_the_fields() -> None:
    line = "42 (a) (b c)) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5 6"
    assert Status.parse(line) == Status(42, 7, 100)


def test_descendants_are_found_at_any_depth_and_once() -> None:
    among = [Status(1, 0, 0), Status(2, 1, 0), Status(3, 2, 0), Status(4, 0, 0)]
    assert [one.pid for one in descendants({1, 3}, among)] == [1, 3, 2]


def test_processor_time_and_memory_are_those_of_the_process(tmp_path: Path) -> None:
    with python(BUSY, tmp_path / "log") as process:
        until("done", process)
        assert process.cpu() >= 0.25
        assert process.memory() > 1
        running = not process.ended
    assert running
    assert process.ended
    assert process.members() == []


def test_what_does_not_stop_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.process.PATIENCE", 0.1)
    deaf = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)"
    with python(deaf, tmp_path / "log") as process:
        until("deaf", process)
    assert process.ended


def test_a_daemon_does_not_get_away(tmp_path: Path) -> None:
    """In a process of its own, for whoever adopts once adopts for ever."""
    names = [str(tmp_path / "pid"), str(tmp_path / "log")]
    done = subprocess.run(
        [sys.executable, "-c", DAEMON, *names], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_second_interrupt_waits() -> None:
    before = signal.getsignal(signal.SIGINT)
    with shielded():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_needs_no_shield() -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with shielded():
                pass
        except BaseException as error:  # noqa: BLE001  # pragma: no cover
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not failed
