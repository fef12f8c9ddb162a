"""What a look at an artifact's bytes tells, before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sniffed:
    """An artifact, described without executing it.

    format: "pickle", "joblib", "skops" or "onnx".
    root: the class of the outermost object ("sklearn.pipeline.Pipeline"); None: none of its own.
    globals: every "module.name" that the file names, sorted.
    untrusted: those outside the allow-list; "module.name()" where only the way of use is outside.
    missing: those that live in `__main__` or in a module that cannot be imported here.
    sklearn: the scikit-learn versions it was written with.
    numpy: the major version of the NumPy it was written with, where it tells.
    size, sha256: of the file as it lies on disk.
    compression: "zlib", "gzip", "bz2", "lzma", "xz", "lz4" or None.
    producer, ir, opsets: an ONNX model's producer, IR version and (domain, version) pairs.
    """

    format: str
    size: int
    sha256: str
    root: str | None = None
    globals: tuple[str, ...] = ()
    untrusted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sklearn: tuple[str, ...] = ()
    numpy: int | None = None
    compression: str | None = None
    producer: str | None = None
    ir: int | None = None
    opsets: tuple[tuple[str, int], ...] = ()
