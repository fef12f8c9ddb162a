from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pilotboat.errors import MissingExtraError
from pilotboat.imports import EXTRAS, resolve

LOADED = "import sys; print(__import__('json').dumps(sorted(sys.modules)))"
HEAVY = {"numpy", "fastapi", "starlette", "pydantic", "sklearn", "pandas", "scipy", "orjson"}


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter holds after `code`."""
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(out.stdout.splitlines()[-1]))


def test_importing_the_package_is_free() -> None:
    assert not modules_after("import pilotboat") & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["health", "--help"]])
def test_help_and_health_import_nothing_heavy(arguments: list[str]) -> None:
    code = f"from pilotboat.cli.main import main\ntry: main({arguments!r})\nexcept SystemExit: pass"
    assert not modules_after(code) & HEAVY


def test_health_asked_of_nobody_imports_nothing_heavy() -> None:
    code = (
        "from pilotboat.cli.main import main\n"
        "try: main(['health', '--port', '9'])\nexcept SystemExit: pass"
    )
    assert not modules_after(code) & HEAVY


def test_resolve_returns_what_the_string_names() -> None:
    assert resolve("json:loads") is json.loads


def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EXTRAS:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError) as caught:
        resolve("onnxruntime:InferenceSession")
    assert 'pip install "pilotboat[onnx]"' in str(caught.value)


def test_another_missing_module_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError):
        resolve("no_such_module:thing")
