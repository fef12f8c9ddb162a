"""Training rows, from a file or from what Python code holds -> a DataFrame."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pilotboat.errors import DataError, EnvironmentFault

READERS: dict[str, Callable[[Path], Any]] = {
    ".csv": pd.read_csv,
    ".csv.gz": pd.read_csv,
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".jsonl": lambda path: pd.read_json(path, lines=True),
    ".ndjson": lambda path: pd.read_json(path, lines=True),
    ".parquet": pd.read_parquet,
}


def read(path: Path) -> Any:
    """The rows in a file. Raises `DataError` naming what is wrong with it."""
    suffix = next((one for one in sorted(READERS, key=len)[::-1] if path.name.endswith(one)), None)
    if suffix is None:
        raise DataError(
            f"'{path.name}' is no kind of data file that is read here.",
            code="unknown-data-format",
            hint=f"Kinds are told by the name's end: {', '.join(READERS)}.",
        )
    try:
        frame = READERS[suffix](path)
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise DataError(f"'{path.name}': {why}.", code="data-missing") from error
    except ImportError as error:
        raise EnvironmentFault(
            "Reading Parquet needs the package pyarrow.",
            code="missing-package",
            hint="Run: pip install pyarrow",
        ) from error
    except Exception as error:
        raise DataError(
            f"'{path.name}' cannot be read as {suffix}: {str(error)[:200]}.", code="invalid-data"
        ) from error
    if not len(frame):
        raise DataError(f"'{path.name}' holds no rows.", code="empty-batch")
    return frame


def as_frame(data: Any) -> Any:
    """What Python code holds -> a DataFrame: a frame, a Series, an array, records or texts."""
    if data is None:
        return None
    if isinstance(data, str | os.PathLike):
        return read(Path(data))
    if isinstance(data, pd.DataFrame):
        return data.rename(columns=str)
    if isinstance(data, pd.Series):
        return data.to_frame(str(data.name or "text"))
    if isinstance(data, np.ndarray):
        table = data.reshape(len(data), -1)
        return pd.DataFrame(table, columns=[f"x{i}" for i in range(table.shape[1])])
    listed = list(data)
    if listed and isinstance(listed[0], Mapping):
        return pd.DataFrame(listed).rename(columns=str)
    if listed and isinstance(listed[0], str):
        return pd.DataFrame({"text": listed})
    return as_frame(np.asarray(listed))
