"""What the control group that this process runs in allows, in both layouts of the kernel.

Version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html; version 1: …/cgroup-v1/memory.html
and …/scheduler/sched-bwc.html.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
FILES = ("memory.max", "memory/memory.limit_in_bytes")
QUOTAS = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
"""Microseconds of processor time, and of the period that they are for: in one file or in two."""
UNLIMITED = 2**60
"""Version 1 writes a number near 2**63 for no limit."""


def memory_limit(root: Path = ROOT) -> int | None:
    """The limit on memory in bytes; None where there is none, or where it cannot be read."""
    for name in FILES:
        try:
            text = (root / name).read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < UNLIMITED:
            return int(text)
    return None


def cpu_limit(root: Path = ROOT) -> float | None:
    """The limit on processor time, in processors; None where there is none, or it cannot be read."""
    for names in QUOTAS:
        try:
            told = " ".join((root / name).read_text() for name in names).split()
        except OSError:
            continue
        if len(told) == 2 and all(one.isdecimal() and int(one) for one in told):  # noqa: PLR2004
            return int(told[0]) / int(told[1])
    return None
