"""The stream of `docker save` → layers: names, sizes and modes. Each layer is read once.

Both layouts are read: `manifest.json` with `<id>/layer.tar` (Docker before 25, Podman) and with
`blobs/sha256/…` (since), and an OCI layout that has only `index.json`. Which blob is a layer
stands at the end of the stream, so a blob is told by its first bytes.
"""

from __future__ import annotations

import io
import json
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from pilotboat.errors import DataError
from pilotboat.image import credentials

SMALL = 64 * 1024
"""Files up to this size are searched for credentials."""

MAX_JSON = 8 * 1024 * 1024
CHUNK = 1024 * 1024
TAR_MAGIC = (257, b"ustar")
ZSTANDARD = b"\x28\xb5\x2f\xfd"
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", ZSTANDARD)
PASSWD = "etc/passwd"  # noqa: S105 - a path
BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError)

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.GNUTYPE_SPARSE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "link",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a layer.

    kind: file, directory, symlink, link (a second name of a file), device, and two marks of what
    lower layers lose: deleted (this name), opaque (all that was in this directory).
    target: of a link or a symlink, as it is written there.
    found: the kind of credential that its content holds, or "".
    """

    path: str
    kind: str = "file"
    size: int = 0
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    target: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one step of a build left behind. made_by: that step, without the values of secrets."""

    entries: tuple[Entry, ...]
    made_by: str = ""
    passwd: str = ""

    @property
    def size(self) -> int:
        """The bytes in files."""
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Saved:
    """An image as it was saved, lowest layer first. history: every step, secrets and all."""

    layers: tuple[Layer, ...]
    history: tuple[str, ...]


def read(stream: IO[bytes]) -> Saved:
    """The image in a stream of `docker save`."""
    layers: dict[str, Layer] = {}
    documents: dict[str, Any] = {}
    links: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK) as archive:
            for member in _members(archive):
                name = posixpath.normpath(member.name)
                if member.issym() or member.islnk():
                    start = posixpath.dirname(name) if member.issym() else ""
                    links[name] = posixpath.normpath(posixpath.join(start, member.linkname))
                elif isinstance(file := archive.extractfile(member), io.BufferedReader):
                    _sort(name, member.size, file, layers, documents)
    except BROKEN as error:
        raise DataError(f"The saved image cannot be read: {error}.", code="image-broken") from error
    for name, target in links.items():
        if target in layers:
            layers[name] = layers[target]
    return _assemble(layers, documents)


def _sort(
    name: str,
    size: int,
    file: io.BufferedReader,
    layers: dict[str, Layer],
    documents: dict[str, Any],
) -> None:
    """Read one blob, if it is a layer or a document; otherwise leave it."""
    head = file.peek(512)[:512]
    at, magic = TAR_MAGIC
    if head.startswith(ZSTANDARD) and "zst" not in tarfile.TarFile.OPEN_METH:
        raise DataError(
            "A layer is compressed with Zstandard, which this Python cannot read.",
            hint="Run this with Python 3.14 or newer.",
            code="image-compression",
        )
    if head[at : at + len(magic)] == magic or head.startswith(COMPRESSED):
        layers[name] = read_layer(file)
    elif head.lstrip()[:1] in {b"{", b"["} and size <= MAX_JSON:
        try:
            documents[name] = json.loads(file.read())
        except ValueError:
            return
    elif head and not head.strip(b"\0"):
        layers[name] = Layer(())


def read_layer(file: IO[bytes]) -> Layer:
    """One layer's tar, compressed or not."""
    entries: list[Entry] = []
    passwd = ""
    with tarfile.open(fileobj=file, mode="r|*", bufsize=CHUNK) as layer:
        for member in _members(layer):
            content = b""
            if member.isreg() and 0 < member.size <= SMALL:
                extracted = layer.extractfile(member)
                content = extracted.read() if extracted else b""
            entry = _entry(member, content)
            if entry.path == PASSWD:
                passwd = content.decode(errors="replace")
            if entry.path != ".":
                entries.append(entry)
    return Layer(tuple(entries), passwd=passwd)


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Each member once. The archive's own list of them is kept empty: images have many files."""
    kept: list[tarfile.TarInfo] = vars(archive)["members"]
    while (member := archive.next()) is not None:
        kept.clear()
        yield member


def _entry(member: tarfile.TarInfo, content: bytes) -> Entry:
    path = posixpath.normpath(member.name).lstrip("/") or "."
    folder, _, name = path.rpartition("/")
    if name == _OPAQUE:
        return Entry(folder, "opaque")
    if name.startswith(_WHITEOUT):
        return Entry(posixpath.join(folder, name.removeprefix(_WHITEOUT)), "deleted")
    kind = _KINDS.get(member.type, "device")
    size = member.size if kind == "file" else 0
    found = credentials.in_file(path, content)
    mode, target = member.mode, member.linkname
    return Entry(path, kind, size, mode, member.uid, member.gid, target, found)


def _assemble(layers: Mapping[str, Layer], documents: Mapping[str, Any]) -> Saved:
    try:
        config_name, names = _from_manifest(documents) or _from_index(documents)
        chosen = [layers[posixpath.normpath(name)] for name in names]
        config = documents[posixpath.normpath(config_name)]
    except (KeyError, IndexError, TypeError) as error:
        raise DataError("The saved image lacks a part.", code="image-broken") from error
    steps: Sequence[Mapping[str, Any]] = config.get("history") or ()
    made = [str(one.get("created_by") or "") for one in steps if not one.get("empty_layer")]
    if len(made) != len(chosen):
        made = [""] * len(chosen)
    return Saved(
        tuple(
            Layer(layer.entries, tidy(line), layer.passwd)
            for layer, line in zip(chosen, made, strict=True)
        ),
        tuple(str(one.get("created_by") or "") for one in steps),
    )


def _from_manifest(documents: Mapping[str, Any]) -> tuple[str, Sequence[str]] | None:
    if "manifest.json" not in documents:
        return None
    manifest = documents["manifest.json"][0]
    return manifest["Config"], manifest["Layers"] or ()


def _from_index(documents: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    """An OCI layout: the first image of the index, which may hold another index."""
    found = documents["index.json"]
    while "manifests" in found:
        images = (
            one
            for one in found["manifests"]
            if (one.get("platform") or {}).get("os") != "unknown" and _blob(one) in documents
        )
        found = documents[_blob(next(images, {"digest": ""}))]
    return _blob(found["config"]), [_blob(layer) for layer in found["layers"]]


def _blob(descriptor: Mapping[str, Any]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def tidy(created_by: str) -> str:
    """A line of an image's history, as its author wrote it and without the values of secrets."""
    line = " ".join(created_by.split()).removesuffix("# buildkit").strip()
    shell = "/bin/sh -c "
    if line.startswith("RUN |"):
        line = "RUN " + line.partition(shell)[2] if shell in line else line
    elif line.startswith(f"{shell}#(nop) "):
        line = line.removeprefix(f"{shell}#(nop) ").strip()
    elif line.startswith(shell):
        line = "RUN " + line.removeprefix(shell)
    return credentials.redacted(line.replace(f"RUN {shell}", "RUN "))
