"""What stops a build: packages that are not those of the lock file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docker.engine import NAME, copy_of_project, run
from tests.docker.test_image import version

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

PACKAGE = "annotated-doc"
"""The first that is installed: the build ends before it has fetched the large ones."""


def test_a_package_with_another_digest_is_not_installed(engine: None, tmp_path: Path) -> None:
    project = copy_of_project(tmp_path)
    lock = project / "poetry.lock"
    before = lock.read_text(encoding="utf-8")
    pattern = rf'(?s)(?<=name = "{PACKAGE}"\n)(.*?\.whl", hash = "sha256:)([0-9a-f]{{64}})'
    found = re.search(pattern, before)
    assert found
    forged = "0" * 64
    lock.write_text(before[: found.start(2)] + forged + before[found.end(2) :], encoding="utf-8")
    image = f"{NAME}-forged"
    built = ("sh", "docker/build.sh", "--target=dependencies", "--progress=plain")
    try:
        done = run(*built, cwd=project, env={"IMAGE": image})
        assert done.returncode != 0
    finally:
        run("docker", "rmi", f"{image}:latest", f"{image}:{version()}")
    said = done.stderr + done.stdout
    assert "DO NOT MATCH THE HASHES" in said
    assert re.search(rf"Expected sha256 {forged}", said)
    assert re.search(rf"Got +{found[2]}", said)
    assert PACKAGE in said
