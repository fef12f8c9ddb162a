"""The Docker client, and a stand-in for it that answers from files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pilotboat.cli.image import image
from pilotboat.cli.main import exit_code
from pilotboat.errors import DataError, EnvironmentFault, PilotboatError
from pilotboat.image import docker
from tests.image.archives import GOOD, member, oci, tar

GOOD_LAYER = tar(member("app/"), member("app/main.py", b"x" * 5000))
BAD_LAYER = tar(
    member("app/main.py", b"y" * 5000),
    member("app/.env", b"PASSWORD=hunter2"),
    member("usr/bin/curl", b"x", mode=0o4755),
    member("evil\x1b[2J", b"x"),
)
BAD = {
    "Env": ["DB_PASSWORD=hunter2"],
    "Entrypoint": ["/bin/sh", "-c", "serve"],
    "Labels": None,
}


def client(
    home: Path, stream: bytes = b"", config: Any = None, said: str = "", code: int = 0
) -> str:
    """A program that answers `image inspect` and `image save`, or fails at what it is told to."""
    (home / "saved.tar").write_bytes(stream)
    told = [{"Id": "sha256:" + "ab" * 32, "Os": "linux", "Architecture": "arm64", "Config": config}]
    (home / "inspected.json").write_text(json.dumps(told) if config is not None else "no JSON")
    program = home / "docker"
    program.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, shutil, sys\n"
        "home = pathlib.Path(__file__).parent\n"
        f"sys.stderr.write({said!r})\n"
        "assert sys.argv[1] == 'image' and sys.argv[3:] == ['--', 'tag'], sys.argv\n"
        "name = {'inspect': 'inspected.json', 'save': 'saved.tar'}[sys.argv[2]]\n"
        "shutil.copyfileobj((home / name).open('rb'), sys.stdout.buffer)\n"
        f"sys.exit({code} if sys.argv[2] == 'save' or {config is None} else 0)\n"
    )
    program.chmod(0o755)
    return str(program)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(image, ["inspect", "tag", *arguments], terminal_width=100)


def test_a_good_image_exits_with_0(tmp_path: Path) -> None:
    program = client(tmp_path, oci([GOOD_LAYER], ["COPY . ."]), GOOD)
    done = invoke("--docker", program)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "tag  5.0 kB  linux/arm64  sha256:abababababab"
    assert lines[-1] == "  13 of 13 checks passed, 0 failed"
    assert "      1     5.0 kB  COPY . ." in lines


def test_a_bad_one_with_the_number_of_failed_checks(tmp_path: Path) -> None:
    made = ["COPY . .", "RUN |1 API_TOKEN=hunter2 /bin/sh -c echo " + "x" * 200]
    program = client(tmp_path, oci([GOOD_LAYER, BAD_LAYER], made), BAD)
    done = invoke("--docker", program)
    assert done.exit_code == done.output.count("FAIL") == 11, done.output
    assert "hunter2" not in done.output
    assert "\x1b" not in done.output
    assert "  1 → 2       5.0 kB  written again  /app/main.py" in done.output
    assert max(map(len, done.output.splitlines())) <= 100


def test_the_same_as_json(tmp_path: Path) -> None:
    program = client(tmp_path, oci([GOOD_LAYER, BAD_LAYER], ["COPY . .", "RUN make"]), BAD)
    done = invoke("--json", "--docker", program)
    told = json.loads(done.output)
    assert told["failed"] == done.exit_code
    assert told["platform"] == "linux/arm64"
    assert told["layers"][1] == {"number": 2, "size": 5018, "files": 4, "made_by": "RUN make"}
    assert told["wasted"]["files"] == 1
    assert told["wasted"]["biggest"][0]["path"] == "app/main.py"
    assert {check["name"] for check in told["checks"] if check["passed"]} == {
        "stop signal",
        "history",
        "caches",
    }
    assert "hunter2" not in done.output


def test_help_shows_examples() -> None:
    done = invoke("--help")
    assert "pilotboat image inspect pilotboat" in done.output
    assert invoke("--nonsense").exit_code == 2


@pytest.mark.parametrize(
    ("said", "code", "text"),
    [
        ("Error response from daemon: No such image: tag\n", "image-missing", "docker pull tag"),
        ("Cannot connect to the Docker daemon at unix:///x.", "docker-down", "Start it"),
        (
            "permission denied while trying to connect to the socket",
            "docker-denied",
            "group docker",
        ),
        ("\nsomething else\n", "docker-failed", "something else"),
        ("", "docker-failed", "no reason given"),
    ],
)
def test_what_the_client_says_becomes_a_remedy(
    tmp_path: Path, said: str, code: str, text: str
) -> None:
    error = invoke("--docker", client(tmp_path, said=said, code=1)).exception
    assert isinstance(error, EnvironmentFault)
    assert (error.code, exit_code(error)) == (code, 4)
    assert text in str(error)


@pytest.mark.parametrize("program", ["/nowhere/docker", "/"])
def test_no_client(program: str) -> None:
    error = invoke("--docker", program).exception
    assert isinstance(error, EnvironmentFault)
    assert "--docker PATH" in error.hint
    with pytest.raises(EnvironmentFault), docker.saved("tag", program):
        pass


def test_something_else_than_a_client(tmp_path: Path) -> None:
    error = invoke("--docker", client(tmp_path)).exception
    assert isinstance(error, EnvironmentFault)


def test_a_client_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(0o755)
    monkeypatch.setattr(docker, "TIMEOUT", 0.2)
    with pytest.raises(EnvironmentFault, match="did not answer"):
        docker.inspect("tag", str(program))


@pytest.mark.parametrize(
    ("said", "code", "kind"),
    [("disk full", 1, EnvironmentFault), ("", 1, DataError), ("a warning", 0, DataError)],
)
def test_a_stream_that_ends_too_early(
    tmp_path: Path, said: str, code: int, kind: type[PilotboatError]
) -> None:
    stream = oci([GOOD_LAYER], ["COPY . ."])[:3000]
    error = invoke("--docker", client(tmp_path, stream, GOOD, said, code)).exception
    assert isinstance(error, kind), repr(error)


def test_a_client_that_fails_at_the_end(tmp_path: Path) -> None:
    stream = oci([GOOD_LAYER], ["COPY . ."])
    error = invoke("--docker", client(tmp_path, stream, GOOD, code=1)).exception
    assert isinstance(error, EnvironmentFault)


def test_whoever_stops_reading_ends_the_client(tmp_path: Path) -> None:
    program = client(tmp_path, b"\0" * 1_000_000, GOOD)
    with pytest.raises(KeyboardInterrupt), docker.saved("tag", program):
        raise KeyboardInterrupt


def test_the_command_is_quick_to_import() -> None:
    code = "import sys, pilotboat.cli.image; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pydantic", "fastapi", "sklearn", "pandas"} & set(done.stdout.split())
