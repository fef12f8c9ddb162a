"""The image without scikit-learn: it serves what is compiled."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import HARDENED, NAME, ROW, Container, docker, run
from tests.factories import pack_titanic, passengers
from tests.factories import run as pilotboat

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
ABSENT = ("sklearn", "scipy", "pandas", "joblib", "skops")


@pytest.fixture(scope="module")
def slim(image: str) -> Iterator[str]:
    """`make build` with TARGET=slim, after the production image: they share their layers' cache."""
    done = run("sh", "docker/build.sh", "--quiet", env={"IMAGE": NAME, "TARGET": "slim"})
    assert done.returncode == 0, done.stderr
    yield f"{NAME}:slim"
    run("docker", "rmi", "--force", f"{NAME}:slim")


def test_it_is_small_and_lacks_what_it_does_not_need(slim: str) -> None:
    assert int(docker("image", "inspect", "--format={{.Size}}", slim)) <= 200e6
    find = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert docker("run", "--rm", "--entrypoint=python", slim, "-c", find, *ABSENT) == "[]"


def test_the_example_in_128_megabytes(slim: str, models: Path) -> None:
    small = [one for one in HARDENED if not one.startswith("--memory")]
    limits = ("--memory=128m", "--memory-swap=128m", "--env=PILOTBOAT_MODEL=titanic")
    volume = f"--volume={models}:/models:ro"
    with Container(
        *small,
        *limits,
        volume,
        "--publish=127.0.0.1::8000",
        slim,
        "serve",
        "--workers=2",
        name="slim",
    ) as server:
        server.wait_healthy()
        with server.client() as client:
            answers = [client.post("/predict", json=ROW).json() for _ in range(200)]
        assert {one["prediction"] for one in answers} == {"yes"}
        assert server.inspect("{{.State.OOMKilled}} {{.RestartCount}}") == "false 0"
        assert "titanic 1 is served by plan" in server.logs


def test_the_same_answers_as_where_it_was_packed(slim: str, tmp_path: Path) -> None:
    bundle = pack_titanic(tmp_path / "models", engine="plan")
    tmp_path.chmod(0o755)
    passengers(50).drop(columns="survived").to_csv(tmp_path / "rows.csv", index=False)
    here = pilotboat("predict", bundle.path, tmp_path / "rows.csv")
    assert here.returncode == 0, here.stderr
    mounts = (f"--volume={tmp_path}:/data:ro",)
    there = docker("run", "--rm", *mounts, slim, "predict", "models/titanic/1", "rows.csv")
    assert _answers(there) == _answers(here.stdout)


def _answers(text: str) -> list[str]:
    """The lines of a table, its numbers to fifteen digits: one processor may round otherwise."""
    shorter = re.sub(r"\d+\.\d{15,}", lambda found: f"{float(found[0]):.14g}", text)
    return shorter.strip().splitlines()


def test_what_is_not_compiled_is_refused_by_name(slim: str, tmp_path: Path) -> None:
    pack_titanic(tmp_path, engine="sklearn")
    tmp_path.chmod(0o755)
    done = run(
        "docker",
        "run",
        "--rm",
        f"--volume={tmp_path}:/models:ro",
        slim,
        "inspect",
        "/models/titanic/1",
    )
    assert done.returncode == 0, done.stderr
    with Container(
        f"--volume={tmp_path}:/models:ro", "--publish=127.0.0.1::8000", slim, name="slim"
    ) as server:
        with server.client() as client:
            for _ in range(100):
                if "Application startup complete" in server.logs:
                    break
                time.sleep(0.1)
            ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "only compiled models are served" in server.logs


def test_it_passes_its_own_inspection(slim: str) -> None:
    done = pilotboat("image", "inspect", slim)
    assert done.returncode == 0, done.stdout
