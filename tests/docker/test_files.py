"""What the files under docker/ promise, without an engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docker.engine import ROOT, run

DOCKER = ROOT / "docker"
DOCKERFILES = [DOCKER / "Dockerfile", DOCKER / "Dockerfile.dev"]


def of(pattern: str, path: Path) -> set[str]:
    return set(re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize(
    "pattern",
    [
        r"^ARG PYTHON_IMAGE=(.+)$",
        r"^FROM (\$\{PYTHON_IMAGE\}) ",
        r"poetry==\S+ poetry-plugin-export==\S+",
        r"poetry check --lock",
        r"--require-hashes --no-deps --only-binary=:all:",
        r"^ *(?:ENV )?((?:PILOTBOAT|PYTHON|OMP|OPENBLAS|MKL)_?\w*=\S+)",
        r"^HEALTHCHECK (.+)$",
        r"^STOPSIGNAL (.+)$",
        r"^ENTRYPOINT (.+)$",
    ],
)
def test_development_and_production_cannot_drift(pattern: str) -> None:
    production, development = (of(pattern, path) for path in DOCKERFILES)
    assert production
    assert production == development


def test_poetry_is_the_one_that_make_installs() -> None:
    (wanted,) = of(r"^VERSION=(\S+)$", ROOT / "scripts" / "install.sh")
    for path in DOCKERFILES:
        assert of(r"poetry==([\d.]+) ", path) == {wanted}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_dockerfile_needs_nothing_but_its_base(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "# syntax" not in text
    froms = of(r"^FROM (\S+)", path)
    assert froms - of(r" AS (\S+)$", path) == {"${PYTHON_IMAGE}"}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_build_context_denies_by_default(path: Path) -> None:
    lines = Path(f"{path}.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert all(rule.startswith(("!", "**/")) for rule in rules[1:])
    assert not any(name in rule for rule in rules for name in (".git", ".env", "models", "tests"))


@pytest.mark.parametrize("path", sorted(DOCKER.glob("*.sh")), ids=lambda path: path.name)
def test_script_is_plain_shell(path: Path) -> None:
    assert run("sh", "-n", path).returncode == 0
    assert path.read_text(encoding="utf-8").startswith("# ")
