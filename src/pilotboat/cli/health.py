"""`pilotboat health`: the standard library alone, because container engines run it all the time."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any

import click

from pilotboat.errors import EnvironmentFault

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - not bound here


@click.command(epilog="\b\nExamples:\n  pilotboat health\n  pilotboat health --port 9000")
@click.option("--host", help="The server's address.  [default: PILOTBOAT_HOST, else 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Its port.  [default: PILOTBOAT_PORT, else 8000]"
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=3,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait.",
)
def health(host: str | None, port: int | None, timeout: float) -> None:
    """Ask a running server whether it is ready. Exit code 0: it is; 4: it is not, or not there."""
    host = host or os.environ.get("PILOTBOAT_HOST", "")
    given = os.environ.get("PILOTBOAT_PORT", "")
    port = port or (int(given) if given.isdigit() else 8000)
    where = f"{host or '127.0.0.1'} port {port}"
    try:
        status, answer = asked(host, port, timeout)
    except (http.client.HTTPException, ValueError) as error:
        raise EnvironmentFault(f"What answers at {where} is not Pilotboat.") from error
    except OSError as error:
        raise EnvironmentFault(
            f"No server answers at {where}: {error.strerror or type(error).__name__}."
        ) from error
    if status != http.client.OK:
        raise EnvironmentFault(f"{where} says {status}: {answer.get('detail', '')}")
    click.echo(answer["status"])


def asked(host: str, port: int, timeout: float) -> tuple[int, dict[str, Any]]:
    """The status and the document of /health. Raises `ValueError` for one that is not ours."""
    connection = http.client.HTTPConnection(EVERY_ADDRESS.get(host, host), port, timeout=timeout)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        answer = json.loads(response.read(65536))
    finally:
        connection.close()
    if not isinstance(answer, dict) or "status" not in answer:
        raise ValueError(answer)
    return response.status, answer
