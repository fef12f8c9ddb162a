"""`pilotboat image`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from pilotboat.image import report as reports
from pilotboat.image.checks import human
from pilotboat.image.report import BIGGEST, Report

WIDTH = 100
PATH = 58
MOST = 100
"""The highest exit code that counts failed checks."""


@click.group(epilog="\b\nExamples:\n  pilotboat image inspect pilotboat")
def image() -> None:
    """Look into a container image."""


@image.command(
    epilog="""\b
Examples:
  pilotboat image inspect pilotboat
  pilotboat image inspect --json python:3.13-slim-trixie
  pilotboat image inspect --docker podman localhost/pilotboat

The exit code is the number of failed checks, 0 where all passed; 4 with a line on standard error
where Docker or the image is missing.
"""
)
@click.argument("tag")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--docker", "client", metavar="PATH", default="docker", show_default=True, help="The client."
)
@click.pass_context
def inspect(ctx: click.Context, tag: str, *, as_json: bool, client: str) -> None:
    """Show what is in the image TAG, and check what a good image is held to.

    Layers by size and cause, bytes that no container sees, then the checks. Nothing in it is run,
    and no secret's value is printed.
    """
    found = reports.inspect(tag, client)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_fit(line) for line in lines(found)))
    ctx.exit(min(found.failed, MOST))


def lines(found: Report) -> Iterator[str]:
    """A report for people to read."""
    yield f"{found.name}  {human(found.size)}  {found.platform}  {found.id[:19]}"
    yield "  layers, the biggest first"
    numbered = enumerate(found.saved.layers, 1)
    for number, layer in sorted(numbered, key=lambda one: -one[1].size):
        yield f"    {number:>3}  {human(layer.size):>9}  {layer.made_by or '(not told)'}"
    wasted = found.contents.wasted
    yield f"  files that no container sees: {len(wasted):,}, {human(found.contents.wasted_bytes)}"
    for one in wasted[:BIGGEST]:
        where = f"{one.written:>3} → {one.hidden:<3}"
        path = one.path if len(one.path) <= PATH else f"…{one.path[-PATH + 1 :]}"
        yield f"    {where}  {human(one.size):>9}  {one.how:<13}  /{path}"
    yield "  checks"
    width = max(len(check.name) for check in found.checks)
    for check in found.checks:
        yield f"    {'pass' if check.passed else 'FAIL'}  {check.name:<{width}}  {check.reason}"
    passed = len(found.checks) - found.failed
    yield f"  {passed} of {len(found.checks)} checks passed, {found.failed} failed"


def _fit(line: str) -> str:
    """A line that fits, without anything that a terminal would obey."""
    plain = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line
    )
    return plain if len(plain) <= WIDTH else f"{plain[: WIDTH - 1]}…"
