"""Score a file with a model, in pieces: memory does not grow with the file."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from pilotboat.batch.tables import open_table
from pilotboat.errors import (
    DataError,
    EnvironmentFault,
    Fault,
    NotFiniteError,
    RefusedError,
    RowsError,
)
from pilotboat.runtime.model import Model

PIECE = 5_000


def score(
    model: Model,
    source: BinaryIO,
    sink: TextIO,
    progress: Callable[[int], None] = lambda _rows: None,
) -> int:
    """Write the rows of `source` with their predictions to `sink`. Returns how many there were.

    source: CSV with a header, or JSON Lines, in UTF-8. progress: is called with the rows done.
    Raises `DataError` or `RowsError` naming the line at fault.
    """
    table = open_table(source, model.schema)
    done = 0
    sink.write(table.head())
    for rows, piece in table.pieces(PIECE):
        try:
            made = model.answer(rows)
        except (RefusedError, NotFiniteError) as error:
            line = piece[0][error.facts["row"]]
            raise RowsError([Fault(f"line {line}", error.code, error.detail)]) from error
        sink.write(table.written(piece, made))
        done += rows.count
        progress(done)
    if not done:
        raise DataError("The input has no rows.", code="empty-batch")
    return done


@contextmanager
def whole_file(path: Path, *, force: bool = False) -> Iterator[TextIO]:
    """A text file that appears under `path` only when everything has been written to it."""
    if path.is_dir():
        raise EnvironmentFault(f"'{path}' is a directory.", code="output-unwritable")
    if path.exists() and not path.is_file():  # a pipe or a device: there is nothing to replace
        with _naming(path), path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    if path.exists() and not force:
        raise EnvironmentFault(
            f"'{path}' is there already.",
            code="output-exists",
            hint="To replace it, say --force.",
        )
    try:
        handle, name = tempfile.mkstemp(prefix=".pilotboat-", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with _naming(path):
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            Path(name).chmod(0o666 & ~umask)
            Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def standard_output() -> Iterator[TextIO]:
    """Standard output, in UTF-8 with the line ends as they are written, whatever the locale."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    with _naming(Path("standard output")):
        yield sys.stdout
        sys.stdout.flush()


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> EnvironmentFault:
    return EnvironmentFault(
        f"'{path}' cannot be written: {error.strerror}.",
        code="output-unwritable",
        hint="Nothing was left behind.",
    )
