"""`pilotboat doctor`."""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pilotboat import settings as settings_module
from pilotboat.cli.health import asked
from pilotboat.cli.main import EXITS
from pilotboat.doctor import Groups, examine
from pilotboat.doctor.finding import Mark
from pilotboat.errors import EnvironmentFault

MARKS: tuple[Mark, ...] = ("ok", "warning", "fault")


@click.command(
    epilog="\b\nExamples:\n  pilotboat doctor\n  pilotboat doctor models --deep\n"
    "  docker run --rm -v ./models:/models:ro pilotboat doctor"
)
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--host", help="Address that the server listens on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Its port.  [default: 8000]")
@click.option("--workers", metavar="auto|N", help="Worker processes.  [default: auto]")
@click.option("--trust", metavar="DIGEST", multiple=True, help="As for 'pilotboat serve'.")
@click.option("--deep", is_flag=True, help="Open every model, and answer its golden rows.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def doctor(
    path: Path | None, *, trust: tuple[str, ...], deep: bool, as_json: bool, **options: Any
) -> int:
    """Look for what would stop 'pilotboat serve' or slow it down: machine, settings, models.

    Serves nothing and changes nothing. Exit code 0: it can serve; 4: there is a fault.
    """
    environ = dict(os.environ)  # reading the settings forgets what Kubernetes made
    made = settings_module.read(
        repository=None if path is None else str(path), trust=trust or None, **options
    )
    groups = examine(made, environ, ask=_ask, deep=deep)
    if as_json:
        click.echo(json.dumps(_plain(groups), indent=2))
    else:
        click.echo(_printable("\n".join(_lines(groups))))
    return EXITS[EnvironmentFault] if _totals(groups)["fault"] else 0


def _ask(host: str, port: int, seconds: float) -> tuple[int, Mapping[str, Any]]:
    try:
        return asked(host, port, seconds)
    except http.client.HTTPException as error:
        raise ValueError(host) from error


def _plain(groups: Groups) -> dict[str, Any]:
    found = {title: [asdict(one) for one in group] for title, group in groups.items()}
    return {"totals": _totals(groups), "groups": found}


def _lines(groups: Groups) -> Iterator[str]:
    width = max(len(one.name) for group in groups.values() for one in group)
    for title, group in groups.items():
        yield title
        for one in group:
            yield f"  {one.mark:<8} {one.name:<{width}}  {one.says}"
            if one.remedy:
                yield f"  {'':<8} {'':<{width}}  -> {one.remedy}"
    totals = _totals(groups)
    yield ", ".join(f"{totals[mark]} {mark}" for mark in MARKS)


def _totals(groups: Groups) -> dict[Mark, int]:
    marks = [one.mark for group in groups.values() for one in group]
    return {mark: marks.count(mark) for mark in MARKS}


def _printable(text: str) -> str:
    """`text` as the terminal can show it, whatever a path is made of."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
