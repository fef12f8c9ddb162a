"""A trained scikit-learn model in; a fast, typed, small HTTP service out.

    bundle = pilotboat.pack(pipeline, data=frame, target="survived", name="titanic")
    model = pilotboat.load(bundle.path)
    model.predict([{"sex": "female", "age": 22}]).predictions

Importing the package loads none of what it needs: a name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilotboat.bundle.archive import Bundle as Bundle
    from pilotboat.bundle.pack import pack as pack
    from pilotboat.errors import PilotboatError as PilotboatError
    from pilotboat.prediction import Prediction as Prediction
    from pilotboat.runtime.model import Model as Model
    from pilotboat.runtime.model import load as load
    from pilotboat.schema import Field as Field
    from pilotboat.schema import Schema as Schema

__version__ = "0.1.0"

_NAMES = {
    "Bundle": "pilotboat.bundle.archive",
    "Field": "pilotboat.schema",
    "Model": "pilotboat.runtime.model",
    "PilotboatError": "pilotboat.errors",
    "Prediction": "pilotboat.prediction",
    "Schema": "pilotboat.schema",
    "load": "pilotboat.runtime.model",
    "pack": "pilotboat.bundle.pack",
}

__all__ = [*sorted(_NAMES), "__version__"]  # noqa: PLE0604 - the table is the list


def __getattr__(name: str) -> object:
    if name not in _NAMES:
        raise AttributeError(f"module 'pilotboat' has no attribute {name!r}")
    return getattr(import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
