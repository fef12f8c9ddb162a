"""`pilotboat reload`."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import click

from pilotboat.errors import EnvironmentFault
from pilotboat.operations import directory
from pilotboat.operations.directory import Directory

PAUSE = 0.1
"""Seconds between two looks at how it goes."""
PATIENCE = 15
"""Seconds in which a server begins what it is told."""
EXAMPLES = """\b
Examples:
  pilotboat reload
  docker compose exec server pilotboat reload"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The server's port.  [default: PILOTBOAT_PORT, else 8000]",
)
def reload(port: int | None) -> None:
    """Have a running server read its models anew, without losing a request.

    Its workers are replaced one by one: a new one loads and verifies every model, and only when it is
    ready an old one stops, after its last answer. Where a new worker cannot start, hangs, or finds a
    model that does not answer as it did when it was packed, the old ones go on, and this fails.
    """
    given = os.environ.get("PILOTBOAT_PORT", "")
    port = port or (int(given) if given.isdigit() else 8000)
    found, state = _found(port)
    before = state["roll"]["number"]
    try:
        os.kill(state["pid"], signal.SIGHUP)
    except ProcessLookupError:
        raise _absent(port) from None
    except PermissionError:
        raise EnvironmentFault(
            f"The server on port {port} (process {state['pid']}) belongs to another user.",
            hint="Run this as the server's user.",
        ) from None
    roll = _followed(found, port, before)
    if roll["state"] == "failed":
        raise EnvironmentFault(
            f"The workers were not replaced, the old ones go on: {roll['at']}: {roll['reason']}",
            code="reload-failed",
        )
    click.echo(f"{roll['replaced']} workers replaced")


def _found(port: int) -> tuple[Directory, dict[str, Any]]:
    """The server's directory, and what it says."""
    found = directory.find(port)
    if found is None:
        raise _absent(port)
    try:
        return found, found.read()
    except PermissionError:
        raise EnvironmentFault(
            f"The server on port {port} belongs to another user.",
            hint="Run this as the server's user.",
        ) from None
    except (OSError, ValueError):
        raise _absent(port) from None


def _followed(found: Directory, port: int, before: int) -> dict[str, Any]:
    """How the roll ended. It is told on the way, where a person is looking."""
    last, end = "", time.monotonic() + PATIENCE
    while True:
        time.sleep(PAUSE)
        try:
            state = found.read()
            os.kill(state["pid"], 0)
        except (OSError, ValueError):
            raise EnvironmentFault(f"The server on port {port} has stopped meanwhile.") from None
        roll: dict[str, Any] = state["roll"]
        if roll["number"] == before:
            if time.monotonic() > end:
                raise EnvironmentFault(
                    f"The server on port {port} does not react.", hint="Its log may say why."
                )
            continue
        if roll["state"] != "rolling":
            return roll
        now = f"worker {roll['replaced'] + 1} of {state['workers']}: {roll['at']}"
        if now != last and os.isatty(2):
            click.echo(now, err=True)
        last = now


def _absent(port: int) -> EnvironmentFault:
    return EnvironmentFault(
        f"No server with workers runs on port {port}.",
        code="no-server",
        hint="One that was started with --workers 1 has nothing to replace them with: restart it.",
    )
