"""What the files under docker/ promise, without an engine."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
    assert froms - of(r" AS (\S+)$", path) - {"scratch"} == {"${PYTHON_IMAGE}"}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_build_context_denies_by_default(path: Path) -> None:
    lines = Path(f"{path}.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert all(rule.startswith(("!", "**/")) for rule in rules[1:])
    secret = {"!.git", "!.env", "!models", "!docker", "!docker/certs"}
    assert not secret & {rule.rstrip("/") for rule in rules}


def test_only_the_stage_of_the_tests_gets_them() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    stages = dict(
        re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL)
    )
    copied = {
        name: set(re.findall(r"^COPY (?!--)(.+) \S+$", body, re.MULTILINE))
        for name, body in stages.items()
    }
    assert copied.pop("test") >= {"tests", "docs", "examples", "scripts"}
    others = " ".join(" ".join(files) for files in copied.values()).split()
    assert set(others) == {"pyproject.toml", "poetry.lock", "README.md", "LICENSE", "src"}
    assert list(stages)[-1] == "production"
    assert "FROM test" not in text


def test_the_build_of_the_tests_is_not_the_default() -> None:
    assert "${TARGET:-production}" in (DOCKER / "build.sh").read_text(encoding="utf-8")
    assert "--target test" in (DOCKER / "test.sh").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("remote", "urls", "given", "source"),
    [
        ("https://git.example.com/team/pilotboat.git", "", "", "https://git.example.com/team/pilotboat.git"),
        ("https://me:secret@git.example.com/x", "", "", "pkg:generic/pilotboat@0.1.0"),
        ("/srv/pilotboat", "", "", "pkg:generic/pilotboat@0.1.0"),
        ("git@git.example.com:x", 'Homepage = "https://a.example/"', "", "https://a.example/"),
        ("", 'Docs = "https://d.example/"\n"Source" = "https://a.example/"', "", "https://a.example/"),
        ("https://git.example.com/x", "", "https://given.example/", "https://given.example/"),
    ],
)  # fmt: skip
def test_the_label_of_the_source_is_an_address_without_credentials(
    tmp_path: Path, remote: str, urls: str, given: str, source: str
) -> None:
    for folder in ("docker", "bin"):
        (tmp_path / folder).mkdir()
    shutil.copy(DOCKER / "build.sh", tmp_path / "docker")
    (tmp_path / "pyproject.toml").write_text(
        f'version = "0.1.0"\n[project.urls]\n{urls}\n\n[tool]\nsource = "no"\n', encoding="utf-8"
    )
    programs = {
        "docker": "printf '%s\\n' \"$@\"",
        "git": f"[ $1 != remote ] || [ -z '{remote}' ] || echo '{remote}'",
    }
    for name, says in programs.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\n{says}\n", encoding="utf-8")
        program.chmod(0o755)
    env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "SOURCE": given}
    done = run("sh", tmp_path / "docker" / "build.sh", env=env)
    assert f"SOURCE={source}" in done.stdout.splitlines(), done.stderr


def test_a_copy_of_the_example_changes_no_default_of_compose() -> None:
    written = {
        name: value
        for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
        for name, is_set, value in [line.partition("=")]
        if is_set and not line.startswith("#")
    }
    defaults = [
        pair
        for file in DOCKER.glob("compose*.yaml")
        for pair in re.findall(r"\$\{(PILOTBOAT_\w+):-([^}]*)\}", file.read_text(encoding="utf-8"))
    ]
    assert defaults
    assert [name for name, value in defaults if written.get(name, value) != value] == []


@pytest.mark.parametrize("path", sorted(DOCKER.rglob("*.sh")), ids=lambda path: path.name)
def test_script_is_plain_shell(path: Path) -> None:
    assert run("sh", "-n", path).returncode == 0
    assert path.read_text(encoding="utf-8").startswith("# ")


def secrets(folder: Path) -> dict[str, str]:
    """What docker/secrets.sh leaves in a folder; it must not fail."""
    done = run("sh", DOCKER / "secrets.sh", folder)
    assert done.returncode == 0, done.stderr
    return {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir()}


def test_passwords_are_made_once_for_those_who_need_them(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = secrets(folder)
    one, other = made["postgres_password"], made["redis_password"]
    assert re.fullmatch("[0-9a-f]{48}", one)
    assert re.fullmatch("[0-9a-f]{48}", other)
    assert one != other
    assert made == {
        "postgres_password": one,
        "redis_password": other,
        "database_url": f"postgresql://pilotboat:{one}@postgres:5432/pilotboat",
        "redis_url": f"redis://default:{other}@redis:6379/0",
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o444}
    assert secrets(folder) == made


def test_a_password_of_one_s_own_stands_encoded_in_its_address(tmp_path: Path) -> None:
    own = 'it\'s 100 % \\ "$HOME" ü@:/?#'
    (tmp_path / "postgres_password").write_text(f"{own}\r\n", encoding="utf-8")
    (tmp_path / "redis_url").write_text("redis://elsewhere", encoding="utf-8")
    made = secrets(tmp_path)
    url = urlsplit(made["database_url"])
    assert unquote(url.password or "") == own
    assert (url.hostname, url.path) == ("postgres", "/pilotboat")
    assert made["redis_url"] == "redis://elsewhere"
