"""`pilotboat predict`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from pilotboat.batch import stream
from pilotboat.errors import DataError, UsageError
from pilotboat.runtime.model import load

EPILOG = """\b
Examples:
  pilotboat predict models/titanic passengers.csv -o scored.csv
  pilotboat predict models/titanic/1 rows.jsonl > scored.jsonl
  zcat rows.csv.gz | pilotboat predict models/titanic - -o scored.csv
"""


@click.command(epilog=EPILOG)
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument(
    "input", metavar="INPUT", type=click.Path(path_type=Path, allow_dash=True, readable=False)
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    default="-",
    help="Where to write; '-' is standard output.  [default: -]",
)
@click.option("--force", is_flag=True, help="Replace the output file if it is there.")
@click.option(
    "--trust", metavar="DIGEST", multiple=True, help="Use this bundle's own code and types."
)
@click.option(
    "--allow-version-skew", is_flag=True, help="Use it although another scikit-learn packed it."
)
def predict(
    bundle: Path,
    input: Path,  # noqa: A002 - the name on the command line
    *,
    output: Path,
    force: bool,
    trust: tuple[str, ...],
    allow_version_skew: bool,
) -> None:
    """Score the rows in INPUT with BUNDLE: a bundle, or a model's directory for its newest version.

    INPUT is CSV with a header or JSON Lines ('-' for standard input). The output has its columns in
    their order, then prediction and probability_<label>; it appears only when it is whole.
    """
    model = load(bundle, trust=trust, allow_version_skew=allow_version_skew)
    with opened(input) as source, _progress(source) as tell:
        if str(output) == "-":
            with stream.standard_output() as sink:
                stream.score(model, source, sink, tell)
            return
        with stream.whole_file(output, force=force) as sink:
            rows = stream.score(model, source, sink, tell)
    click.echo(f"{rows:,} rows scored with {model.name} {model.version}: {output}", err=True)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, or of standard input. Raises `DataError`, `UsageError`."""
    if str(path) == "-":
        if sys.stdin.isatty():
            raise UsageError(
                "Standard input is a terminal.", hint="Pipe rows into it, or name a file."
            )
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"'{path}': {error.strerror}.", code="data-missing") from error
    with file:
        yield file


@contextmanager
def _progress(source: BinaryIO) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, over the bytes of the file; elsewhere nothing."""
    if not sys.stderr.isatty() or source is sys.stdin.buffer or not source.seekable():
        yield lambda _rows: None
        return
    size = Path(source.name).stat().st_size
    with click.progressbar(length=size, label="scoring", file=sys.stderr) as bar:
        yield lambda _rows: bar.update(source.tell() - bar.pos)
