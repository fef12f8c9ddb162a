"""The user's own Python files, imported so that an artifact finds the classes it names.

Importing runs them; whoever calls this has been told to trust them.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pilotboat.errors import ArtifactError
from pilotboat.formats.names import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import ModuleType

DIGEST = "__pilotboat_sha256__"
"""The attribute by which a module imported here is known again."""


def import_code(files: Iterable[Path | str]) -> dict[str, ModuleType]:
    """Each `.py` file as a module named by its stem, in the order given.

    A file whose content has been imported under its name before is not imported again. Raises
    `ArtifactError` with `code-conflict` (a name used twice, or one that something else has), or
    `bad-code` (no such file, not a `.py` file, or it fails when imported). Where one fails, none
    stays imported.
    """
    paths = [Path(file) for file in files]
    check_names(paths)
    made: dict[str, ModuleType] = {}
    new: list[str] = []
    try:
        for path in paths:
            module, fresh = _import(path)
            made[module.__name__] = module
            new += [module.__name__] * fresh
    except BaseException:
        for name in new:
            del sys.modules[name]
        raise
    return made


def check_names(paths: list[Path]) -> None:
    """Raises for files that cannot be modules of their own."""
    seen: set[str] = set()
    for path in paths:
        if path.suffix != ".py" or not path.stem.isidentifier() or path.stem.startswith("__"):
            raise ArtifactError(
                f"'{path.name}' is not a Python file that can be imported.",
                code="bad-code",
                hint="Name it like a module: letters, digits and underscores, then .py.",
            )
        if path.stem in seen:
            raise ArtifactError(
                f"Two files are called '{path.name}'.",
                code="code-conflict",
                hint="Rename one, and retrain with the new name.",
            )
        seen.add(path.stem)


def _import(path: Path) -> tuple[ModuleType, bool]:
    """The module of one file, and whether it was imported just now."""
    try:
        source = path.read_bytes()
    except OSError:
        raise ArtifactError(
            f"The code file '{path.name}' cannot be read.", code="bad-code", hint="Check the path."
        ) from None
    digest, name = hashlib.sha256(source).hexdigest(), path.stem
    known = sys.modules.get(name)
    spec = known.__spec__ if known is not None else find_spec(name)
    taken = known is not None or spec is not None
    if taken and digest not in (getattr(known, DIGEST, None), _digest(spec)):
        raise ArtifactError(
            f"The name '{name}' of the code file '{path.name}' is taken by another module.",
            code="code-conflict",
            hint="Rename the file, and retrain with the new name.",
        )
    if known is not None:
        return known, False
    return _execute(name, path, source, digest), True


def _digest(spec: ModuleSpec | None) -> str | None:
    """The digest of the source that a module found in the ordinary way comes from."""
    origin = Path(spec.origin) if spec and spec.origin and spec.has_location else None
    try:
        return hashlib.sha256(origin.read_bytes()).hexdigest() if origin else None
    except OSError:
        return None


def _execute(name: str, path: Path, source: bytes, digest: str) -> ModuleType:
    """Runs `source`, exactly the bytes that `digest` is of."""
    loader = _Source(name, str(path), source)
    spec = ModuleSpec(name, loader, origin=str(path))
    spec.has_location = True
    module = module_from_spec(spec)
    setattr(module, DIGEST, digest)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ArtifactError(
            f"The code file '{path.name}' fails when it is imported: {type(error).__name__}.",
            code="bad-code",
            hint=f"Try: python {path.name}",
        ) from error
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _Source(SourceFileLoader):
    """A loader of bytes that have been read already, with no cache file beside them."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_data(self, _path: str) -> bytes:
        return self._source

    def path_stats(self, path: str) -> dict[str, float]:
        raise OSError(path)


@contextmanager
def as_main(code: Mapping[str, ModuleType], names: Iterable[str]) -> Iterator[None]:
    """Within it, `__main__` has those of `names` ("__main__.Class") that `code` defines."""
    main, added = sys.modules[MAIN], []
    for name in names:
        module, _, attribute = name.rpartition(".")
        found = next((one for one in code.values() if hasattr(one, attribute)), None)
        if module == MAIN and found is not None and not hasattr(main, attribute):
            setattr(main, attribute, getattr(found, attribute))
            added.append(attribute)
    try:
        yield
    finally:
        for attribute in added:
            delattr(main, attribute)
