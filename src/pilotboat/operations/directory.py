"""The directory of a running server: what its supervisor tells others, and what its workers share.

It is in memory where that can be, belongs to the server's user alone, and is gone with the server.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotboat import scratch
from pilotboat.errors import EnvironmentFault

STATE = "state.json"


@dataclass(frozen=True, slots=True)
class Directory:
    """What is known of a running server."""

    path: Path

    def write(self, state: dict[str, Any]) -> None:
        """Tell others, all at once."""
        draft = self.path / f".{STATE}"
        draft.write_text(json.dumps(state))
        draft.rename(self.path / STATE)

    def read(self) -> dict[str, Any]:
        """What was told last. Raises `OSError` or `ValueError` where nothing can be read."""
        state: dict[str, Any] = json.loads((self.path / STATE).read_bytes())
        return state


@contextmanager
def made(port: int, place: Path) -> Iterator[Directory]:
    """A new directory in `place` for the server on `port`; what a killed server has left is removed.

    Raises `EnvironmentFault` where none can be made.
    """
    path = place / f"pilotboat-{os.geteuid()}-{port}"
    try:
        _remove(path)
        path.mkdir(mode=0o700)
    except OSError as error:
        raise EnvironmentFault(
            f"The directory for what workers share, '{path}', cannot be made: {error.strerror}.",
            code="no-shared-directory",
            hint="Remove what is there under that name.",
        ) from error
    maker = os.getpid()
    try:
        yield Directory(path)
    finally:
        if os.getpid() == maker:  # a worker that ends comes by here too
            shutil.rmtree(path, ignore_errors=True)


def _remove(path: Path) -> None:
    """Remove what is ours; what another user has put there is left, and cannot be used."""
    if path.is_dir() and not path.is_symlink() and path.lstat().st_uid == os.geteuid():
        shutil.rmtree(path)


def find(port: int) -> Directory | None:
    """The directory of the server that runs on `port`, whoever's it is; None where there is none."""
    for place in scratch.places():
        for path in sorted(place.glob(f"pilotboat-*-{port}")):
            with suppress(OSError):
                if path.is_dir() and not path.is_symlink():
                    return Directory(path)
    return None
