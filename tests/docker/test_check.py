"""docker/check.sh: green on a hardened container, red on a softened one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.docker.engine import HARDENED, IMAGES, ROOT, Container, copy_of_project, docker, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

IMAGE_ROWS = [f"I{number}" for number in (1, 3, 6, 7, 8, 9, *range(11, 18))]
RUNNING = (2, 3, 4, 5, *range(7, 17), 18, 19, 20, 21, 24, 25, 27)
ROWS = IMAGE_ROWS + [f"R{number}" for number in RUNNING]


def check(image: str, container: str, project: Path = ROOT) -> tuple[int, dict[str, str]]:
    done: subprocess.CompletedProcess[str] = run(
        "sh", project / "docker" / "check.sh", image, container
    )
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    return done.returncode, {one[0]: one[1] for one in lines if len(one) == 3 and one[0] in ROWS}


def test_hardened_container_passes(image: str, models: Path) -> None:
    with Container(*HARDENED, f"--volume={models}:/models:ro", image) as server:
        server.wait_healthy()
        code, rows = check(image, server.name)
    assert list(rows) == ROWS
    assert {row for row, result in rows.items() if result != "pass"} == set()
    assert code == 0


def test_bare_container_fails(image: str, models: Path) -> None:
    with Container(f"--volume={models}:/models", image) as server:
        server.wait_healthy()
        code, rows = check(image, server.name)
    red = {row for row, result in rows.items() if result == "FAIL"}
    assert red >= {"R2", "R4", "R8", "R9", "R10", "R11", "R13", "R15", "R18", "R21", "R25", "R27"}
    assert code == len(red)


def test_careless_container_fails_the_other_rows(image: str, models: Path) -> None:
    careless = (
        "--privileged",
        "--pid=host",
        "--publish=0.0.0.0::8000",
        "--security-opt=seccomp=unconfined",
        "--env=DATABASE_PASSWORD=letmein",
        "--device=/dev/null:/dev/zero2",
        "--no-healthcheck",
        "--volume=/etc:/host:ro",
    )
    with Container(*careless, f"--volume={models}:/models:ro", image) as server:
        code, rows = check(image, server.name)
    red = {row for row, result in rows.items() if result == "FAIL"}
    assert red >= {"R3", "R4", "R7", "R12", "R14", "R16", "R19", "R24"}
    assert code == len(red)


def test_careless_image_fails(image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"""FROM {image}
USER 0
RUN cp /bin/cat /usr/bin/curl && cp /bin/cat /bin/other && chmod 4755 /bin/other \\
    && chmod -R a+w /opt/venv/bin && touch /var/lib/apt/lists/deb_list && echo x >/models/model
ENV PYTHONDONTWRITEBYTECODE=
LABEL org.opencontainers.image.revision=
USER nobody
HEALTHCHECK CMD curl http://127.0.0.1:8000
STOPSIGNAL SIGINT
ENTRYPOINT pilotboat serve /var/lib
""",
        encoding="utf-8",
    )
    careless = f"{image.partition(':')[0]}-careless"
    docker("build", "--quiet", f"--tag={careless}", tmp_path)
    try:
        with Container("--entrypoint=sleep", careless, "60", name="careless") as server:
            _, rows = check(careless, server.name)
            _, other = check(image, server.name)
    finally:
        docker("rmi", "--force", careless)
    red = {row for row, result in rows.items() if result == "FAIL"}
    assert red >= {"I1", "I3", "I6", "I7", "I8", "I12", "I13", "I15", "I16", "I17", "R5"}
    assert other["R20"] == "FAIL"


def test_careless_dockerfile_fails(image: str, models: Path, tmp_path: Path) -> None:
    project = copy_of_project(tmp_path)
    file = project / "docker" / "Dockerfile"
    text = file.read_text(encoding="utf-8").replace("--require-hashes ", "", 1)
    file.write_text(text.replace("COPY src src", "ADD src src"), encoding="utf-8")
    with file.with_name("Dockerfile.dockerignore").open("a", encoding="utf-8") as rules:
        rules.write("!.env\n")
    (project / ".env").write_text("PASSWORD=letmein\n", encoding="utf-8")
    with Container(*HARDENED, f"--volume={models}:/models:ro", image) as server:
        server.wait_healthy()
        code, rows = check(image, server.name, project)
    assert {row for row, result in rows.items() if result == "FAIL"} == {"I9", "I11", "I14"}
    assert code == 3


def test_careless_container_of_another_s_fails(engine: None) -> None:
    with Container("--publish=0.0.0.0::6379", IMAGES["redis"], name="careless") as redis:
        done = run("sh", "docker/check.sh", redis.name)
    rows = dict(re.findall(r"^(\w\d+) +(pass|FAIL) ", done.stdout, re.MULTILINE))
    assert set(rows) == {row for row in ROWS if row.startswith("R") and row != "R20"}
    red = {row for row, result in rows.items() if result == "FAIL"}
    assert red >= {"R2", "R4", "R8", "R9", "R10", "R11", "R12", "R13", "R15", "R18", "R19", "R21"}
    assert done.returncode == len(red)


def test_nothing_to_look_into_is_no_pass(image: str) -> None:
    assert run("sh", "docker/check.sh", image, "no-such-container").returncode == 125
    assert run("sh", "docker/check.sh", "no-such-image", "no-such-container").returncode == 125
    assert run("sh", "docker/check.sh", "no-such-container").returncode == 125
    assert run("sh", ROOT / "docker" / "check.sh").returncode == 125
