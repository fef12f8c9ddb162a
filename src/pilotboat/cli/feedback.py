"""`pilotboat feedback`."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import click

from pilotboat.batch import outcomes as files
from pilotboat.cli.caller import Caller
from pilotboat.cli.predict import opened
from pilotboat.errors import (
    DataError,
    EnvironmentFault,
    Fault,
    PilotboatError,
    RowsError,
    UsageError,
)
from pilotboat.operations import outcomes, secret
from pilotboat.operations.outcomes import Outcome, Target
from pilotboat.rows import Faults
from pilotboat.schema import Field

BATCH = 1_000
"""Outcomes of one request at most."""
PLACE = re.compile(r"/outcomes/(\d+)/?(.*)")
EPILOG = """\b
Columns:
  id         the id of the request that was answered; and row, where it had several (from 0 on)
  reference  or, in place of these, your own name of the prediction
  actual     what turned out to be right
  model      the name of its model, where that is not the one of --model
  time       when it became known, with its zone; where that is not now

\b
Examples:
  pilotboat feedback outcomes.csv --model titanic
  pilotboat feedback outcomes.jsonl --url https://models.example.com --key-file key
  zcat outcomes.csv.gz | pilotboat feedback - --model titanic
"""

Numbered = tuple[int, Outcome]
"""The number of a line, and its outcome."""


@click.command(epilog=EPILOG)
@click.argument(
    "file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True, readable=False)
)
@click.option(
    "--url", default="http://127.0.0.1:8000", show_default=True, help="Where the server is."
)
@click.option("--key-file", metavar="FILE", help="The file of the API key to show.")
@click.option("--model", metavar="NAME", help="The model of outcomes that name none.")
@click.option("--ca-file", metavar="FILE", help="Certificates to trust in place of the system's.")
def feedback(
    file: Path, *, url: str, key_file: str | None, model: str | None, ca_file: str | None
) -> None:
    """Tell a server what turned out to be right: the outcomes of predictions in FILE.

    FILE is CSV with a header or JSON Lines ('-' for standard input). It is checked as a whole before
    anything is sent. It may be sent twice: of what is said of one prediction, the last counts.
    """
    asking = closing(Caller(url, _key(key_file), ca_file))
    with asking as caller, opened(file) as source, _again(source) as lines:
        count = _checked(lines, caller, model)
        lines.seek(0)
        _send_all(lines, caller, model, count)
    click.echo(f"{count:,} outcomes accepted by {caller.url}")


def _send_all(lines: BinaryIO, caller: Caller, model: str | None, count: int) -> None:
    """Send what has been checked. Where that fails in the middle, it is said how much was accepted."""
    sent = 0
    rest = files.read(lines, _targets(caller), Faults(), model)
    try:
        with _progress(count) as tell:
            while batch := list(islice(rest, BATCH)):
                _send(caller, batch)
                sent += len(batch)
                tell(len(batch))
    except PilotboatError:
        if sent:
            says = f"{sent:,} of {count:,} outcomes were accepted before that"
            click.echo(f"{says}; the same file may be sent again", err=True)
        raise


def _key(path: str | None) -> str:
    if path is None:
        return ""
    found = secret.read(path)
    if isinstance(found, secret.Unusable):
        raise UsageError(f"--key-file {path}: {found.reason}.")
    return found.strip()


@contextmanager
def _again(source: BinaryIO) -> Iterator[BinaryIO]:
    """A file that can be read twice."""
    if source.seekable():
        yield source
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        copy.seek(0)
        yield copy


def _checked(lines: BinaryIO, caller: Caller, model: str | None) -> int:
    """How many outcomes there are. Raises `DataError` after every line at fault has been named."""
    targets = _targets(caller)
    if model is not None and targets(model) is None:
        raise UsageError(f"{caller.url} has no model '{model}'.", hint=_models(caller))
    faults = Faults()
    count = sum(1 for _ in files.read(lines, targets, faults, model))
    if faults.total:
        for fault in faults.listed:
            click.echo(f"{fault.pointer}: {fault.detail}", err=True)
        more = faults.total - len(faults.listed)
        raise DataError(
            f"{faults.total:,} fault{'s' if faults.total > 1 else ''}"
            f"{f', {more:,} of them not shown' if more else ''}: nothing was sent.",
            code="bad-outcomes",
        )
    if not count:
        raise DataError("The input has no outcomes.", code="empty-batch")
    return count


def _targets(caller: Caller) -> files.Targets:
    """What the server says of its models, asked once of each."""

    @cache
    def targets(name: str | None) -> Target | None:
        path = f"/v1/models/{quote(_only(caller) if name is None else name, safe='')}"
        described = caller.found(path)
        if described is None:
            return None
        versions = [caller.found(f"{path}/versions/{one}") for one in described["versions"]]
        return outcomes.target(
            [_field(output) for output in one["outputs"]] for one in versions if one
        )

    return targets


def _field(output: dict[str, Any]) -> Field:
    """An output as a server describes it."""
    known = output.keys() & {one.name for one in fields(Field)}
    told = {name: output[name] for name in known}
    return Field(**told | {name: tuple(one) for name, one in told.items() if isinstance(one, list)})


def _only(caller: Caller) -> str:
    """The model that is meant where none is named."""
    names: list[str] = (caller.found("/v1/models") or {}).get("models", [])
    if len(names) != 1:
        raise UsageError(
            "The type of an actual value is that of a model, and no model is named.",
            hint=f"Say it with --model, or in a column 'model'. {_models(caller)}",
        )
    return names[0]


def _models(caller: Caller) -> str:
    names: list[str] = (caller.found("/v1/models") or {}).get("models", [])
    return f"Models there are: {', '.join(names) or 'none'}."


def _send(caller: Caller, batch: list[Numbered]) -> None:
    """Send outcomes in one request, or in several where the server takes fewer at once."""
    documents = [
        {name: value for name, value in one.items() if value is not None} for _, one in batch
    ]
    for one in documents:
        if "reference" in one:
            del one["row"]
    status, answer = caller.post("/v1/feedback", {"outcomes": documents})
    if status == 413 and len(batch) > 1:  # noqa: PLR2004 - too large
        half = len(batch) // 2
        _send(caller, batch[:half])
        _send(caller, batch[half:])
    elif status == 422:  # noqa: PLR2004 - faults
        raise RowsError([_fault(one, batch) for one in answer["errors"]], answer["errors_total"])
    elif status != 202:  # noqa: PLR2004 - accepted
        raise EnvironmentFault(f"{caller.url} says {status}: {answer.get('detail', '')}")


def _fault(told: dict[str, str], batch: list[Numbered]) -> Fault:
    """A fault that the server found, with its line."""
    found = PLACE.fullmatch(told["pointer"])
    where = told["pointer"]
    if found is not None and int(found[1]) < len(batch):
        where = f"line {batch[int(found[1])][0]}" + (f", {found[2]}" if found[2] else "")
    return Fault(where, told["code"], told["detail"])


@contextmanager
def _progress(count: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _outcomes: None
        return
    with click.progressbar(length=count, label="sending", file=sys.stderr) as bar:
        yield bar.update
