"""The dev container as an editor opens it: the real CLI, run by an account that is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.docker.engine import NAME, ROOT, run
from tests.factories import free_port

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

CLI = "@devcontainers/cli@0.89.0"
SOCKET = Path("/var/run/docker.sock")
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", ".*_cache", ".coverage*", ".env", ".hypothesis", ".tools", ".venv"
)


def left_out(folder: str, names: list[str]) -> set[str]:
    """What a clone would not have, either."""
    found = LEFT_OUT(folder, names)
    return found | {"models"} if Path(folder) == ROOT else found


def must(*command: str | Path, **options: Any) -> str:
    """What a command prints; it must not fail."""
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Workspace:
    """A clone that belongs to an account made for it, in a dev container; nothing stays."""

    def __init__(self, folder: Path) -> None:
        self.home, self.clone, self.cli = folder / "home", folder / NAME, folder / "cli"
        self.user = f"pilotboat{os.getpid()}"
        self.project = f"{NAME}-devcontainer"
        self.image = f"{NAME}-dev"  # `make dev` keeps its own
        # Another number than the image's user has, or nothing would have to follow it.
        taken = {entry.pw_uid for entry in pwd.getpwall()}
        self.uid = next(uid for uid in range(4321, 60000) if uid not in taken)
        self.port = free_port()
        folder.chmod(0o755)  # the account must get through

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self) -> None:
        quiet = ("--loglevel=error", "--no-audit", "--ignore-scripts")
        must("npm", "install", *quiet, "--prefix", self.cli, CLI)
        group = f"--groups={SOCKET.stat().st_gid}"
        home = f"--home-dir={self.home}"
        must("useradd", f"--uid={self.uid}", group, "--create-home", home, self.user)
        shutil.copytree(ROOT, self.clone, ignore=left_out, symlinks=True)
        compose = self.clone / "docker" / "compose.dev.yaml"
        text = compose.read_text(encoding="utf-8")
        compose.write_text(text.replace("image: pilotboat-dev", f"image: {self.image}"), "utf-8")
        must("chown", "--recursive", f"{self.user}:", self.clone)
        self.do("up")

    def do(self, verb: str, *arguments: str) -> str:
        """What `devcontainer VERB` prints."""
        env = {
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "USER": self.user,
            "LOGNAME": self.user,
            "COMPOSE_PROJECT_NAME": self.project,
            "PORT": str(self.port),
        }
        program = self.cli / "node_modules" / ".bin" / "devcontainer"
        where = f"--workspace-folder={self.clone}"
        by = ("runuser", "-u", self.user, "--")
        return must(*by, program, verb, where, *arguments, cwd=self.clone, env=env)

    def __exit__(self, *_: object) -> None:
        # Interrupted, the CLI would go on and start what is taken down here.
        run("runuser", "-u", self.user, "--", "sh", "-c", "kill -KILL -1")
        for _attempt in range(30):
            down = ("down", "--volumes", "--remove-orphans", "--timeout=1")
            run("docker", "compose", "--project-name", self.project, *down)
            # A container that the engine was just making holds its volumes until it is there.
            if not run("docker", "volume", "ls", "--quiet", f"--filter=name={self.project}").stdout:
                break
            time.sleep(1)
        # The CLI names its image, with the account's number, after the folder.
        derived = run("docker", "images", "--quiet", f"vsc-{NAME}-*").stdout.split()
        run("docker", "rmi", "--force", *derived, self.image)
        run("userdel", "--force", self.user)


@pytest.fixture(scope="module")
def workspace(engine: None) -> Iterator[Workspace]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to make an account")
    for program in ("npm", "useradd", "runuser"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    if not SOCKET.is_socket():
        pytest.skip(f"needs {SOCKET}")
    # Not below pytest's folder, which is root's alone.
    with tempfile.TemporaryDirectory(prefix=NAME) as folder, Workspace(Path(folder)) as started:
        yield started


def test_user_inside_has_the_number_of_the_account(workspace: Workspace) -> None:
    assert workspace.do("exec", "id", "--user").strip() == str(workspace.uid)
    workspace.do("exec", "touch", "written")
    for name in ("written", "models"):
        assert (workspace.clone / name).stat().st_uid == workspace.uid


def test_make_check_passes_inside(workspace: Workspace) -> None:
    workspace.do("exec", "make", "check")


def test_an_edit_outside_is_served(workspace: Workspace) -> None:
    source = workspace.clone / "src" / "pilotboat" / "http" / "probes.py"
    with httpx.Client(base_url=f"http://127.0.0.1:{workspace.port}", timeout=30) as client:
        assert eventually(client, '"alive"')
        text = source.read_text(encoding="utf-8")
        source.write_text(text.replace('"status": "alive"', '"status": "edited"'), "utf-8")
        assert eventually(client, '"edited"')


def eventually(client: httpx.Client, word: str) -> bool:
    for _ in range(300):
        try:
            if word in client.get("/livez").text:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    return False
