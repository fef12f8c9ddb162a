"""Pickles, as `pickle.dump` and `joblib.dump` write them (`.pkl`, `.joblib`)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pilotboat.errors import ArtifactError, PilotboatError
from pilotboat.formats.allowlist import allowlist
from pilotboat.formats.code import import_code
from pilotboat.formats.gate import admit, code_needs_trust, failed_skew, installed
from pilotboat.formats.names import importable
from pilotboat.formats.sniffed import Sniffed
from pilotboat.formats.streams import Stream, compression, damaged, fingerprint, open_artifact
from pilotboat.formats.stubs import PARTIAL, Notes, scan
from pilotboat.imports import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

BINARY = b"\x80"
"""Protocols 2 to 5 begin with this byte and their number; 0 and 1 with any instruction."""
FIRST = frozenset(b"(cIFNSVLKMJGUTX])}\x88\x89\x8a\x8bPi")
"""The instructions that a pickle of protocol 0 or 1 can begin with."""
OLD_JOBLIB = b"ZF"


def claims(head: bytes) -> bool:
    """Whether a file that begins with `head` may be a pickle."""
    return bool(
        (head[:1] == BINARY and len(head) > 1 and head[1] <= 5)  # noqa: PLR2004 - newest protocol
        or compression(head)
        or head.startswith(OLD_JOBLIB)
        or (head and head[0] in FIRST)
    )


def sniff(path: Path | str) -> Sniffed:
    """What the pickle at `path` names and was written with; nothing of it is run or imported.

    Raises `ArtifactError`: `artifact-missing`, `artifact-unreadable`, `artifact-limits`,
    `unsupported-compression`.
    """
    with open_artifact(Path(path)) as file:
        return _sniff(file)


def load(
    path: Path | str,
    *,
    trust: bool = False,
    code: Iterable[Path | str] = (),
    allow_version_skew: bool = False,
) -> object:
    """The object in the pickle at `path`.

    Raises `UntrustedError` for a name outside the allow-list (without `trust`), for `code` without
    `trust`; `VersionMismatchError`; `ArtifactError` with the codes of `sniff`, `missing-code`,
    `missing-package`, and those of `import_code`.
    """
    files = list(code)
    if files and not trust:
        raise code_needs_trust()
    with open_artifact(Path(path)) as file:
        sniffed = _sniff(file)
        modules = import_code(files)
        admit(sniffed, trust=trust, code=modules, allow_version_skew=allow_version_skew)
        # the same open file: what was looked at is what is loaded
        stream = Stream(file, sniffed.size, sniffed.compression)
        try:
            with warnings.catch_warnings():
                _expect_versions(sniffed)
                unpickle = resolve("pilotboat.formats.guard:unpickle")
                return unpickle(stream, trust=trust, code=modules)
        except (PilotboatError, MemoryError):
            raise
        except Exception as error:
            raise _failed(sniffed, error) from error


def _sniff(file: BinaryIO) -> Sniffed:
    size, sha256 = fingerprint(file)
    head = file.read(8)
    if head.startswith(OLD_JOBLIB):
        raise ArtifactError(
            "The file was written by a joblib before 0.10.", hint="Load and dump it with a new one."
        )
    compressed = compression(head)
    try:
        notes = scan(Stream(file, size, compressed))
    except PilotboatError:
        raise
    except Exception as error:
        if head[:1] == BINARY or compressed:
            raise damaged() from error
        raise unknown() from error
    return Sniffed(
        format="joblib" if notes.arrays or compressed else "pickle",
        size=size,
        sha256=sha256,
        root=notes.root,
        globals=tuple(sorted(notes.names)),
        untrusted=_untrusted(notes),
        missing=tuple(sorted(filter(_is_missing, notes.names))),
        sklearn=tuple(sorted(notes.versions)),
        numpy=_numpy(notes.names),
        compression=compressed,
    )


def unknown() -> ArtifactError:
    """The error for a file of no format that is known."""
    return ArtifactError(
        "The file is no model that Pilotboat can read.",
        hint="Write it with joblib.dump, pickle.dump, skops.io.dump, or as ONNX.",
    )


def _untrusted(notes: Notes) -> tuple[str, ...]:
    """The names outside the list, and those inside that are used in a way it does not know."""
    known = allowlist()
    outside = {name for name in notes.names if name not in known} | notes.odd
    misused = {name for name in notes.called if name in known and name not in known.called}
    if any(name not in known.named for name in notes.wrapped):
        misused.add(PARTIAL)
    return tuple(sorted(outside | {f"{name}()" for name in misused}))


def _is_missing(name: str) -> bool:
    module, _, _ = name.rpartition("." if ":" not in name else ":")
    return not importable(module)


def _numpy(names: Iterable[str]) -> int | None:
    modules = {".".join(name.split(".")[:2]) for name in names}
    if "numpy._core" in modules:
        return 2
    return 1 if "numpy.core" in modules else None


def _expect_versions(sniffed: Sniffed) -> None:
    """Warnings about versions: those that `sniff` saw have been judged; others are errors."""
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", FutureWarning)
    if installed("scikit-learn") is None:
        return
    category: Any = resolve("sklearn.exceptions:InconsistentVersionWarning")
    same = set(sniffed.sklearn) <= {installed("scikit-learn")}
    warnings.simplefilter("error" if same else "ignore", category)


def _failed(sniffed: Sniffed, error: Exception) -> ArtifactError:
    """What to say where unpickling itself fails: in words of ours, without paths."""
    skewed = failed_skew(sniffed)
    if skewed is not None:
        return skewed
    if isinstance(error, ImportError | AttributeError):
        return ArtifactError(
            "The file needs a class or function that the installed packages do not have.",
            code="missing-code",
            hint="Install the versions it was written with, or train again.",
        )
    return ArtifactError(
        "The file looks like a model, but it cannot be restored with the installed packages.",
        hint="Install the versions it was written with, or train again.",
    )
