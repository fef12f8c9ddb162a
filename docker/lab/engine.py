"""The engine that the lab builds and starts with."""

# ruff: noqa: INP001, S603 - a script's neighbour; commands without a shell
from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "pilotboat-lab/"
TIMEOUT = 1800
PULL_TIMEOUT = 600
START_TIMEOUT = 120
RECORD = {"pclass": 1, "sex": "female", "age": 30.0, "fare": 50.0}
"""The row that a started image is asked for."""

_SENT = re.compile(r"transferring context: ([\d.]+)([kMG]?)B")
_UNITS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3}


class LabError(Exception):
    """One line that says why something could not be measured."""


@dataclass(frozen=True)
class Build:
    """What a build cost. sent: the bytes of its context that went to the engine."""

    tag: str
    seconds: float
    sent: int


class Engine:
    """Builds, starts, measures; and removes what it made."""

    def __init__(self) -> None:
        self.python_image = os.environ.get("PYTHON_IMAGE") or "python:3.13-slim-trixie"
        self.full_image = os.environ.get("FULL_PYTHON_IMAGE") or "python:3.13-trixie"
        self.authority = os.environ.get("BUILD_CA_FILE")
        self.tags: set[str] = set()

    def docker(self, *arguments: str, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
        """`docker ARGUMENTS`, which succeeded."""
        environment = os.environ | {"DOCKER_BUILDKIT": "1"}
        try:
            done = subprocess.run(
                ["docker", *arguments],  # noqa: S607 - the client in the PATH
                capture_output=True,
                text=True,
                timeout=timeout,
                env=environment,
                check=False,
            )
        except FileNotFoundError as error:
            raise LabError("there is no program 'docker'") from error
        except subprocess.TimeoutExpired as error:
            raise LabError(f"docker {arguments[0]} took more than {timeout:g} s") from error
        if done.returncode:
            raise LabError(_last_line(done.stderr) or f"docker {arguments[0]} failed")
        return done

    def have(self, image: str) -> None:
        """Make sure of a base image: the one that is here, else the registry's."""
        try:
            self.docker("image", "inspect", image)
        except LabError:
            say(f"pulling {image}")
            try:
                self.docker("pull", "--quiet", image, timeout=PULL_TIMEOUT)
            except LabError as error:
                raise LabError(f"{image} cannot be pulled here") from error

    def build(self, name: str, file: Path, context: Path, *options: str, **values: str) -> Build:
        """Build pilotboat-lab/NAME."""
        tag = PREFIX + name
        say(f"building {tag}")
        given = {"PYTHON_IMAGE": self.python_image} | values
        arguments = ["build", "--progress=plain", "--file", str(file), "--tag", tag, *options]
        for argument, value in _used(given, file).items():
            arguments += ["--build-arg", f"{argument}={value}"]
        if self.authority:
            arguments += ["--secret", f"id=ca,src={self.authority}"]
        began = time.perf_counter()
        done = self.docker(*arguments, str(context))
        seconds = time.perf_counter() - began
        self.tags.add(tag)
        sent = [float(number) * _UNITS[unit] for number, unit in _SENT.findall(done.stderr)]
        return Build(tag, seconds, int(max(sent, default=0)))

    def size(self, image: str) -> int:
        """The bytes of an image."""
        return int(self.docker("image", "inspect", "--format", "{{.Size}}", image).stdout)

    def start(self, image: str) -> float:
        """Seconds from `docker run` to the first answer."""
        name, port = f"pilotboat-lab-{uuid.uuid4().hex[:12]}", _free_port()
        began = time.perf_counter()
        try:
            self.docker(
                "run", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:8000", image
            )
            while not _answers(port):
                if time.perf_counter() - began > START_TIMEOUT or not self._runs(name):
                    log = self.docker("logs", "--tail", "5", name)
                    raise LabError(f"it does not answer: {_last_line(log.stdout + log.stderr)}")
                time.sleep(0.02)
            return time.perf_counter() - began
        finally:
            subprocess.run(
                ["docker", "rm", "--force", "--volumes", name],  # noqa: S607
                capture_output=True,
                check=False,
            )

    def _runs(self, name: str) -> bool:
        running = self.docker("inspect", "--format", "{{.State.Running}}", name)
        return running.stdout.strip() == "true"

    def clean(self) -> None:
        """Remove every image that was built, and the large contexts from the build's cache."""
        say(f"removing {len(self.tags)} images")
        commands: list[tuple[str, ...]] = [
            ("image", "rm", "--force", tag) for tag in sorted(self.tags)
        ]
        commands += [
            ("builder", "prune", "--force", "--filter", f"id={one}") for one in self._contexts()
        ]
        for command in commands:
            try:
                self.docker(*command)
            except LabError as error:
                say(f"docker {command[0]} {command[-1]}: {error}")
        self.tags.clear()

    def _contexts(self) -> list[str]:
        """What the build's cache keeps of the lab's contexts."""
        try:
            told = self.docker("system", "df", "--verbose", "--format", "{{json .BuildCache}}")
            return [one["ID"] for one in json.loads(told.stdout) if PREFIX in one["Description"]]
        except (LabError, ValueError, KeyError, TypeError):
            return []


def say(text: str) -> None:
    """A line of progress."""
    print(f"lab: {text}", file=sys.stderr, flush=True)  # noqa: T201


def _used(given: Mapping[str, str], file: Path) -> dict[str, str]:
    """Those arguments that the Dockerfile knows; the engine warns of others."""
    known = set(re.findall(r"^ARG (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    return {name: value for name, value in given.items() if name in known}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict",
        json.dumps(RECORD).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - http://127.0.0.1
            return bool(json.load(answer)["prediction"])
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _last_line(text: str) -> str:
    """What a client said at the end; of a failed build, what its last step said."""
    step = re.search(r"^ > \[.*:\n(.*?)^------$", text, re.MULTILINE | re.DOTALL)
    lines = [" ".join(line.split()) for line in (step.group(1) if step else text).splitlines()]
    return next((line for line in reversed(lines) if line), "").removeprefix("ERROR: ")[:200]
