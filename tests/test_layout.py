"""The front door, the public names and the shape of the code."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pilotboat

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "pilotboat").rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "common", "base", "core", "types", "models", "misc"}


def test_every_public_name_is_there() -> None:
    for name in pilotboat.__all__:
        assert getattr(pilotboat, name) is not None
    assert set(pilotboat.__all__) <= set(dir(pilotboat))


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = pilotboat.nonsense


def test_imports_point_down() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_modules_are_short_and_say_what_they_hold() -> None:
    for path in SOURCES:
        assert path.stem not in VAGUE, path
        assert len(path.read_text().splitlines()) <= 400, path


def test_functions_are_short() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = [one for one in node.body if not _is_docstring(one)]
                lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                assert lines <= 50, f"{path}: {node.name} has {lines} lines"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_no_module_imports_the_package_itself_for_its_lazy_names() -> None:
    """`import pilotboat` inside is for `__version__` alone: the rest would hide a cycle."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
                continue
            if node.value.id == "pilotboat" and path.name != "__init__.py":
                assert node.attr == "__version__", path


def test_the_import_strings_point_down_too() -> None:
    """A table of import strings must not name a layer above its own."""
    layers = _layers()
    for path in SOURCES:
        own = path.relative_to(ROOT / "src").with_suffix("").parts
        if len(own) < 2 or own[1] == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            if node.value.startswith("pilotboat.") and ":" in node.value:
                named = node.value.split(":")[0].split(".")[1]
                if named != own[1]:
                    assert layers[named] > layers[own[1]], f"{path} names {node.value}"


def _layers() -> dict[str, int]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rows = config["tool"]["importlinter"]["contracts"][0]["layers"]
    return {
        name.strip().strip("()"): number
        for number, row in enumerate(rows)
        for name in row.split("|")
    }
