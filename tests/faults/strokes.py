"""Actors (see `acting`) that strace kills, fails or delays at a certain call of the kernel."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import IO, Self

import pytest

from tests.factories import clean_environment
from tests.faults.acting import Act, told
from tests.faults.processes import kill

ROOT = Path(__file__).parents[2]
CALL = re.compile(r"^(\d+) +(\w+)\(")
KILLED = -9
PATIENCE = 20.0
"""Seconds after which an actor is taken for one that hangs, and killed."""


@dataclass(frozen=True)
class Stroke:
    """What happens at the `number`th call of `call`: KILL, EIO, ENOSPC, or a delay in milliseconds."""

    call: str
    number: int
    what: str = "KILL"

    def __str__(self) -> str:
        return f"{self.what} at {self.call} {self.number}"

    @property
    def option(self) -> str:
        """For strace."""
        ways = {"KILL": "signal=KILL"}
        if self.what.isdigit():
            way = f"delay_enter={int(self.what) * 1000}"
        else:
            way = ways.get(self.what, f"error={self.what}")
        return f"--inject={self.call}:{way}:when={self.number}"


class Actors:
    """Does acts one after another. defect: what is broken in the product meanwhile."""

    def __init__(self, defect: str = "") -> None:
        if shutil.which("strace") is None:
            pytest.skip("needs strace")
        self.command = [sys.executable, "-m", "tests.faults.acting", defect]
        self.watchdog: Timer | None = None

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=clean_environment(),
            cwd=ROOT,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.watchdog is not None and error is not None:
            self.watchdog.cancel()
            self.watchdog.function(*self.watchdog.args)
        self.process.communicate(timeout=60)

    @property
    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        return self.process.stdin, self.process.stdout

    def begin(self, act: Act, *options: str) -> None:
        """Let an actor go, traced with these options of strace."""
        to, back = self._pipes
        to.write(told(act) + "\n")
        pid = back.readline().strip()
        assert pid, "the actors have ended"
        self.watchdog = Timer(PATIENCE, kill, [int(pid)])
        self.watchdog.start()
        self.tracer: subprocess.Popen[str] | None = None
        if options:
            self.tracer = subprocess.Popen(
                ["strace", "--follow-forks", f"--attach={pid}", *options],
                stderr=subprocess.PIPE,
                text=True,
            )
            assert self.tracer.stderr is not None
            line = self.tracer.stderr.readline()
            assert "attached" in line, line
        to.write("go\n")

    def end(self) -> int:
        """Wait for it; its exit code, or the signal that ended it, below zero; KILL: or that it hung."""
        code = int(self._pipes[1].readline())
        if self.watchdog is not None:
            self.watchdog.cancel()
        if self.tracer is not None:
            self.tracer.communicate(timeout=60)
        return code

    def run(self, act: Act, stroke: Stroke | None = None) -> int:
        """Do an act; its exit code."""
        if stroke is None:
            self.begin(act)
        else:
            self.begin(act, stroke.option, "--output=/dev/null", f"--trace={stroke.call}")
        return self.end()

    def calls(self, act: Act) -> Counter[str]:
        """How often an act calls what of the kernel; of several threads, the one with the most."""
        with tempfile.NamedTemporaryFile("r") as file:
            self.begin(act, f"--output={file.name}")
            assert self.end() == 0
            return most(file)


def most(lines: Iterator[str] | IO[str]) -> Counter[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for line in lines:
        found = CALL.match(line)
        if found is not None:
            counts[found[1], found[2]] += 1
    calls: Counter[str] = Counter()
    for (_, call), count in counts.items():
        calls[call] = max(calls[call], count)
    return calls
