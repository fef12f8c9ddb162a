"""What this process may use of its machine: by its control group, and by what else binds it.

Version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html; version 1: …/cgroup-v1/memory.html
and …/scheduler/sched-bwc.html. A group is bound by those above it too: the smallest limit counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
MEMORY = Path("/proc/meminfo")
FILES = ("memory.max", "memory/memory.limit_in_bytes")
QUOTAS = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
"""Microseconds of processor time, and of the period that they are for: in one file or in two."""
TASKS = ("pids.max", "pids/pids.max")
UNLIMITED = 2**60
"""Version 1 writes a number near 2**63 for no limit."""


def memory_limit(root: Path = ROOT, own: Path = OWN) -> int | None:
    """The limit on memory in bytes; None where there is none, or where it cannot be read."""
    return _smallest(FILES, root, own)


def task_limit(root: Path = ROOT, own: Path = OWN) -> int | None:
    """How many processes and threads there may be; None where it is not limited."""
    return _smallest(TASKS, root, own)


def cpu_limit(root: Path = ROOT, own: Path = OWN) -> float | None:
    """The limit on processor time, in processors; None where there is none, or it cannot be read."""
    found = []
    for names in QUOTAS:
        for place in _places(names[0], root, own):
            told = [one for name in names for one in _words(place / Path(name).name)]
            if len(told) == 2 and all(one.isdecimal() and int(one) for one in told):  # noqa: PLR2004
                found.append(int(told[0]) / int(told[1]))
    return min(found, default=None)


def affinity() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
    return count() or 1


def processors() -> float:
    """How many processors this process may use: never more than the quota and the affinity allow."""
    return allowed().processors


def memory_available(path: Path = MEMORY) -> int | None:
    """Bytes of memory that the machine can still give; None where it does not say."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    told = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(told[0]) * 1024 if told else None


@dataclass(frozen=True, slots=True)
class Allowed:
    """What this process may use.

    affinity: processors that it may run on. quota: processors' time of its control group. limit:
    bytes of memory of that group. available: bytes that the machine has left. None: not limited, or
    not known.
    """

    affinity: int
    quota: float | None = None
    limit: int | None = None
    available: int | None = None

    @property
    def processors(self) -> float:
        return self.affinity if self.quota is None else min(self.quota, self.affinity)

    @property
    def memory(self) -> int | None:
        """Bytes to plan with: what is allowed, else what is there."""
        return self.available if self.limit is None else self.limit


def allowed() -> Allowed:
    """What this process may use, as it is now."""
    return Allowed(affinity(), cpu_limit(), memory_limit(), memory_available())


def _smallest(names: tuple[str, ...], root: Path, own: Path) -> int | None:
    found = [
        int(word)
        for name in names
        for place in _places(name, root, own)
        for word in _words(place / Path(name).name)
        if word.isdecimal()
    ]
    return min((one for one in found if one < UNLIMITED), default=None)


def _places(name: str, root: Path, own: Path) -> Iterator[Path]:
    """The directories of the group that this process is in and of those above it, as far as visible.

    A container sees its own group as the root, whatever path it is told; then only that is there.
    """
    controller = name.partition("/")[0] if "/" in name else ""
    top = root / controller
    path = Path(_path(controller, own).lstrip("/"))
    yield from (top / part for part in (path, *path.parents) if ".." not in part.parts)


def _path(controller: str, own: Path) -> str:
    """Where this process is in the tree of a controller ("": of version 2)."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if controller in names.split(","):
            return path
    return ""


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
