"""The calls of the Docker client. Nothing else in Pilotboat starts it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from pilotboat.errors import DataError, EnvironmentFault

TIMEOUT = 60
"""Seconds for a call that only asks."""

_REMEDIES = {
    "no such image": ("image-missing", "Build it, or fetch it with: docker pull"),
    "permission denied": ("docker-denied", "Add yourself to the group docker, or use sudo."),
    "cannot connect": ("docker-down", "Start it: Docker Desktop, or 'systemctl start docker'."),
    "failed to connect": ("docker-down", "Start it: Docker Desktop, or 'systemctl start docker'."),
}
"""What the client says -> code and hint."""


def inspect(tag: str, docker: str = "docker") -> dict[str, Any]:
    """What `docker image inspect` says of one image."""
    command = [docker, "image", "inspect", "--", tag]
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the tag comes after "--"
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except OSError as error:
        raise _no_client(docker) from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(
            f"Docker did not answer within {TIMEOUT} s.", code="docker-down", hint="Restart it."
        ) from error
    if done.returncode:
        raise _fault(done.stderr, tag)
    try:
        told: dict[str, Any] = json.loads(done.stdout)[0]
    except (ValueError, LookupError) as error:
        raise _no_client(docker) from error
    return told


@contextmanager
def saved(image: str, docker: str = "docker") -> Iterator[IO[bytes]]:
    """The stream of `docker save`. An error of the client wins over one of whoever reads it."""
    with tempfile.TemporaryFile() as said:
        command = [docker, "image", "save", "--", image]
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell; the image comes after "--"
                command, stdout=subprocess.PIPE, stderr=said
            )
        except OSError as error:
            raise _no_client(docker) from error
        if process.stdout is None:  # pragma: no cover - it is a pipe
            raise _no_client(docker)
        with process:
            try:
                yield process.stdout
                process.stdout.read()
                broken = None
            except DataError as error:
                process.stdout.close()
                broken = error
            except BaseException:
                process.kill()
                raise
        said.seek(0)
        text = said.read().decode(errors="replace")
        if process.returncode and text.strip():
            raise _fault(text, image)
        if broken or process.returncode:
            raise broken or _fault(text, image)


def _no_client(docker: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"There is no Docker client '{docker}'.",
        code="docker-missing",
        hint="Install Docker Engine or Docker Desktop, or name the client: --docker PATH.",
    )


def _fault(said: str, tag: str) -> EnvironmentFault:
    for part, (code, hint) in _REMEDIES.items():
        if part in said.lower():
            if code == "image-missing":
                return EnvironmentFault(
                    f"There is no image '{tag}' here.", code=code, hint=f"{hint} {tag}"
                )
            return EnvironmentFault("Docker cannot be reached.", code=code, hint=hint)
    line = next((line for line in reversed(said.splitlines()) if line.strip()), "no reason given")
    return EnvironmentFault(f"Docker failed: {line.strip()}", code="docker-failed")
