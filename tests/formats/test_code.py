"""`--code`: the user's own files as modules, once, and never in place of another."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from pilotboat import formats
from pilotboat.errors import ArtifactError, UntrustedError
from pilotboat.formats import skops
from pilotboat.formats.code import import_code
from tests.formats import evil

SOURCE = """
from sklearn.base import BaseEstimator, TransformerMixin

class Doubler(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X * 2
"""


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("fleet_"):
            del sys.modules[name]


def source(folder: Path, name: str = "fleet_steps", text: str = SOURCE) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def written(folder: Path, module: str) -> Path:
    """A pickle of a class that lives in `module`."""
    path = folder / "model.pkl"
    path.write_bytes(b"\x80\x02" + evil.name(module, "Doubler") + b")\x81.")
    return path


def code_of(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        import_code([path])
    return caught.value.code


@pytest.mark.parametrize("module", ["fleet_steps", "__main__"])
def test_classes_are_found_in_the_files_given(module: str, tmp_path: Path) -> None:
    artifact, file = written(tmp_path, module), source(tmp_path / "code")
    assert formats.sniff(artifact).missing == (f"{module}.Doubler",)
    back = formats.load(artifact, trust=True, code=[file])
    assert type(back).__module__ == "fleet_steps"
    assert back.transform(2) == 4


@pytest.mark.parametrize("module", ["fleet_steps", "__main__"])
def test_skops_finds_them_too(module: str, tmp_path: Path) -> None:
    file, artifact = source(tmp_path / "code"), tmp_path / "model.skops"
    main: Any = sys.modules["__main__"]
    doubler: Any = import_code([file])["fleet_steps"].Doubler
    if module == "__main__":
        doubler.__module__ = "__main__"
        main.Doubler = doubler
    skops.dump(make_pipeline(doubler(), FunctionTransformer(np.log1p)).fit(np.eye(2)), artifact)
    if module == "__main__":
        del main.Doubler
    del sys.modules["fleet_steps"]
    with pytest.raises(ArtifactError) as caught:
        formats.load(artifact)
    assert caught.value.code == "missing-code"
    back = formats.load(artifact, trust=True, code=[file])
    np.testing.assert_array_equal(back.transform(np.eye(2)), np.log1p(2 * np.eye(2)))
    assert not hasattr(sys.modules["__main__"], "Doubler")


@pytest.mark.parametrize("name", ["model.pkl", "model.skops"])
def test_code_needs_trust(name: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    file = source(tmp_path / "code", text=f"open({str(canary)!r}, 'w')")
    artifact = tmp_path / name
    artifact.write_bytes(pickle.dumps(1))
    module = formats.FORMATS["skops" if name.endswith("skops") else "pickle"]
    for load in (formats.load, __import__(module, fromlist=["load"]).load):
        with pytest.raises(UntrustedError, match="--trust"):
            load(artifact, code=[file])
    assert not canary.exists()


def test_code_that_does_not_define_the_class(tmp_path: Path) -> None:
    artifact = written(tmp_path, "__main__")
    with pytest.raises(ArtifactError) as caught:
        formats.load(artifact, trust=True, code=[source(tmp_path / "code", text="x = 1")])
    assert caught.value.code == "missing-code"


def test_the_same_content_is_imported_once(tmp_path: Path) -> None:
    first = import_code([source(tmp_path / "a")])["fleet_steps"]
    again = import_code([source(tmp_path / "b")])["fleet_steps"]
    assert first is again
    assert first.__file__ == str(tmp_path / "a" / "fleet_steps.py")
    assert not list(tmp_path.rglob("__pycache__"))


def test_other_content_under_the_same_name_is_a_conflict(tmp_path: Path) -> None:
    import_code([source(tmp_path / "a")])
    assert code_of(source(tmp_path / "b", text="x = 1")) == "code-conflict"


def test_files_may_import_each_other_in_order(tmp_path: Path) -> None:
    first = source(tmp_path / "a", "fleet_first", "x = 7")
    second = source(tmp_path / "a", "fleet_second", "from fleet_first import x")
    assert import_code([first, str(second)])["fleet_second"].x == 7


def test_a_file_that_is_on_the_path_already_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = source(tmp_path / "a")
    monkeypatch.syspath_prepend(str(file.parent))
    module = import_code([file])["fleet_steps"]
    assert __import__("fleet_steps") is module


def test_a_module_that_was_imported_in_the_ordinary_way_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = source(tmp_path / "a")
    monkeypatch.syspath_prepend(str(file.parent))
    module = __import__("fleet_steps")
    assert import_code([file])["fleet_steps"] is module


@pytest.mark.parametrize("name", ["json", "sys", "numpy", "antigravity", "sklearn", "pytest"])
def test_a_name_that_something_else_has(name: str, tmp_path: Path) -> None:
    loaded = name in sys.modules
    assert code_of(source(tmp_path / "code", name)) == "code-conflict"
    assert (name in sys.modules) == loaded


@pytest.mark.parametrize(
    "name", ["steps.txt", "my-steps.py", "1.py", "__init__.py", "steps", ".py"]
)
def test_a_file_that_cannot_be_a_module(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("x = 1")
    assert code_of(tmp_path / name) == "bad-code"


def test_two_files_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        import_code([source(tmp_path / "a"), source(tmp_path / "b")])
    assert caught.value.code == "code-conflict"


def test_a_file_that_is_not_there_or_fails(tmp_path: Path) -> None:
    assert code_of(tmp_path / "fleet_none.py") == "bad-code"
    assert code_of(source(tmp_path / "a", "fleet_broken", "def")) == "bad-code"
    assert code_of(source(tmp_path / "a", "fleet_raises", "1 / 0")) == "bad-code"
    assert not [name for name in sys.modules if name.startswith("fleet_")]


def test_one_that_fails_takes_the_others_along(tmp_path: Path) -> None:
    good = source(tmp_path / "a", "fleet_good", "x = 1")
    exits = source(tmp_path / "a", "fleet_exits", "raise SystemExit")
    with pytest.raises(SystemExit):
        import_code([good, exits])
    assert not [name for name in sys.modules if name.startswith("fleet_")]


def test_a_module_without_a_source_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = source(tmp_path / "a")
    known = ModuleType("fleet_steps")
    known.__spec__ = __import__("importlib.machinery").machinery.ModuleSpec(
        "fleet_steps", None, origin=str(tmp_path / "gone.py")
    )
    known.__spec__.has_location = True
    monkeypatch.setitem(sys.modules, "fleet_steps", known)
    assert code_of(file) == "code-conflict"
