"""`pilotboat store`: the database of the prediction log."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from pilotboat import settings as settings_module
from pilotboat.errors import UsageError
from pilotboat.imports import resolve
from pilotboat.operations import progress
from pilotboat.operations.store import Query, open_store
from pilotboat.settings import Settings

if TYPE_CHECKING:
    from pilotboat.operations.store.query import Pruned, Status
    from pilotboat.operations.store.store import Store

ELSEWHERE = {"ship": ("pilotboat.cli.ship:ship", "Bring what waits in the spool into it.")}
"""Subcommands that are imported when chosen: name -> (where it is, what it does)"""
FILE, STANDARD = "pilotboat.batch.stream:whole_file", "pilotboat.batch.stream:standard_output"
"""Imported when a table is written: NumPy comes with them, and the shipper comes by here."""
SPOOL = "spool"
AGE = re.compile(r"([0-9]{1,5})([hdw])")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
SHOWN = 8
"""Versions of a model that are listed."""
SUFFIXES = {".csv": "csv", ".parquet": "parquet"}
OVERVIEW = """\b
Examples:
  pilotboat store status
  pilotboat store export -o yesterday.csv --since 2026-11-27 --until 2026-11-28
  pilotboat store prune --older-than 90d
  PILOTBOAT_DATABASE_URL_FILE=/run/secrets/database_url pilotboat store migrate

The database is that of PILOTBOAT_DATABASE_URL; without, SQLite in PILOTBOAT_STATE."""


class Commands(click.Group):
    """The commands of this module, and those that are elsewhere."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in ELSEWHERE:
            command: click.Command = resolve(ELSEWHERE[cmd_name][0])
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        told = [(name, one.get_short_help_str(100)) for name, one in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl([*told, *((name, short) for name, (_, short) in ELSEWHERE.items())])


@click.group(cls=Commands, epilog=OVERVIEW)
def store() -> None:
    """Look after the database of the prediction log."""


@store.command(
    epilog="""\b
Examples:
  pilotboat store migrate                before a new release is started
  docker compose run --rm app store migrate

\b
Run it with a role that owns the tables. It takes a lock, so that several may run it at once, and is
one transaction: it is done, or nothing is. SQLite does without; the server brings it up to date."""
)
def migrate() -> None:
    """Make the tables, or bring them up to date."""
    with _opened() as (_, opened):
        before = opened.version()
        after = opened.migrate()
    says = "is up to date" if before == after else "was made" if not before else f"was {before}"
    click.echo(f"{opened.address.shown}: schema {after} {says}")


@store.command(
    epilog="""\b
Examples:
  pilotboat store prune --older-than 90d
  pilotboat store prune --older-than 12h --dry-run
  PILOTBOAT_RETENTION_DAYS=30 pilotboat store prune --vacuum

\b
It may run while predictions are stored: it removes a few thousand rows at a time, and in PostgreSQL
whole days at once. PostgreSQL uses the space again by itself. SQLite too, but the file keeps its size;
--vacuum makes it smaller, which needs as much free space as the file takes, and lets nobody write
for as long as it takes."""
)
@click.option(
    "--older-than",
    metavar="AGE",
    help="Remove what is older: 90d, 12h or 4w.  [default: PILOTBOAT_RETENTION_DAYS]",
)
@click.option("--dry-run", is_flag=True, help="Only count what would be removed.")
@click.option("--vacuum", is_flag=True, help="Make the file of SQLite smaller afterwards.")
def prune(*, older_than: str | None, dry_run: bool, vacuum: bool) -> None:
    """Remove old predictions, and what became of them."""
    made = settings_module.read()
    before = datetime.now(UTC) - _age(older_than, made.retention_days)
    with _opened(made, read_only=True) as (_, opened):
        opened.check()  # or an empty file would be made, to find nothing in it
    with _opened(made) as (_, opened):
        with _counting() as tell:
            gone = opened.prune(before, dry_run=dry_run, progress=tell)
        if vacuum and not dry_run:
            opened.vacuum()
    days = f", {len(gone.days)} whole days among them" if gone.days else ""
    would = "would be" if dry_run else "were"
    click.echo(
        f"{gone.predictions:,} predictions{days} and {gone.outcomes:,} outcomes {would} removed, older "
        f"than {before:%Y-%m-%d %H:%M} UTC"
    )


@store.command(
    epilog="""\b
Examples:
  pilotboat store export > predictions.csv
  pilotboat store export -o titanic.parquet --model titanic
  pilotboat store export -o november.csv --since 2026-11-01 --until 2026-12-01

\b
Columns: id, row, time, model, version, prediction, actual (what turned out to be right, if that was
said), reference, probability_<label> for each class, then the inputs; one that has the name of a
column before it has input_ in front. Parquet has types, and needs: pip install "pilotboat[parquet]".
The file appears only when it is whole."""
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    default="-",
    help="Where to write, FILE.csv or FILE.parquet; '-' is standard output.  [default: -]",
)
@click.option("--force", is_flag=True, help="Replace the output file if it is there.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet"]),
    help="What to write.  [default: as the file is called, else csv]",
)
@click.option("--model", metavar="NAME", help="Only predictions of this model.")
@click.option("--version", metavar="VERSION", help="Only those of this version of it.")
@click.option("--since", metavar="TIME", help="From this time on; in UTC, unless it has a zone.")
@click.option("--until", metavar="TIME", help="Before this time.")
@click.option("--json-inputs", is_flag=True, help="All inputs in one column, as JSON.")
def export(
    *,
    output: Path,
    force: bool,
    form: str | None,
    model: str | None,
    version: str | None,
    since: str | None,
    until: str | None,
    json_inputs: bool,
) -> None:
    """Write predictions to a file, the oldest first."""
    form = form or SUFFIXES.get(output.suffix.lower(), "csv")
    query = Query(model=model, version=version, since=_time(since), until=_time(until))
    if str(output) == "-" and form != "csv" and sys.stdout.isatty():
        raise UsageError("Parquet is not for terminals.", hint="Say -o FILE.parquet.")
    with (
        _opened(read_only=True) as (_, opened),
        _sink(output, force=force) as sink,
        _bar("exporting") as tell,
    ):
        rows = opened.export(query, form, sink, json_inputs=json_inputs, progress=tell)
    click.echo(f"{rows:,} predictions: {output}", err=True)


@store.command(
    epilog="""\b
Examples:
  pilotboat store status
  pilotboat store status --json | jq .shipper.lag_seconds

\b
Lag is the age of the oldest prediction that waits in the spool. Parked rows are those that the
database refuses, in PILOTBOAT_STATE/spool/dead with the reason."""
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def status(*, as_json: bool) -> None:
    """Show what is in the database, and how far the server is with what waits for it."""
    with _opened(read_only=True) as (made, opened):
        found = opened.status()
    shipper = progress.read(Path(made.state) / SPOOL)
    if as_json:
        told = {"store": opened.address.shown, **asdict(found), "shipper": shipper or None}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(opened.address.shown, found, shipper)))


def _lines(where: str, found: Status, shipper: dict[str, Any]) -> Iterator[str]:
    """A status for people to read."""
    yield f"{where}: schema {found.schema}, {found.size / 1e6:,.1f} MB"
    span = f"  {found.oldest} to {found.newest}" if found.predictions else ""
    yield f"  predictions  {found.predictions:>12,}{span}"
    yield f"  outcomes     {found.outcomes:>12,}"
    for model, versions in found.models.items():
        yield f"  model        {model}, {_listed('version', versions)}"
    if not shipper:
        yield "  shipper      has not run with this PILOTBOAT_STATE"
        return
    ago = max(0, round(time.time() - shipper["time"]))
    yield (
        f"  shipper      lag {shipper['lag_seconds']:.1f} s, {shipper['waiting_bytes']:,} bytes waiting, "
        f"{shipper['stored_rows']:,} rows stored, {shipper['parked_rows']:,} parked ({ago} s ago)"
    )
    if shipper["error"]:
        yield f"               {shipper['error']}"


def _listed(what: str, names: list[str]) -> str:
    some = ", ".join(names[-SHOWN:])
    more = "…, " if len(names) > SHOWN else ""
    return f"{what}{'s' if len(names) > 1 else ''} {more}{some}"


@contextmanager
def _opened(
    made: Settings | None = None, *, read_only: bool = False
) -> Iterator[tuple[Settings, Store]]:
    """The settings, and the store that they name."""
    made = made or settings_module.read()
    with closing(open_store(made.store_url, read_only=read_only)) as opened:
        yield made, opened


def _age(text: str | None, days: int) -> timedelta:
    if text is None:
        if days:
            return timedelta(days=days)
        raise UsageError(
            "How old what is removed has to be is not said.",
            hint="Say --older-than 90d, or set PILOTBOAT_RETENTION_DAYS.",
        )
    match = AGE.fullmatch(text.strip().lower())
    if match is None or not int(match[1]):
        raise UsageError(f"'{text}' is no age.", hint="Ages are 90d, 12h or 4w.")
    return int(match[1]) * UNITS[match[2]]


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"'{text}' is no time.", hint="Times are 2026-11-28 or 2026-11-28T12:00:00+09:00."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@contextmanager
def _sink(output: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Where the bytes go: a file that appears when it is whole, or standard output."""
    opened = resolve(STANDARD)() if str(output) == "-" else resolve(FILE)(output, force=force)
    with opened as text:
        text.flush()
        yield text.buffer


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal, elsewhere nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def tell(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield tell


@contextmanager
def _counting() -> Iterator[Callable[[Pruned], None]]:
    """A line on a terminal that counts, elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    yield lambda gone: click.echo(f"\r{gone.predictions:,} predictions removed", err=True, nl=False)
    click.echo(err=True)
