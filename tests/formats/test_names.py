"""Names are found out about, not imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pilotboat.formats.names import heart, home, importable, modern


@pytest.mark.parametrize(
    ("module", "there"),
    [
        ("sklearn.pipeline", True),
        ("builtins", True),
        ("json.decoder", True),
        ("_loss", True),
        ("numpy.core.multiarray", True),
        ("numpy._core.multiarray", True),
        ("__main__", False),
        ("", False),
        ("json.nowhere", False),
        ("nowhere.json", False),
        ("../evil", False),
        ("json.decoder.deeper", False),
        ("a b", False),
    ],
)
def test_what_can_be_imported(module: str, *, there: bool) -> None:
    assert importable(module) == there


def test_looking_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "fleet_package"
    (package / "inner").mkdir(parents=True)
    for file in (package / "__init__.py", package / "inner" / "__init__.py"):
        file.write_text("raise SystemExit")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importable("fleet_package.inner")
    assert "fleet_package" not in sys.modules


def test_modules_that_have_moved() -> None:
    assert home("_loss") == "sklearn._loss._loss"
    assert home("numpy.core.multiarray") == home("numpy._core.multiarray")
    assert home("numpy.core.multiarray").startswith(heart())
    assert home("numpy") == "numpy"


def test_a_numpy_before_2(monkeypatch: pytest.MonkeyPatch) -> None:
    heart.cache_clear()
    monkeypatch.setattr("pilotboat.formats.names.version", lambda _: "1.26.4")
    assert home("numpy._core.numeric") == "numpy.core.numeric"
    heart.cache_clear()


def test_names_of_python_2() -> None:
    assert modern("__builtin__", "eval") == ("builtins", "eval")
    assert modern("__builtin__", "xrange") == ("builtins", "range")
    assert modern("copy_reg", "_reconstructor") == ("copyreg", "_reconstructor")
    assert modern("sklearn.pipeline", "Pipeline") == ("sklearn.pipeline", "Pipeline")
