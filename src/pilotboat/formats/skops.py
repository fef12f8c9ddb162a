"""skops files: a zip archive of arrays and a `schema.json` that names types (`.skops`)."""

from __future__ import annotations

import json
import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from pilotboat.errors import ArtifactError, PilotboatError
from pilotboat.formats.allowlist import allowlist
from pilotboat.formats.code import as_main, import_code
from pilotboat.formats.gate import admit, code_needs_trust, failed_skew
from pilotboat.formats.gate import untrusted as refusal
from pilotboat.formats.limits import MAX_ENTRIES, MAX_NESTING, MAX_SCHEMA, ceiling, exceeded
from pilotboat.formats.names import importable
from pilotboat.formats.sniffed import Sniffed
from pilotboat.formats.streams import BROKEN, damaged, fingerprint, open_artifact
from pilotboat.imports import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCHEMA = "schema.json"
PARTIAL = "functools.partial"

CONSTRUCTED = ("made", "called")
ANY = ("made", "called", "named")
SECTIONS: dict[str, tuple[str, ...]] = {
    "ObjectNode": CONSTRUCTED,
    "DictNode": ANY,
    "DefaultDictNode": CONSTRUCTED,
    "ListNode": ANY,
    "SetNode": ANY,
    "TupleNode": ANY,
    "BytesNode": CONSTRUCTED,
    "BytearrayNode": CONSTRUCTED,
    "SliceNode": CONSTRUCTED,
    "JsonNode": ANY,
    "FunctionNode": ANY,
    "TypeNode": ANY,
    "NdArrayNode": ANY,
    "MaskedArrayNode": CONSTRUCTED,
    "RandomStateNode": CONSTRUCTED,
    "RandomGeneratorNode": CONSTRUCTED,
    "DTypeNode": CONSTRUCTED,
    "SparseMatrixNode": CONSTRUCTED,
    "TreeNode": ("called",),
    "LossNode": ("called", "named"),
    "ConstructorFromReduceNode": ("called",),
    "PartialNode": ("called",),
}
"""How skops will use a name -> the sections of the allow-list that permit this use."""

Node = dict[str, Any]


def claims(head: bytes) -> bool:
    """Whether a file that begins with `head` may be a skops file: a zip archive."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def sniff(path: Path | str) -> Sniffed:
    """What the skops file at `path` names, from its schema alone.

    Raises `ArtifactError`: `artifact-missing`, `artifact-unreadable`, `artifact-limits`.
    """
    with open_artifact(Path(path)) as file:
        return _sniff(file)[0]


def untrusted(path: Path | str) -> tuple[str, ...]:
    """The names that `load` would refuse without `trust`."""
    return sniff(path).untrusted


def load(
    path: Path | str,
    *,
    trust: bool = False,
    code: Iterable[Path | str] = (),
    allow_version_skew: bool = False,
) -> object:
    """The object in the skops file at `path`.

    Raises what `sniff` raises, `UntrustedError`, `VersionMismatchError`, and `ArtifactError` with
    `missing-code`, `missing-package` and the codes of `import_code`.
    """
    files = list(code)
    if files and not trust:
        raise code_needs_trust()
    with open_artifact(Path(path)) as file:
        sniffed, nodes = _sniff(file)
        modules = import_code(files)
        admit(sniffed, trust=trust, code=modules, allow_version_skew=allow_version_skew)
        # all that is named, once every single use has been found harmless or is vouched for
        trusted = sorted(_trusted(nodes) if trust else set(sniffed.globals))
        file.seek(0)
        try:
            with _quiet(), as_main(modules, sniffed.globals):
                return resolve("skops.io:load")(file, trusted=trusted)
        except PilotboatError:
            raise
        except Exception as error:
            raise _failed(sniffed, error) from error


def dump(estimator: Any, path: Path | str) -> None:
    """Writes `estimator` to `path`.

    Raises `ArtifactError` with `not-skops` for an object that skops cannot write.
    """
    try:
        with _quiet():
            resolve("skops.io:dump")(estimator, Path(path))
    except PilotboatError:
        raise
    except OSError:
        raise
    except Exception as error:
        raise ArtifactError(
            f"skops cannot write this {type(estimator).__name__}.",
            code="not-skops",
            hint="Keep it as a pickle, or leave out what skops does not know.",
        ) from error


def _sniff(file: BinaryIO) -> tuple[Sniffed, list[Node]]:
    size, sha256 = fingerprint(file)
    schema = _schema(file, size)
    nodes = list(_nodes(schema))
    names = {name for node in nodes if (name := _name(node))}
    versions = _versions(nodes)
    known = allowlist()
    missing = {
        name for node in nodes if (name := _name(node)) and not importable(node["__module__"])
    }
    bad = {_describe(node) for node in nodes if not _harmless(node, known)}
    found = Sniffed(
        format="skops",
        size=size,
        sha256=sha256,
        root=_name(schema),
        globals=tuple(sorted(names)),
        untrusted=tuple(sorted(bad)),
        missing=tuple(sorted(missing)),
        sklearn=tuple(sorted(versions)),
    )
    return found, nodes


def _schema(file: BinaryIO, size: int) -> Node:
    """The parsed `schema.json`, after the archive has been found to be of a sane shape."""
    try:
        with zipfile.ZipFile(file) as archive:
            _check_entries(archive.infolist(), size)
            if SCHEMA not in archive.namelist():
                raise ArtifactError(
                    "The file is a zip archive, but not one that skops wrote.",
                    hint="Write the model with skops.io.dump.",
                )
            schema = json.loads(archive.read(SCHEMA))
    except RecursionError:
        raise exceeded("levels of nesting", MAX_NESTING) from None
    except (*BROKEN, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise damaged() from error
    if not isinstance(schema, dict):
        raise damaged()
    return schema


def _check_entries(entries: list[zipfile.ZipInfo], size: int) -> None:
    if len(entries) > MAX_ENTRIES:
        raise exceeded("files in an archive", MAX_ENTRIES, len(entries))
    for entry in entries:
        parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
        if not parts or ".." in parts or parts[0] == "/" or ":" in parts[0]:
            raise ArtifactError(
                "The archive holds a file that would lie outside of it.",
                code="artifact-limits",
                hint="Write the model again with skops.io.dump.",
            )
        if entry.filename == SCHEMA and entry.file_size > MAX_SCHEMA:
            raise exceeded("bytes of schema.json", MAX_SCHEMA, entry.file_size)
    total = sum(entry.file_size for entry in entries)
    if total > ceiling(size):
        raise exceeded("bytes of unpacked content", ceiling(size), total)


def _nodes(schema: Node) -> Iterator[Node]:
    """Every object of the JSON document that names a type. Raises beyond a depth."""
    waiting: list[tuple[Any, int]] = [(schema, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_NESTING:
            raise exceeded("levels of nesting", MAX_NESTING)
        if isinstance(value, dict):
            if "__class__" in value or "__loader__" in value or "__module__" in value:
                yield value
            waiting += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]


def _name(node: Node) -> str | None:
    """The "module.Class" of a node; None for the references to objects that came before."""
    module, name = node.get("__module__"), node.get("__class__")
    return f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else None


def _harmless(node: Node, known: Any) -> bool:
    """Whether the list permits what this node does with the name in it."""
    name, loader = _name(node), node.get("__loader__")
    if loader == "CachedNode":
        return True
    if name is None or not isinstance(loader, str) or "." in str(node["__class__"]):
        return False
    if name == "numpy.memmap" or (name == PARTIAL) != (loader == "PartialNode"):
        return False
    if loader == "PartialNode" and not _wraps_named(node, known):
        return False
    return any(name in getattr(known, section) for section in SECTIONS.get(loader, ()))


def _wraps_named(node: Node, known: Any) -> bool:
    """Whether a stored functools.partial wraps a function of the list."""
    content = node.get("content")
    function = content.get("func") if isinstance(content, dict) else None
    return (
        isinstance(function, dict)
        and function.get("__loader__") in {"FunctionNode", "TypeNode"}
        and _name(function) in known.named
    )


def _describe(node: Node) -> str:
    """A node that is refused, by its name, or by name and use where only the use is at fault."""
    name, loader, content = _name(node), node.get("__loader__"), node.get("content")
    if loader == "MethodNode" and isinstance(content, dict):
        return f"{name}.{content.get('func')}"
    if name is None:
        return "(nameless type)"
    return f"{name}()" if name in allowlist() else name


def _versions(nodes: list[Node]) -> set[str]:
    """Every `_sklearn_version` in the stored states."""
    found = set()
    for node in nodes:
        content = node.get("content")
        stored = content.get("_sklearn_version") if isinstance(content, dict) else None
        if isinstance(stored, dict) and isinstance(stored.get("content"), str):
            found.add(stored["content"].strip('"')[:40])
    return found


def _trusted(nodes: list[Node]) -> set[str]:
    """What skops must be told to trust where the user trusts everything."""
    return {name for node in nodes for name in (_name(node), _describe(node)) if name}


@contextmanager
def _quiet() -> Iterator[None]:
    """Versions have been judged by then; skops and NumPy warn of renamed modules."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _failed(sniffed: Sniffed, error: Exception) -> ArtifactError:
    """What to say where skops itself fails."""
    unsafe = getattr(error, "unsafe", None)
    if type(error).__name__ == "UntrustedTypesFoundException":
        return refusal(sorted(unsafe) if unsafe else ["a type that skops does not trust"])
    return failed_skew(sniffed) or ArtifactError(
        "The file looks like a skops file, but it cannot be restored with the installed packages.",
        hint="Install the versions it was written with, or train again.",
    )
