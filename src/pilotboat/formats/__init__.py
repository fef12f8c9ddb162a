"""A file that training left behind: what it is, and the estimator in it.

Formats are told apart by content. `sniff` reads bytes and runs nothing; `load` goes through the
same look first, on the same open file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotboat.errors import ArtifactError
from pilotboat.formats.gate import code_needs_trust
from pilotboat.formats.sniffed import Sniffed
from pilotboat.formats.streams import open_artifact
from pilotboat.imports import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FORMATS", "Sniffed", "load", "sniff"]

FORMATS = {
    "skops": "pilotboat.formats.skops",
    "onnx": "pilotboat.formats.onnx",
    "joblib": "pilotboat.formats.pickle",
    "pickle": "pilotboat.formats.pickle",
}
"""Name -> module, in the order in which they are asked. Each has claims(), sniff() and load()."""

DECLARED = {
    ".skops": "skops",
    ".onnx": "onnx",
    ".joblib": "pickle",
    ".pkl": "pickle",
    ".pickle": "pickle",
}
"""What a file name promises."""


def sniff(path: Path | str) -> Sniffed:
    """What the artifact at `path` is, from its bytes alone.

    Raises `ArtifactError`: `artifact-missing`, `artifact-unreadable` (no format that is known, cut
    short, damaged, a directory), `format-mismatch` (the name promises another format than the
    content has), `artifact-limits`, and for ONNX `external-data-refused`, `unsupported-operator`.
    """
    path = Path(path)
    module = FORMATS[_format(path)]
    sniffed: Sniffed = resolve(f"{module}:sniff")(path)
    return sniffed


def load(
    path: Path | str,
    *,
    trust: bool = False,
    code: Iterable[Path | str] = (),
    allow_version_skew: bool = False,
) -> Any:
    """The estimator in the artifact at `path`, or the bytes of an ONNX model.

    trust: whether it may run code beyond our own list. code: Python files that define its classes;
    they need `trust` too. allow_version_skew: whether to try a file of another scikit-learn.
    Raises what `sniff` raises; `UntrustedError`; `VersionMismatchError`; `ArtifactError` with
    `missing-code`, `missing-package`, `bad-code`, `code-conflict`.
    """
    path, files = Path(path), list(code)
    if files and not trust:
        raise code_needs_trust()
    module = FORMATS[_format(path)]
    return resolve(f"{module}:load")(
        path, trust=trust, code=files, allow_version_skew=allow_version_skew
    )


def _format(path: Path) -> str:
    """The format of the content. Raises `ArtifactError` where the name promises another one."""
    with open_artifact(path) as file:
        head = file.read(64)
    declared = DECLARED.get(path.suffix.lower())
    found = next((name for name in FORMATS if resolve(f"{FORMATS[name]}:claims")(head)), None)
    if found is None:
        raise ArtifactError(
            f"'{path.name}' is no model that Pilotboat can read.",
            hint="Write it with joblib.dump, pickle.dump, skops.io.dump, or as ONNX.",
        )
    kind = "pickle" if found == "joblib" else found
    if declared is not None and declared != kind:
        resolve(f"{FORMATS[found]}:sniff")(path)  # the first bytes alone prove little
        raise ArtifactError(
            f"'{path.name}' is called {declared}, but its content is {kind}.",
            code="format-mismatch",
            hint="Give it the suffix of its content, if you know where it comes from.",
            declared=declared,
            detected=kind,
        )
    return found
