"""The container: hardened, healthy, scoring files, stopping, and what it says when it cannot run."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.docker.engine import HARDENED, ROOT, ROW, Container, docker, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_hardened_container_answers_and_stops(image: str, models: Path, workers: str) -> None:
    mount = f"--volume={models}:/models:ro"
    arguments = (*HARDENED, "--publish=127.0.0.1::8000", mount, image, "serve", "--workers")
    with Container(*arguments, workers) as server:
        server.wait_healthy()
        with server.client() as client:
            answer = client.post("/v1/models/titanic:predict", json={"instances": [ROW]})
        assert answer.json()["predictions"] == ["yes"]
        begun = time.monotonic()
        docker("stop", server.name)
        taken = time.monotonic() - begun
        assert server.inspect("{{.State.ExitCode}}") == "0"
        assert taken < 8  # Docker kills after 45
        assert "Traceback" not in server.logs


def test_any_user_without_a_network(image: str, models: Path) -> None:
    """D12"""
    more = ("--user=123456:0", "--network=none", f"--volume={models}:/models:ro")
    with Container(*HARDENED, *more, image) as server:
        server.wait_healthy()
        assert docker("exec", server.name, "pilotboat", "health") == "healthy"
        docker("exec", server.name, "sh", "-c", "echo kept >/var/lib/pilotboat/file")


def test_server_that_hangs_is_found_unhealthy(image: str, models: Path) -> None:
    quick = ("--health-interval=1s", "--health-timeout=2s", "--health-retries=2")
    one = (image, "serve", "--workers=1")  # workers would go on without their supervisor
    with Container(*HARDENED, *quick, f"--volume={models}:/models:ro", *one) as server:
        server.wait_healthy()
        docker("kill", "--signal=STOP", server.name)
        for _ in range(300):
            if server.inspect("{{.State.Health.Status}}") == "unhealthy":
                break
            time.sleep(0.1)
        assert server.inspect("{{.State.Health.Status}}") == "unhealthy"


def test_a_file_is_scored(image: str, models: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (tmp_path / "rows.csv").write_text("class,sex,age\n1st,female,adult\n", encoding="utf-8")
    mounts = (f"--volume={tmp_path}:/data", f"--volume={models}:/models:ro")
    docker("run", "--rm", *mounts, image, "predict", "/models/titanic", "rows.csv", "-o", "out.csv")
    assert (
        (tmp_path / "out.csv").read_text("utf-8").splitlines()[1].startswith("1st,female,adult,y")
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_without_tmp(image: str, models: Path, workers: str) -> None:
    """D02"""
    arguments = ("--read-only", f"--volume={models}:/models:ro", image, "serve", "--workers")
    with Container(*arguments, workers) as server:
        server.wait_healthy()


def test_too_little_shared_memory_is_said(image: str, models: Path) -> None:
    """D03"""
    little = ("--read-only", "--shm-size=64k", f"--volume={models}:/models:ro", image)
    done = run("docker", "run", "--rm", *little, "serve", "--workers=2", timeout=60)
    assert done.returncode == 4
    said = [line for line in done.stderr.splitlines() if line.startswith("pilotboat: ")]
    assert len(said) == 1
    assert "1,572,864 bytes: /dev/shm has 65,536 bytes free" in said[0]
    with Container(*little, "serve", "--workers=1") as server:
        server.wait_healthy()


def test_workers_are_planned_from_the_quota(image: str, models: Path) -> None:
    """F16: never from what the host has."""
    with Container("--cpus=1", f"--volume={models}:/models:ro", image) as server:
        server.wait_healthy()
        assert "1 worker of 1 thread: 1 processor by the control group's quota" in server.logs


def doctor(image: str, models: Path, *given: str) -> subprocess.CompletedProcess[str]:
    mount = f"--volume={models}:/models:ro"
    return run("docker", "run", "--rm", "--read-only", *given, mount, image, "doctor")


def test_the_doctor_in_half_a_processor_says_what_is_documented(image: str, models: Path) -> None:
    """D06: every figure that is not the machine's own is as in the documentation."""
    done = doctor(image, models, "--cpus=0.5", "--memory=256m")
    assert (done.returncode, done.stderr) == (0, "")
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    shown = re.findall(r"```text\n(.*?)```", page, re.DOTALL)[0]
    assert _portable(done.stdout) == _portable(shown)


def _portable(text: str) -> list[str]:
    own = r"CPython.*|, \d+ by affinity.*|[\d,]+ open files allowed|\d+ KiB|no limit on processes.*"
    return [re.sub(own, "", line).rstrip() for line in text.splitlines()]


def test_the_doctor_finds_what_stops_a_server(image: str, tmp_path: Path) -> None:
    """D03, D04, D05"""
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    done = doctor(image, shut, "--memory=40m", "--shm-size=64k", "--user=123456:123456")
    assert done.returncode == 4
    faults = [line for line in done.stdout.splitlines() if line.startswith("  fault ")]
    assert len(faults) == 3
    assert "40 MiB allowed; needs about" in faults[0]
    assert "/dev/shm has 65,536 bytes free" in faults[1]
    assert re.search(r"'/models' cannot be read: .*user \d+, mode 0700", faults[2])
    assert "/var/lib/pilotboat is not writable" in done.stdout


def test_the_doctor_beside_a_server(image: str, models: Path) -> None:
    with Container(*HARDENED, f"--volume={models}:/models:ro", image) as server:
        server.wait_healthy()
        said = docker("exec", server.name, "pilotboat", "doctor", "--deep")
    assert "0.0.0.0 port 8000 is served by Pilotboat: healthy" in said
    assert said.count("golden rows answered") == 3
    assert said.endswith(" 0 fault")


def test_empty_repository_is_served_and_not_ready(image: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    arguments = ("--publish=127.0.0.1::8000", f"--volume={tmp_path}:/models:ro", image)
    with Container(*arguments) as server, server.client() as client:
        for _ in range(300):
            try:
                client.get("/livez")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        answer = client.get("/health")
        assert answer.status_code == 503
        assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("case", ["missing", "unreadable"])
def test_repository_that_cannot_be_read(image: str, tmp_path: Path, case: str) -> None:
    """D04"""
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    given = {
        "missing": ["--env=PILOTBOAT_REPOSITORY=/nowhere"],
        "unreadable": [f"--volume={shut}:/models:ro"],
    }
    done = run("docker", "run", "--rm", "--user=10001:10001", *given[case], image, timeout=60)
    assert done.returncode == 4
    said = [line for line in done.stderr.splitlines() if line.startswith("pilotboat: ")]
    assert len(said) == 1
    assert {"missing": "/nowhere", "unreadable": "/models"}[case] in said[0]


def test_root_is_warned(image: str, models: Path) -> None:
    """D01"""
    with Container("--user=0", f"--volume={models}:/models:ro", image) as server:
        server.wait_healthy()
        assert server.logs.count("running as root") == 1


def test_too_little_memory_is_said_before_a_model_is_loaded(image: str, models: Path) -> None:
    """D05"""
    little = ("--memory=64m", "--memory-swap=64m", f"--volume={models}:/models:ro")
    done = run("docker", "run", "--rm", *little, image, "serve", "--workers=2", timeout=60)
    assert done.returncode == 4
    assert re.fullmatch(r"pilotboat: .*64 MiB.*\n", done.stderr), done.stderr


def test_little_processor_time_is_said(image: str, models: Path) -> None:
    """D06"""
    with Container("--cpus=0.2", f"--volume={models}:/models:ro", image) as server:
        for _ in range(600):
            if "Only 0.2 of a processor is allowed here" in server.logs:
                break
            time.sleep(0.1)
        assert server.logs.count("of a processor") == 1
        assert server.inspect("{{.State.Running}}") == "true"


def test_another_command_gets_no_secret(image: str) -> None:
    """D15"""
    said = docker("run", "--rm", "--entrypoint=sh", image, "-c", "id -u; env")
    assert said.splitlines()[0] == "10001"
    assert not re.search("(PASSW|SECRET|TOKEN|KEY|CREDENTIAL)", said)
    done = run("docker", "run", "--rm", image, "bash")
    assert done.returncode == 2
    assert "bash" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_port_taken_is_docker_s_to_say(image: str, models: Path) -> None:
    """D10"""
    with Container("--publish=127.0.0.1::8000", image, name="first") as first:
        port = docker("port", first.name, "8000/tcp").rpartition(":")[2]
        done = run("docker", "run", "--rm", f"--publish=127.0.0.1:{port}:8000", image)
        assert done.returncode == 125
        assert "port is already allocated" in done.stderr
