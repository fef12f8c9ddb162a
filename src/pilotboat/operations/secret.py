"""Secrets in files, as container engines and orchestrators hand them over."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

KEPT_BY_ENGINES = ("/run/secrets/", "/var/run/secrets/")
"""Where a container engine puts secrets, with modes that are its own."""
LARGEST = 2**20


@dataclass(frozen=True, slots=True)
class Unusable:
    """Stands for a secret that cannot be read. reason: why; nothing of what is in it."""

    reason: str


def read(path: str) -> str | Unusable:
    """What is in the file of a secret, without the end of its last line."""
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):
            return Unusable("expected a file, and it is none")
        if os.name == "posix" and found.st_mode & stat.S_IROTH and not is_kept(path):
            return Unusable("expected a file that not everyone may read: chmod o= it")
        if found.st_size > LARGEST:
            return Unusable(f"expected at most {LARGEST:,} bytes")
        text = Path(path).read_bytes().decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        return Unusable(f"expected a file that can be read: {error.strerror}")
    except ValueError:  # a path with NUL in it, or bytes that are no text
        return Unusable("expected a file of text in UTF-8")
    return text if text.strip() else Unusable("expected something in the file, and it is empty")


def is_kept(path: str) -> bool:
    """Whether a container engine looks after the file. The path counts, not where a link leads."""
    return os.path.abspath(path).startswith(KEPT_BY_ENGINES)  # noqa: PTH100 - resolve() would follow
