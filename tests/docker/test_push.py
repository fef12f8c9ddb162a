"""`make push` to a registry of one's own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.docker.engine import Container, docker, run
from tests.docker.test_image import version
from tests.factories import free_port

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def registry(engine: None) -> Iterator[httpx.Client]:
    image = os.environ.get("REGISTRY_IMAGE") or "registry:2"
    if (
        run("docker", "image", "inspect", image).returncode
        and run("docker", "pull", "--quiet", image).returncode
    ):
        pytest.skip(f"needs {image}")
    with Container("--publish=127.0.0.1::5000", image, name="registry") as container:
        address = docker("port", container.name, "5000/tcp").splitlines()[0]
        with httpx.Client(base_url=f"http://{address}", timeout=30) as client:
            wait_for(client)
            yield client
        tags = docker("images", "--format={{.Repository}}:{{.Tag}}", f"{address}/team/pilotboat")
        run("docker", "rmi", *tags.split())


def wait_for(client: httpx.Client) -> None:
    for _ in range(300):
        try:
            if client.get("/v2/").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the registry does not answer")


def push(registry: str, image: str) -> tuple[int, str]:
    done = run("make", "push", f"REGISTRY={registry}", env={"IMAGE": image})
    return done.returncode, done.stdout + done.stderr


def test_the_image_is_pushed_by_version_and_revision(registry: httpx.Client, image: str) -> None:
    code, said = push(f"{registry.base_url.netloc.decode()}/team", image)
    assert code == 0, said
    revision = docker(
        "inspect", '--format={{index .Config.Labels "org.opencontainers.image.revision"}}', image
    )
    tags = {"latest", version(), revision[:12]}
    assert set(registry.get("/v2/team/pilotboat/tags/list").json()["tags"]) == tags
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    manifests = [
        registry.get(f"/v2/team/pilotboat/manifests/{tag}", headers=accept) for tag in tags
    ]
    assert len({one.headers["docker-content-digest"] for one in manifests}) == 1
    assert manifests[0].json()["config"]["digest"] == docker("inspect", "--format={{.Id}}", image)


def test_no_registry_is_said_in_a_line(engine: None) -> None:
    code, said = push("", "no-such-image")
    assert code != 0
    assert "is not set: make push REGISTRY=registry.example.com/team" in said


def test_a_registry_that_does_not_answer_is_no_success(image: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    try:
        code, said = push(address, image)
    finally:
        run("docker", "rmi", f"{address}/pilotboat:{version()}")
    assert code != 0
    assert "connection refused" in said
