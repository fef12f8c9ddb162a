"""The stacks: production through nginx over TLS, development with reload."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.docker.engine import ROOT, ROW, Production, Stack, docker, run
from tests.factories import free_port

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

SERVICES = ("server", "nginx", "postgres", "redis")
FILES = ("--file=docker/compose.yaml", "--file=docker/compose.{}.yaml")


def test_prediction_over_tls(production: Production) -> None:
    with production.client() as client:
        answer = client.post("/predict", json=ROW, headers={"X-Request-Id": "mine-1"})
    assert answer.status_code == 200
    assert answer.json()["prediction"] == "yes"
    assert answer.json()["id"] == "mine-1"
    assert answer.headers.get_list("x-request-id") == ["mine-1"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    logs = run("docker", "logs", production.stack.container("nginx")).stdout
    assert '"id":"mine-1"' in logs


def test_production_wants_a_key_and_nobody_sees_it(production: Production) -> None:
    with production.client(accept="application/json") as client:
        problem(client.post("/predict", json=ROW), 401)
        assert client.get("/health").status_code == 200
    key = production.key["X-API-Key"]
    secret = key.rpartition("_")[2]
    for service in ("server", "nginx"):
        name = production.stack.container(service)
        seen = run("docker", "logs", name)
        assert secret not in seen.stdout + seen.stderr
        assert secret not in docker("inspect", name)
    folder = production.stack.project / "docker" / "keys"
    assert secret not in (folder / "keys").read_text()
    modes = [oct(one.stat().st_mode)[-3:] for one in (folder, folder / "keys", folder / "header")]
    assert modes == ["700", "444", "600"]


def test_every_container_is_healthy_and_only_nginx_is_published(production: Production) -> None:
    for service in SERVICES:
        name = production.stack.container(service)
        assert docker("inspect", "--format={{.State.Health.Status}}", name) == "healthy"
        assert service == "nginx" or docker("port", name) == ""
    ports = docker("port", production.stack.container("nginx"))
    assert all("127.0.0.1:" in line for line in ports.splitlines())


@pytest.mark.parametrize(
    "path", ["/metrics", "/admin/x", "/v1/predictions", "/v1/predictions/x", "/v2/repository/index"]
)
def test_what_is_for_operators_is_not_exposed(production: Production, path: str) -> None:
    with production.client() as client:
        problem(client.get(path, headers={"X-Request-Id": f"operators{path}"}), 404)
    logs = run("docker", "logs", production.stack.container("nginx")).stdout
    (line,) = [json.loads(one) for one in logs.splitlines() if f'"operators{path}"' in one]
    assert line["upstream"] == ""


def test_errors_of_nginx_are_problems(production: Production) -> None:
    with production.client() as client:
        problem(client.post("/predict", content=b"0" * 11_000_000), 413)
        problem(client.get("/", headers={"X-Long": "a" * 9000}), 431)
        problem(client.get("/" + "a" * 33_000), 414)
        name = production.stack.container("server")
        docker("pause", name)
        try:
            problem(client.get("/livez"), 504)
        finally:
            docker("unpause", name)


def problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert set(body) >= {"type", "title", "detail", "code", "instance"}
    assert body["instance"] == f"urn:request:{answer.headers['x-request-id']}"


def test_plain_http_is_sent_to_https(production: Production) -> None:
    answer = httpx.post(f"http://localhost:{production.http}/predict?a=1", json=ROW)
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://localhost:{production.https}/predict?a=1"


def test_a_worker_that_dies_is_not_seen(production: Production) -> None:
    name = production.stack.container("server")
    kill = """for p in /proc/[0-9]*; do
        p=${p#/proc/}
        if [ $p != 1 ] && [ $p != $$ ] && kill -9 $p; then break; fi
    done"""

    def ask(_: int) -> set[int]:
        with production.client() as client:
            return {client.post("/predict", json=ROW).status_code for _ in range(250)}

    with ThreadPoolExecutor(4) as pool:
        statuses = pool.map(ask, range(4))
        for _ in range(4):
            time.sleep(0.5)
            docker("exec", name, "sh", "-c", kill)
        assert set().union(*statuses) == {200}


def test_nginx_names_an_upstream_that_is_not_there(production: Production) -> None:
    """D11"""
    nginx = docker("inspect", "--format={{.Config.Image}}", production.stack.container("nginx"))
    folder = ROOT / "docker" / "nginx"
    mounts = (
        f"--volume={folder}/nginx.conf:/etc/nginx/nginx.conf:ro",
        f"--volume={folder}/templates:/etc/nginx/templates:ro",
        f"--volume={production.stack.project}/docker/certs/server.crt:/run/secrets/certificate:ro",
        f"--volume={production.stack.project}/docker/certs/server.key:/run/secrets/key:ro",
        "--tmpfs=/etc/nginx/conf.d:uid=101,gid=101",
        "--env=HTTPS_PORT=8443",
        "--user=101:101",
    )
    done = run("docker", "run", "--rm", *mounts, nginx, "nginx", "-t")
    assert done.returncode == 1
    assert 'host not found in upstream "server:8000" in /etc/nginx/nginx.conf:' in done.stderr
    there = run(
        "docker", "run", "--rm", "--add-host=server:127.0.0.1", *mounts, nginx, "nginx", "-t"
    )
    assert there.returncode == 0, there.stderr


@pytest.mark.parametrize("kind", ["dev", "prod"])
def test_compose_file_is_in_order(engine: None, kind: str, tmp_path: Path) -> None:
    files = [one.format(kind) for one in FILES]
    env = {"CERTS": str(tmp_path), "API_KEYS": str(tmp_path / "keys"), "SECRETS": str(tmp_path)}
    done = run("docker", "compose", *files, "config", "--quiet", env=env)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


def test_compose_names_the_variable_that_is_missing(engine: None) -> None:
    """D08"""
    files = [one.format("prod") for one in FILES]
    makes = {"CERTS": "make certs", "API_KEYS": "make key", "SECRETS": "make secrets"}
    for variable, command in makes.items():
        env = {name: "/srv/it" for name in makes if name != variable}
        done = run("docker", "compose", *files, "config", env=env)
        assert done.returncode != 0
        assert f"variable {variable} is missing a value" in done.stderr
        assert command in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is a directory"),
        ("", "is not PEM: no line begins with -----BEGIN"),
        ("\ufeff-----BEGIN CERTIFICATE-----\n", "is not PEM: no line begins with -----BEGIN"),
    ],
)
def test_a_certificate_that_is_none_is_said(
    image: str, models: Path, project: Path, tmp_path: Path, text: str | None, said: str
) -> None:
    """D07"""
    file = tmp_path / "server.crt"
    if text is None:
        file.mkdir()
    else:
        file.write_text(text, encoding="utf-8")
    with Stack(project, models, CERTS=str(tmp_path)) as stack:
        stack.name = f"{stack.name}-bare"
        stack.env["COMPOSE_PROJECT_NAME"] = stack.name
        done = stack.do("up")
    assert done.returncode == 1
    assert done.stderr == f"CERTS: {file} {said}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is a directory"),
        ("pb_ci_0123\n", "has no line as 'pilotboat key NAME' prints it"),
    ],
)
def test_a_file_of_keys_that_is_none_is_said(
    image: str, models: Path, project: Path, tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "keys"
    if text is None:
        file.mkdir()
    else:
        file.write_text(text, encoding="utf-8")
    with Stack(project, models, API_KEYS=str(file)) as stack:
        stack.name = f"{stack.name}-keyless"
        stack.env["COMPOSE_PROJECT_NAME"] = stack.name
        done = stack.do("up")
    assert done.returncode == 1
    assert done.stderr == f"API_KEYS: {file} {said}\n"


def test_port_taken_leaves_nothing_behind(image: str, models: Path, project: Path) -> None:
    """D10"""
    with Stack(project, models, HTTP_PORT="8080", HTTPS_PORT="8443") as stack:
        stack.name = f"{stack.name}-late"
        stack.env["COMPOSE_PROJECT_NAME"] = stack.name
        taken = free_port()
        with run_holding(taken, image):
            done = stack.do("up", HTTP_PORT=str(taken), HTTPS_PORT=str(free_port()))
        assert done.returncode == 1
        assert "already allocated" in done.stderr
        names = docker("ps", "--all", "--format={{.Names}}").splitlines()
        assert not [name for name in names if name.startswith(stack.name)]


class run_holding:  # noqa: N801 - reads like a function
    """A container that holds a port."""

    def __init__(self, port: int, image: str) -> None:
        self.command = ("run", "--detach", "--rm", f"--publish=127.0.0.1:{port}:9", image)

    def __enter__(self) -> None:
        *given, image = self.command
        self.id = docker(*given, "--entrypoint=sleep", image, "600")

    def __exit__(self, *_: object) -> None:
        docker("rm", "--force", "--volumes", self.id)


def test_development_reloads(image: str, models: Path, project: Path) -> None:
    port = free_port()
    with Stack(project, models, PORT=str(port)) as stack:
        stack.name = f"{stack.name}-dev"
        stack.env["COMPOSE_PROJECT_NAME"] = stack.name
        done = stack.do("dev")
        assert done.returncode == 0, done.stderr
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            answer = client.post("/predict", json=ROW).json()
            assert answer["prediction"] == "yes"
            assert until(lambda: stack.kept(answer["id"]) == (1, 1))
            source = project / "src" / "pilotboat" / "http" / "probes.py"
            text = source.read_text(encoding="utf-8")
            source.write_text(text.replace('"status": "alive"', '"status": "edited"'), "utf-8")
            assert until(lambda: "edited" in said(client))


def said(client: httpx.Client) -> str:
    try:
        return client.get("/livez").text
    except httpx.TransportError:
        return ""


def until(happened: Callable[[], bool]) -> bool:
    for _ in range(300):
        if happened():
            return True
        time.sleep(0.2)
    return False
