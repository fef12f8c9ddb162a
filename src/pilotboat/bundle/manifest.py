"""`bundle.json`: what a bundle is made of.

To raise `FORMAT`: do it when a reader of the present format would misread the new one. Keep a
reader for each earlier number, and put a bundle of the old format under `tests/bundles/`, where it
stays for ever; a server must go on opening it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pilotboat.errors import BundleError

FORMAT = 1
MANIFEST = "bundle.json"
SCHEMA = "schema.json"
GOLDEN = "golden.jsonl"
BASELINE = "baseline.json"
PARITY = "parity.json"

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")
VERSION = re.compile(r"[1-9][0-9]{0,17}")
FILE = re.compile(r"(code/|arrays/)?[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class Digest:
    """One file of the bundle: its SHA-256 and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `bundle.json` says.

    files: every other file of the bundle. untrusted: the types outside Pilotboat's own list that
    the model needs, and the code files that it brings; it is served only where the deployer names
    its digest. written_with: the versions of the libraries that made the model.
    """

    name: str
    version: str
    engine: str
    files: Mapping[str, Digest]
    untrusted: tuple[str, ...] = ()
    written_with: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """Plain values for `bundle.json`."""
        return asdict(self) | {"untrusted": list(self.untrusted)}


def from_json(plain: Any) -> Manifest:
    """The manifest that `plain` describes. Raises `BundleError` where it describes none."""
    if not isinstance(plain, dict) or not isinstance(plain.get("format"), int):
        raise _invalid("it has no format number")
    if plain["format"] != FORMAT:
        raise BundleError(
            f"The bundle has format {plain['format']}; this version reads format {FORMAT}.",
            code="bundle-format",
            hint="Install the version of Pilotboat that packed it, or pack the model again.",
        )
    try:
        files = {
            str(name): Digest(str(one["sha256"]), int(one["size"]))
            for name, one in plain["files"].items()
        }
        made = Manifest(
            name=str(plain["name"]),
            version=str(plain["version"]),
            engine=str(plain["engine"]),
            files=files,
            untrusted=tuple(map(str, plain["untrusted"])),
            written_with={str(k): str(v) for k, v in plain["written_with"].items()},
            provenance=dict(plain["provenance"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _invalid("a part is missing or has the wrong type") from error
    _check_names(made)
    return made


def _check_names(made: Manifest) -> None:
    if not NAME.fullmatch(made.name) or not VERSION.fullmatch(made.version):
        raise _invalid("its name or version is not allowed")
    folded: set[str] = set()
    for name in made.files:
        if not FILE.fullmatch(name) or name == MANIFEST:
            raise _invalid(f"'{name[:64]!a}' is no name for a file of a bundle")
        if name.casefold() in folded:
            raise _invalid(f"'{name}' is listed twice with different capitals")
        folded.add(name.casefold())


def _invalid(why: str) -> BundleError:
    return BundleError(
        f"bundle.json is not a manifest: {why}.",
        code="manifest-invalid",
        hint="Pack the model again.",
    )
