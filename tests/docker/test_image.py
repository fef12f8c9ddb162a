"""The image: its size, what is in it, what an edit of the source builds again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.docker.engine import IMAGE, NAME, ROOT, Container, docker, run
from tests.factories import PILOTBOAT, pack_titanic

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

LOADED = """
import importlib.util, os, signal, sys, threading, time, urllib.request

def look():
    for _ in range(600):
        time.sleep(0.1)
        try:
            urllib.request.urlopen("http://127.0.0.1:8000/health").read()
        except OSError:
            continue
        break
    files = {getattr(m, "__file__", None) or "" for m in list(sys.modules.values())}
    files = {f for f in files if f.endswith(".py") and f != "/look.py"}
    cold = [f for f in files if not os.path.exists(importlib.util.cache_from_source(f))]
    print("LOADED", len(files), "COLD", len(cold), *sorted(cold), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=look, daemon=True).start()
sys.argv = ["pilotboat", "serve"]
from pilotboat.cli.main import main
main()
"""


def test_size(image: str) -> None:
    assert int(docker("image", "inspect", "--format={{.Size}}", image)) <= 365e6


def test_inspection_finds_nothing_against_it(image: str) -> None:
    done = run(*PILOTBOAT, "image", "inspect", "--json", image)
    told = json.loads(done.stdout)
    assert [one for one in told["checks"] if not one["passed"]] == []
    assert len(told["checks"]) >= 13
    assert done.returncode == 0
    assert told["wasted"]["bytes"] == 0


def test_what_its_base_sets_is_set(image: str) -> None:
    said = docker("run", "--rm", "--entrypoint=sh", image, "-c", "locale charmap; command -v ls")
    assert said.split() == ["UTF-8", "/usr/bin/ls"]


@pytest.mark.parametrize(("answered_by", "modules"), [("plan", 400), ("sklearn", 1000)])
def test_server_finds_byte_code_of_what_it_imports(
    image: str, tmp_path: Path, answered_by: str, modules: int
) -> None:
    pack_titanic(tmp_path / "models", engine=answered_by)
    tmp_path.chmod(0o755)
    (tmp_path / "look.py").write_text(LOADED, encoding="utf-8")
    mounts = (f"--volume={tmp_path}/models:/models:ro", f"--volume={tmp_path}/look.py:/look.py:ro")
    one = "--env=PILOTBOAT_WORKERS=1"  # in the process that looks
    done = run("docker", "run", "--rm", one, *mounts, "--entrypoint=python", image, "/look.py")
    found = re.search(r"LOADED (\d+) COLD (\d+)(.*)", done.stdout)
    assert found, done.stderr
    assert int(found[1]) > modules
    # A few modules that are imported inside functions may be compiled anew; they are small.
    assert int(found[2]) <= 0.02 * int(found[1]), found[3]


def test_edit_of_the_source_builds_no_dependency_again(image: str, project: Path) -> None:
    with (project / "src" / "pilotboat" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write(f"# edited by {NAME}\n")
    done = run(
        "sh", "docker/build.sh", "--progress=plain", cwd=project, env={"IMAGE": f"{NAME}-edited"}
    )
    try:
        assert done.returncode == 0, done.stderr
        steps = dict(
            re.findall(r"^#(\d+) \[(\w+ +\d+/\d+)\] (?:RUN|COPY)", done.stderr, re.MULTILINE)
        )
        cached = set(re.findall(r"^#(\d+) CACHED$", done.stderr, re.MULTILINE))
        again = {name.split()[0] for number, name in steps.items() if number not in cached}
        assert {"dependencies", "hardened", "lock", "poetry", "wheel"} <= {
            name.split()[0] for name in steps.values()
        }
        assert again <= {"wheel", "runtime"}
        assert "wheel" in again
        before, after = layers(image), layers(f"{NAME}-edited")
        assert before[:-1] == after[:-1]
        assert before[-1] != after[-1]
    finally:
        docker("rmi", "--force", f"{NAME}-edited:latest", f"{NAME}-edited:{version()}")


def layers(image: str) -> list[str]:
    told: list[str] = json.loads(docker("inspect", "--format={{json .RootFS.Layers}}", image))
    return told


def test_labels(image: str) -> None:
    labels = json.loads(docker("image", "inspect", "--format={{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.version"] == version()
    assert re.fullmatch(r"[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
    assert re.match(r"(https?|pkg):", labels["org.opencontainers.image.source"])
    assert docker("run", "--rm", image, "--version").endswith(version())


def version() -> str:
    found = re.search(
        '^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert found
    return found[1]


def test_authority_is_in_no_layer(image: str) -> None:
    assert "ca-certificates.crt" not in docker("history", "--no-trunc", image)
    look = "ls -A /run/secrets 2>/dev/null; pip config list 2>/dev/null; env"
    said = docker("run", "--rm", "--entrypoint=sh", image, "-c", look)
    assert not re.search("CERT|CA_BUNDLE|crt|pem", said)


def test_models_can_be_baked_in(image: str, models: Path, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {IMAGE}\nCOPY titanic /models/titanic\n", encoding="utf-8"
    )
    run("cp", "-r", models / "titanic", tmp_path / "titanic")
    docker("build", "--quiet", f"--tag={NAME}-baked", tmp_path)
    try:
        with Container("--publish=127.0.0.1::8000", f"{NAME}-baked", name="baked") as baked:
            baked.wait_healthy()
            with baked.client() as client:
                assert client.get("/v1/models").json() == {"models": ["titanic"]}
    finally:
        docker("rmi", "--force", f"{NAME}-baked")
