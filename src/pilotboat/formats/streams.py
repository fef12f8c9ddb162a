"""An artifact's bytes: decompressed, and never more of them than a limit."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import stat
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from pilotboat.errors import ArtifactError
from pilotboat.formats.limits import MIB, ceiling, exceeded
from pilotboat.imports import resolve

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = MIB

MAGIC = (
    ("gzip", b"\x1f\x8b"),
    ("bz2", b"BZh"),
    ("xz", b"\xfd7zXZ"),
    ("lzma", b"\x5d\x00\x00"),
    ("lz4", b"\x04\x22\x4d\x18"),
)
BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, RuntimeError)
"""What the decompressors raise on damaged input; lz4 raises RuntimeError."""


def compression(head: bytes) -> str | None:
    """The compression that a file beginning with `head` uses; None: none that is known."""
    for name, magic in MAGIC:
        if head.startswith(magic):
            return name
    # zlib has no magic bytes, only a check: text may begin with an x as well
    if head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0:
        return "zlib"
    return None


def fingerprint(file: BinaryIO) -> tuple[int, str]:
    """Size and SHA-256 of an open file, which is left at its beginning."""
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    file.seek(0)
    return size, digest.hexdigest()


def open_artifact(path: Path) -> BinaryIO:
    """The file at `path`, open for reading.

    Raises `ArtifactError`: `artifact-missing`, or `artifact-unreadable` for a directory, a device,
    an empty file or one without permission.
    """
    name = path.name or "The path"
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not hang
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except FileNotFoundError:
        raise ArtifactError(
            f"There is no file '{name}'.", code="artifact-missing", hint="Check the path."
        ) from None
    except (OSError, ValueError):
        raise ArtifactError(
            f"'{name}' cannot be opened for reading.", hint="Check its permissions."
        ) from None
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_size:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise ArtifactError(f"'{name}' is {kind}.", hint="Name the model file itself.")
    raise ArtifactError(f"'{name}' is empty.", hint="Write the model again.")


_BINARY = getattr(os, "O_BINARY", 0)


class Decompressed(Protocol):
    """What the decompressors of the standard library have in common."""

    def read(self, size: int = -1, /) -> bytes: ...
    def readline(self, size: int = -1, /) -> bytes: ...


class Stream:
    """A file as an unpickler reads it, where a claimed length is checked before it is believed.

    `remaining` is the most that can still come: exact for a plain file, a ceiling for a compressed
    one. Reading more raises `ArtifactError` (`artifact-unreadable`, `artifact-limits`).
    """

    def __init__(self, file: BinaryIO, size: int, compressed: str | None = None) -> None:
        file.seek(0)
        self._compressed = compressed
        self._file: Decompressed = file if compressed is None else _decompressor(compressed, file)
        self._limit = size if compressed is None else ceiling(size)
        self.remaining = self._limit

    def expect(self, size: int) -> None:
        """Raises where `size` more bytes cannot come."""
        if size < 0 or size > self.remaining:
            raise self._over()

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = self.remaining
        self.expect(size)
        if size <= CHUNK:
            return self._take(size)
        return b"".join(self._chunks(size))

    def skip(self, size: int) -> None:
        """Goes on by `size` bytes without holding them."""
        self.expect(size)
        for _ in self._chunks(size):
            pass

    def readline(self) -> bytes:
        try:
            line = self._file.readline(self.remaining + 1)
        except BROKEN as error:
            raise damaged() from error
        if len(line) > self.remaining:
            raise self._over()
        self.remaining -= len(line)
        return line

    def _chunks(self, size: int) -> Any:
        while size:
            chunk = self._take(min(size, CHUNK))
            if not chunk:
                raise damaged()
            size -= len(chunk)
            yield chunk

    def _take(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end of the file."""
        try:
            data = self._file.read(size)
        except BROKEN as error:
            raise damaged() from error
        self.remaining -= len(data)
        return data

    def _over(self) -> ArtifactError:
        if self._compressed is None:
            return damaged()
        return exceeded("bytes of unpacked content", self._limit)


def damaged() -> ArtifactError:
    """The error for bytes that end early or make no sense."""
    return ArtifactError(
        "The file is cut short or damaged.", hint="Copy it again, or write the model again."
    )


def _decompressor(name: str, file: BinaryIO) -> Decompressed:
    if name == "gzip":
        return gzip.GzipFile(fileobj=file)
    if name == "bz2":
        return bz2.BZ2File(file)
    if name in {"xz", "lzma"}:
        return lzma.LZMAFile(file)
    if name == "zlib":
        return io.BufferedReader(_Zlib(file), CHUNK)
    try:
        opened: Decompressed = resolve("lz4.frame:LZ4FrameFile")(file)
    except ModuleNotFoundError:
        raise ArtifactError(
            "The file is compressed with lz4, which is not supported here.",
            code="unsupported-compression",
            hint="Run: pip install lz4, or dump it with another compression.",
        ) from None
    return opened


class _Zlib(io.RawIOBase):
    """A zlib stream as a file: the one compression the standard library has no file for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflate = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data and not self._inflate.eof:
            more = self._inflate.unconsumed_tail or self._file.read(CHUNK)
            if not more:
                raise EOFError
            data = self._inflate.decompress(more, len(buffer))
        buffer[: len(data)] = data
        return len(data)
