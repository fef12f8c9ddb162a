"""A bundle on disk: written so that nothing half-written is ever visible, opened only when whole.

Every file's digest is checked before any parser sees its bytes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotboat.bundle import manifest as manifests
from pilotboat.bundle.manifest import MANIFEST, SCHEMA, VERSION, Digest, Manifest
from pilotboat.errors import BundleError, EnvironmentFault
from pilotboat.schema import Schema

MAX_JSON = 64 * 2**20
CHUNK = 2**20

FOLDERS = ("arrays", "code")
"""What a bundle may hold beside files."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened and verified bundle directory. digest: the SHA-256 of its manifest, hence of all."""

    path: Path
    manifest: Manifest
    schema: Schema
    digest: str

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def engine(self) -> str:
        return self.manifest.engine


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """The bundle in directory `path`, every file's digest verified.

    Raises `BundleError`: missing, damaged, altered, or with a file that its manifest does not list.
    """
    directory = Path(path)
    raw = _manifest_bytes(directory)
    try:
        manifest = manifests.from_json(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise BundleError("bundle.json is not JSON.", code="manifest-invalid") from error
    _verify(directory, manifest)
    try:
        schema = Schema.from_json(json.loads((directory / SCHEMA).read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError("schema.json cannot be read.", code="schema-invalid") from error
    return Bundle(directory, manifest, schema, hashlib.sha256(raw).hexdigest())


def told(directory: Path) -> tuple[str, str]:
    """The name and version that a bundle gives itself, unverified; else those of its directory."""
    try:
        manifest = manifests.from_json(json.loads(_manifest_bytes(directory)))
    except (BundleError, ValueError, RecursionError):
        place = directory.resolve()
        return place.parent.name, place.name
    return manifest.name, manifest.version


def _manifest_bytes(directory: Path) -> bytes:
    try:
        with (directory / MANIFEST).open("rb") as file:
            raw = file.read(MAX_JSON + 1)
    except FileNotFoundError as error:
        raise BundleError(
            f"There is no bundle in '{directory.name}': {MANIFEST} is missing.",
            code="artifact-missing",
            hint="A bundle is a directory NAME/VERSION/ that 'pilotboat pack' wrote.",
        ) from error
    except OSError as error:
        raise BundleError(
            f"'{directory.name}' cannot be read: {error.strerror}.",
            code="artifact-missing",
            hint="Check the path and its permissions.",
        ) from error
    if len(raw) > MAX_JSON:
        raise BundleError("bundle.json is too large to be one.", code="manifest-invalid")
    return raw


def _verify(directory: Path, manifest: Manifest) -> None:
    present = set(_files(directory))
    for name in sorted(present - {MANIFEST, *manifest.files}):
        raise BundleError(
            f"The bundle holds '{name}', which its manifest does not list.",
            code="artifact-unexpected-file",
            hint="Pack the model again, or remove the file.",
        )
    if SCHEMA not in manifest.files:
        raise BundleError("The manifest lists no schema.json.", code="manifest-invalid")
    for name, expected in manifest.files.items():
        if name not in present:
            raise BundleError(f"The bundle lacks '{name}'.", code="artifact-missing")
        if (actual := digest_of(directory / name)) != expected:
            raise BundleError(
                f"'{name}' is not the file that was packed: expected SHA-256 "
                f"{expected.sha256[:12]}…, found {actual.sha256[:12]}….",
                code="artifact-hash-mismatch",
                hint="Copy the bundle again, or pack the model again.",
            )


def _files(directory: Path, prefix: str = "") -> Iterator[str]:
    """The names of the regular files; anything that is neither that nor in `FOLDERS` is refused."""
    with os.scandir(directory) as found:
        entries = list(found)
    for entry in entries:
        name = prefix + entry.name
        if name in FOLDERS and entry.is_dir(follow_symlinks=False):
            yield from _files(directory / entry.name, f"{name}/")
        elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            yield name
        else:
            raise BundleError(
                f"'{name}' in the bundle is not a regular file.", code="artifact-unexpected-file"
            )


def digest_of(path: Path) -> Digest:
    """The SHA-256 and size of a file, read in pieces."""
    sha, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                sha.update(piece)
                size += len(piece)
    except OSError as error:
        raise BundleError(
            f"'{path.name}' cannot be read: {error.strerror}.", code="artifact-missing"
        ) from error
    return Digest(sha.hexdigest(), size)


@contextmanager
def draft(repository: Path, name: str) -> Iterator[Path]:
    """A directory to write a bundle into, beside where it will be published; gone afterwards."""
    home = repository / name
    try:
        home.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix=".draft-", dir=home))
    except OSError as error:
        raise EnvironmentFault(
            f"The bundle cannot be written to '{home}': {error.strerror}.",
            code="repository-unwritable",
            hint="Choose another directory with --repository.",
        ) from error
    try:
        path.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # another packer's draft, or a version, is in there
            home.rmdir()


def write_manifest(path: Path, manifest: Manifest) -> str:
    """Write `bundle.json` and return its digest."""
    raw = json.dumps(manifest.to_json(), indent=2, ensure_ascii=False, sort_keys=True).encode()
    (path / MANIFEST).write_bytes(raw + b"\n")
    return hashlib.sha256(raw + b"\n").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write one JSON file of a bundle."""
    path.write_text(
        json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


def digests(path: Path) -> dict[str, Digest]:
    """Every file in `path`, with its digest."""
    return {name: digest_of(path / name) for name in sorted(_files(path)) if name != MANIFEST}


def versions(home: Path) -> list[int]:
    """The versions of the model in directory `home`, ascending."""
    try:
        names = [entry.name for entry in home.iterdir() if VERSION.fullmatch(entry.name)]
    except OSError:
        return []
    return sorted(map(int, names))


def publish(path: Path, home: Path, version: str) -> Path | None:
    """Make the finished draft `path` visible as `home/version`; None where that name is taken.

    The files are on disk before the name is, and the rename is atomic.
    """
    for name in [*_files(path), *(one for one in FOLDERS if (path / one).is_dir()), "."]:
        _sync(path / name)
    target = home / version
    try:
        path.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.EACCES) and target.exists():
            return None
        raise
    _sync(home)
    return target


def _sync(path: Path) -> None:
    if os.name == "nt":  # pragma: no cover - Windows has no fsync of directories
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
