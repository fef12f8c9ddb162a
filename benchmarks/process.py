"""A server process with all its children: started, weighed and stopped. Linux only."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
"""ticks of processor time a second"""
PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 10.0
"""seconds that a server has to stop"""


@dataclass(frozen=True)
class Status:
    """What /proc/PID/stat says of a process."""

    pid: int
    parent: int
    ticks: int
    """processor time of itself and of its children that have ended"""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of the line in /proc/PID/stat; the name in it may hold anything, parentheses too."""
        head, _, tail = text.rpartition(")")
        fields = tail.split()
        return cls(int(head.split()[0]), int(fields[1]), sum(map(int, fields[11:15])))


def adopt() -> None:
    """Become the parent of what our children leave behind, so that no daemon gets away."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def processes() -> list[Status]:
    """Every process there is."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # ended meanwhile
                found.append(Status.parse((entry / "stat").read_text()))
    return found


def descendants(roots: set[int], among: Sequence[Status]) -> list[Status]:
    """The processes in `roots`, and all that descend from them."""
    children: dict[int, list[Status]] = {}
    for one in among:
        children.setdefault(one.parent, []).append(one)
    found = [one for one in among if one.pid in roots]
    for one in found:  # grows meanwhile
        found += (child for child in children.get(one.pid, []) if child.pid not in roots)
    return found


class Process:
    """A command that serves, and everything it starts."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        self._ours = {one.pid for one in processes() if one.parent == os.getpid()}
        self.log = log
        with log.open("wb") as output:
            self._root = subprocess.Popen(  # noqa: S603
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def ended(self) -> bool:
        """Whether the command itself is over."""
        return self._root.poll() is not None

    def members(self) -> list[Status]:
        """The command, its descendants, and those of them that we adopted."""
        among = processes()
        own = {one.pid for one in among if one.parent == os.getpid()} - self._ours
        return descendants(own, among)

    def cpu(self) -> float:
        """Seconds of processor time that all of them have used so far."""
        return sum(one.ticks for one in self.members()) / TICK

    def memory(self) -> float:
        """Megabytes that they hold: what several share is counted once (PSS)."""
        return sum(map(proportional, self.members())) / 1000

    def said(self) -> str:
        """The last line of its output."""
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def stop(self) -> None:
        """Ask it to stop, and end what is left of it. A second Ctrl-C waits until that is done."""
        with shielded():
            if not self.ended:
                self._root.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._root.wait(PATIENCE)
            while left := self.members():
                for one in left:
                    with suppress(ProcessLookupError):
                        os.kill(one.pid, signal.SIGKILL)
                self._root.poll()
                for one in left:
                    with suppress(ChildProcessError):
                        os.waitpid(one.pid, os.WNOHANG)
                time.sleep(0.01)


def proportional(one: Status) -> int:
    """Kilobytes (1,000 bytes) that a process holds, its share of what is shared; 0 once ended."""
    with suppress(OSError):
        for line in (PROC / str(one.pid) / "smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "Pss":
                return int(rest.split()[0]) * 1024 // 1000
    return 0


class shielded:  # noqa: N801 - reads as a word, like contextlib's
    """A block that SIGINT does not interrupt, in the main thread."""

    def __enter__(self) -> None:
        self._before: Callable[..., object] | int | None = None
        with suppress(ValueError):  # another thread: it gets none
            self._before = signal.signal(signal.SIGINT, signal.SIG_IGN)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
