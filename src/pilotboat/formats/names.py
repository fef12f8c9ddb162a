"""Where a name that a file mentions lives today, found out without importing it."""

from __future__ import annotations

import _compat_pickle
import sys
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import version
from importlib.util import find_spec

MAIN = "__main__"

PACKAGES = {name: name for name in ("joblib", "lightgbm", "pandas", "scipy", "xgboost")} | {
    "sklearn": "scikit-learn"
}
"""Packages that a fitted pipeline may need -> what pip calls them."""


def modern(module: str, name: str) -> tuple[str, str]:
    """The Python 3 name of what Python 2 (or protocol 0 to 2) calls `module.name`."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def home(module: str) -> str:
    """The module to import for `module`: some have moved without a change of content."""
    if module == "_loss":  # scikit-learn before 1.9 left its package out of the name
        return "sklearn._loss._loss"
    for core in ("numpy.core.", "numpy._core."):
        if module.startswith(core):
            return heart() + module.removeprefix(core)
    return module


@cache
def heart() -> str:
    """What the installed NumPy calls its own core."""
    return "numpy.core." if version("numpy").startswith("1.") else "numpy._core."


def importable(module: str) -> bool:
    """Whether `module` can be found. Looks at files only; nothing of it or its parents runs."""
    module = home(module)
    if module in sys.modules:
        return module != MAIN
    parts = module.split(".")
    if module == MAIN or not all(part.isidentifier() for part in parts):
        return False
    try:
        spec = find_spec(parts[0])  # a top-level name imports no parent
    except (ImportError, ValueError):
        return False
    for end in range(2, len(parts) + 1):
        if spec is None or spec.submodule_search_locations is None:
            return False
        spec = PathFinder.find_spec(".".join(parts[:end]), spec.submodule_search_locations)
    return spec is not None
