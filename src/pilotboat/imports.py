"""Choices are tables of import strings, imported when chosen."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pilotboat.errors import MissingExtraError

EXTRAS = {
    "sklearn": "sklearn",
    "joblib": "sklearn",
    "skops": "sklearn",
    "pandas": "sklearn",
    "onnxruntime": "onnx",
    "opentelemetry": "otel",
    "pyarrow": "parquet",
    "redis": "redis",
    "sqlalchemy": "store",
    "alembic": "store",
    "psycopg": "store",
}
"""Top-level package -> the extra that installs it."""


def resolve(reference: str) -> Any:
    """The object that `"package.module:attribute"` names.

    Raises `MissingExtraError` with the command to run where an optional dependency is missing.
    """
    module, _, attribute = reference.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise missing(extra) from error


def missing(extra: str) -> MissingExtraError:
    """The error that says how to install `extra`."""
    return MissingExtraError(
        f"This needs the optional part '{extra}', which is not installed.",
        hint=f'Run: pip install "pilotboat[{extra}]"',
        extra=extra,
    )
