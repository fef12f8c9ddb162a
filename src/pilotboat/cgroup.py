"""What the control group that this process runs in allows, in both layouts of the kernel.

Version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html; version 1: …/cgroup-v1/memory.html.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
FILES = ("memory.max", "memory/memory.limit_in_bytes")
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
