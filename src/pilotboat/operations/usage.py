"""What this process takes of the machine, where the kernel tells it under /proc."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROC = Path("/proc/self")


def memory() -> float | None:
    """Resident memory in bytes; None where it cannot be read."""
    if sys.platform == "win32":  # pragma: no cover
        return None
    try:
        pages = int((PROC / "statm").read_text().split()[1])
    except OSError:
        return None
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def files() -> float | None:
    """Open file descriptors; None where they cannot be counted."""
    try:
        return float(sum(1 for _ in (PROC / "fd").iterdir()) - 1)  # one is that of the list itself
    except OSError:
        return None
