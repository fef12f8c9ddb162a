"""How large, how deep and how expandable a file may be.

The process that reads an artifact has a limit of memory and time of its own; these come first and
say what is wrong.
"""

from __future__ import annotations

from pilotboat.errors import ArtifactError

MIB = 2**20
MAX_BYTES = 8 * 1024 * MIB
"""The most that a compressed file may unfold to."""
FREE_BYTES = 256 * MIB
"""What any compressed file may unfold to, however small it is."""
EXPANSION = 50
"""Beyond `FREE_BYTES`, how many times its size a file may unfold to."""
MAX_OPCODES = 50_000_000
"""Pickle instructions; a vocabulary of a million words takes about ten million."""
MAX_NESTING = 64
"""Documents within documents: JSON levels, ONNX subgraphs, pickles of object arrays."""
MAX_ENTRIES = 10_000
"""Files in a zip archive."""
MAX_SCHEMA = 16 * MIB
"""The size of `schema.json` in a skops file."""


def ceiling(size: int) -> int:
    """How many bytes a compressed file of `size` bytes may unfold to."""
    return min(MAX_BYTES, max(FREE_BYTES, EXPANSION * size))


def exceeded(what: str, limit: int, actual: int | None = None) -> ArtifactError:
    """The error for a file with more of `what` than `limit`."""
    found = "more" if actual is None else f"{actual:,}"
    return ArtifactError(
        f"The file is over a limit: {limit:,} {what} are read, and it has {found}.",
        code="artifact-limits",
        hint="A file that training wrote stays far below; write it again.",
        limit=limit,
        actual=actual,
    )
