"""`pilotboat key`."""

from __future__ import annotations

import sys

import click

from pilotboat.errors import UsageError
from pilotboat.operations import ring

SHOWN = """
^ The key, shown now and never again: for its user alone, in X-API-Key or Authorization: Bearer.
  The line above it goes into the keys file, which PILOTBOAT_API_KEYS_FILE names."""


@click.command(
    epilog="""\b
Examples:
  umask 077
  pilotboat key ci >> keys                     may predict with every model
  pilotboat key shop --scope predict:titanic --rate 100 >> keys
  pilotboat key prometheus --scope metrics >> keys 2> prometheus.key
  PILOTBOAT_API_KEYS_FILE=keys pilotboat serve

\b
To replace a key while both are good: add a second under another name, 'pilotboat reload', hand
the key out, and remove the first line once the access log names it no more.
"""
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="predict[:MODEL]|metrics|admin",
    help="What it opens; may be given several times.  [default: predict]",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, max=1e9),
    metavar="NUMBER",
    help="Most requests a second; 0: any number.  [default: PILOTBOAT_RATE_LIMIT]",
)
def key(name: str, scopes: tuple[str, ...], rate: float | None) -> None:
    """Make an API key called NAME.

    Standard output is its line for the keys file, with a digest that the key cannot be made from;
    standard error is the key itself. It is kept nowhere.
    """
    if not ring.ID.fullmatch(name):
        raise UsageError("A key's name has 1 to 64 letters, digits and hyphens.")
    for scope in scopes:
        if not ring.is_scope(scope):
            raise UsageError(
                "That scope is none.",
                hint=f"There are: {', '.join(ring.SCOPES)} and predict:MODEL.",
            )
    made = ring.fresh(name)
    click.echo(ring.line(made, scopes or (ring.PREDICT,), rate))
    sys.stdout.flush()
    click.echo(made, err=True)
    if sys.stderr.isatty():
        click.echo(SHOWN, err=True)
