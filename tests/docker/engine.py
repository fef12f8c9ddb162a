"""Images, containers and stacks for tests. Whatever is started is named for this process and removed."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

ROOT = Path(__file__).parents[2]
NAME = f"pilotboat-test-{os.getpid()}"
IMAGE = f"{NAME}:latest"
IMAGES = {
    "postgres": os.environ.get("POSTGRES_IMAGE", "postgres:17"),
    "redis": os.environ.get("REDIS_IMAGE", "redis:8"),
}
ROW = {"class": "1st", "sex": "female", "age": "adult"}

HARDENED = [
    "--read-only",
    "--tmpfs=/tmp:noexec,nosuid,nodev,size=64m",
    "--shm-size=16m",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=128",
    "--memory=512m",
    "--memory-swap=512m",
    "--cpus=2",
    "--ulimit=nofile=4096:4096",
    "--ulimit=core=0",
    "--restart=unless-stopped",
    "--stop-timeout=45",
    "--log-opt=max-size=10m",
    "--log-opt=max-file=5",
]


def run(
    *command: str | Path,
    cwd: Path = ROOT,
    timeout: float = 900,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """A command's exit code and output; it may fail."""
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        env=environment(env or {}),
    )


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Ours, without settings of Pilotboat and what would lead compose elsewhere."""
    dropped = ("PILOTBOAT_", "COMPOSE_")
    return {k: v for k, v in os.environ.items() if not k.startswith(dropped)} | dict(more)


def docker(*arguments: str | Path, **options: Any) -> str:
    """What a docker command prints; it must not fail."""
    done = run("docker", *arguments, **options)
    assert done.returncode == 0, f"docker {' '.join(map(str, arguments))}: {done.stderr}"
    return done.stdout.strip()


def available() -> bool:
    """Whether an engine answers."""
    return shutil.which("docker") is not None and run("docker", "info").returncode == 0


def copy_of_project(to: Path) -> Path:
    """What the scripts under docker/ need, in a folder that a test may change."""
    ignore = shutil.ignore_patterns("__pycache__", "build", "certs", "keys", "lab", "secrets")
    for name in ("docker", "examples", "scripts", "src"):
        shutil.copytree(ROOT / name, to / name, ignore=ignore)
    for name in ("pyproject.toml", "poetry.lock", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, to / name)
    return to


class Container:
    """`docker run`, until left. Not answering by then is for the test to find out."""

    def __init__(self, *arguments: str | Path, name: str = "server") -> None:
        self.name = f"{NAME}-{name}"
        self.arguments = arguments

    def __enter__(self) -> Self:
        docker("run", "--detach", f"--name={self.name}", *self.arguments)
        return self

    def inspect(self, template: str) -> str:
        return docker("inspect", "--format", template, self.name)

    @property
    def logs(self) -> str:
        done = run("docker", "logs", self.name)
        return done.stdout + done.stderr

    def wait_healthy(self, seconds: float = 90) -> float:
        """Seconds until the engine calls it healthy."""
        begun = time.monotonic()
        while (taken := time.monotonic() - begun) < seconds:
            state = json.loads(self.inspect("{{json .State}}"))
            assert state["Running"], self.logs
            if state["Health"]["Status"] == "healthy":
                return taken
            time.sleep(0.1)
        raise AssertionError(f"not healthy after {seconds} s: {self.logs}")

    def wait_exit(self, seconds: float = 60) -> int:
        """The exit code, once it has ended by itself."""
        return int(docker("wait", self.name, timeout=seconds))

    def client(self) -> httpx.Client:
        address = docker("port", self.name, "8000/tcp").splitlines()[0]
        return httpx.Client(base_url=f"http://{address}", timeout=30)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        run("docker", "rm", "--force", "--volumes", self.name)


class Stack:
    """`sh docker/stack.sh up` or `dev` in a copy of the project, taken down when left."""

    def __init__(self, project: Path, models: Path, **env: str) -> None:
        self.project = project
        self.name = f"{NAME}-stack"
        self.env = {
            "COMPOSE_PROJECT_NAME": self.name,
            "MODELS": str(models),
            "IMAGE": IMAGE,
            "PUBLISH_ADDRESS": "127.0.0.1",
            "PILOTBOAT_MODEL": "titanic",
            "MEMORY": "768m",
        } | env

    def __enter__(self) -> Self:
        return self

    def do(self, verb: str, **more: str) -> subprocess.CompletedProcess[str]:
        return run("sh", "docker/stack.sh", verb, cwd=self.project, env=self.env | more)

    def container(self, service: str) -> str:
        return f"{self.name}-{service}-1"

    def sql(self, query: str) -> str:
        """What the database says, as its superuser inside of the container."""
        psql = ("psql", "--no-psqlrc", "--tuples-only", "--no-align", "pilotboat")
        return docker("exec", self.container("postgres"), *psql, f"--command={query}")

    def kept(self, request: str) -> tuple[int, int]:
        """Rows in the database, and of how many requests. request: an id, with % for anything."""
        counts = "SELECT count(*) || ' ' || count(DISTINCT request) FROM predictions"
        rows, requests = self.sql(f"{counts} WHERE request LIKE '{request}'").split()
        return int(rows), int(requests)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        down = ("down", "--volumes", "--remove-orphans", "--timeout=10")
        run("docker", "compose", "--project-name", self.name, *down)
        kept = (f"{self.name}-dev-state", f"{self.name}-dev-postgres")
        run("docker", "volume", "rm", "--force", *kept)


class Production:
    """The stack as `make up` starts it, and a client that trusts its certificate."""

    def __init__(self, stack: Stack, http: int, https: int) -> None:
        self.stack, self.http, self.https = stack, http, https
        certificate = stack.project / "docker" / "certs" / "server.crt"
        self.context = ssl.create_default_context(cafile=str(certificate))
        name, _, key = (stack.project / "docker" / "keys" / "header").read_text().partition(": ")
        self.key = {name: key.strip()}

    def client(self, **headers: str) -> httpx.Client:
        """A client that shows the key which `make up` made, unless it is given other headers."""
        return httpx.Client(
            base_url=f"https://localhost:{self.https}",
            verify=self.context,
            timeout=30,
            headers=headers or self.key,
        )
