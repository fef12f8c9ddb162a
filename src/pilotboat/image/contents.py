"""Layers laid over each other: the files that a container sees, and those that it pays for twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pilotboat.image.layers import Entry, Layer

MAX_STEPS = 400
"""Parts of a path, those of its symlinks included, after which it is taken for a circle."""


@dataclass(frozen=True, slots=True)
class Waste:
    """A file that is in the image and that no container sees.

    written, hidden: numbers of layers, from 1. how: "written again" or "deleted".
    """

    path: str
    size: int
    written: int
    hidden: int
    how: str


@dataclass(frozen=True, slots=True)
class Contents:
    """files: what a container sees, by path without the leading slash. wasted: biggest first."""

    files: MappingProxyType[str, Entry]
    wasted: tuple[Waste, ...]

    @property
    def wasted_bytes(self) -> int:
        return sum(one.size for one in self.wasted)

    def follow(self, path: str) -> Entry | None:
        """What a path leads to, through symlinks; None where one of them leads nowhere."""
        waiting, at = path.strip("/").split("/")[::-1], ""
        for _ in range(MAX_STEPS):
            if not waiting:
                return self.files.get(at)
            part = waiting.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                at = at.rpartition("/")[0]
                continue
            beside, at = at, f"{at}/{part}".lstrip("/")
            entry = self.files.get(at)
            if entry is not None and entry.kind == "symlink":
                at = "" if entry.target.startswith("/") else beside
                waiting += entry.target.split("/")[::-1]
        return None


def stack(layers: Sequence[Layer]) -> Contents:
    """The layers as one tree, the first at the bottom."""
    files: dict[str, tuple[int, Entry]] = {}
    wasted: list[Waste] = []
    for number, layer in enumerate(layers, 1):
        for path in _hidden(files, layer):
            written, entry = files.pop(path)
            wasted.append(Waste(path, entry.size, written, number, "deleted"))
        for entry in layer.entries:
            if entry.kind in {"deleted", "opaque"}:
                continue
            written, before = files.get(entry.path, (number, entry))
            if written != number:
                wasted.append(Waste(entry.path, before.size, written, number, "written again"))
            files[entry.path] = (number, entry)
    costly = sorted((one for one in wasted if one.size), key=lambda one: (-one.size, one.path))
    seen = {path: entry for path, (_, entry) in sorted(files.items())}
    return Contents(MappingProxyType(seen), tuple(costly))


def _hidden(files: dict[str, tuple[int, Entry]], layer: Layer) -> list[str]:
    """The paths of lower layers that this layer deletes: by a mark, or a file for a directory."""
    gone = {entry.path for entry in layer.entries if entry.kind == "deleted"}
    emptied = {entry.path for entry in layer.entries if entry.kind == "opaque"}
    for entry in layer.entries:
        _, before = files.get(entry.path, (0, entry))
        if before.kind == "directory" and entry.kind not in {"directory", "opaque"}:
            gone.add(entry.path)
    if not gone and not emptied:
        return []
    doomed = gone | emptied
    return [path for path in files if path in gone or any(one in doomed for one in ancestors(path))]


def ancestors(path: str) -> Iterator[str]:
    """The directories that a path lies in, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
    if path:
        yield ""
