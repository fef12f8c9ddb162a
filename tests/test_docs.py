"""The documentation names everything that there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import pilotboat
from pilotboat.cli.main import COMMANDS
from pilotboat.settings import Settings, variable_of
from tests.http.wire import routes

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def headings() -> list[str]:
    """The versions of the changelog, the newest first."""
    return re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_version_is_the_same_everywhere() -> None:
    assert pilotboat.__version__ == project()["version"]


def test_the_changelog_begins_with_what_is_to_come_or_this_version() -> None:
    assert headings()[0] in ("Unreleased", pilotboat.__version__)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_named(name: str) -> None:
    assert variable_of(name) in TEXT


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_named(name: str) -> None:
    assert f"pilotboat {name}" in TEXT


PATHS = sorted({path for path, _ in routes()} - {"/pages/{name}"})


@pytest.mark.parametrize("path", PATHS)
def test_every_route_is_named(path: str) -> None:
    """Whatever a page calls the parts of a path that vary: {model}, {m}, NAME."""
    pattern = re.sub(r"\\{\w+\\}", r"({\\w+}|[A-Z]+|\\w+)", re.escape(path))
    assert re.search(rf"(?<![\w/}}]){pattern}(?![\w/{{:])", TEXT)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in link and not link.startswith("mailto:"):
                assert (page.parent / link).exists(), f"{page.name}: {link}"
