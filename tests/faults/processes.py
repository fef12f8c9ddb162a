"""What Linux says of processes, from outside of them: children, open sockets, who accepts."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc")
LISTENS = "0A"
"""The state of a listening socket in /proc/net/tcp."""


def children(pid: int) -> list[int]:
    """The processes that `pid` started and that have not ended, the oldest first."""
    found: list[int] = []
    for task in PROC.glob(f"{pid}/task/*/children"):
        with suppress(OSError):
            found += map(int, task.read_text().split())
    return [child for child in sorted(found) if state(child) not in ("Z", "")]


def state(pid: int) -> str:
    """One letter: R, S, D, T, Z; none if there is no such process."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", (PROC / str(pid) / "status").read_text())
    return int(found[1]) * 1024 if found else 0


def listeners(port: int) -> set[str]:
    """The inodes of the sockets that listen on a port."""
    rows = [line.split() for line in (PROC / "net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == LISTENS and int(row[1].split(":")[1], 16) == port}


def accepts(pid: int, inodes: set[str]) -> bool:
    """Whether a process waits for connections: its event loop watches one of these sockets.

    A worker has the socket from birth; it watches it from the moment it is ready until it stops
    taking connections. Where that is, nobody needs to ask the worker itself.
    """
    sockets, polls = set(), []
    with suppress(OSError):
        for entry in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                target = entry.readlink().name
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    sockets.add(entry.name)
                elif target == "anon_inode:[eventpoll]":
                    polls.append(entry.name)
    for poll in polls:
        with suppress(OSError):
            watched = (PROC / str(pid) / "fdinfo" / poll).read_text()
            if sockets & set(re.findall(r"^tfd:\s+(\d+)", watched, re.MULTILINE)):
                return True
    return False


def accepting(master: int, port: int) -> list[int]:
    """The children of `master` that wait for connections on a port."""
    inodes = listeners(port)
    return [pid for pid in children(master) if accepts(pid, inodes)]


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process that the tests started, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


class Watch:
    """Looks every 50 ms how many workers accept connections, until left."""

    def __init__(self, master: int, port: int) -> None:
        self.master, self.port = master, port
        self.seen: list[int] = []
        self.seen_pids: set[int] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    @property
    def fewest(self) -> int:
        return min(self.seen, default=0)

    def _look(self) -> None:
        while not self._over.is_set():
            now = accepting(self.master, self.port)
            self.seen.append(len(now))
            self.seen_pids |= set(now)
            self._over.wait(0.05)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()


def until(happened: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until `happened()` is true; how long it took."""
    start = time.monotonic()
    while not happened():
        assert time.monotonic() - start < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - start
