"""The list of harmless names: complete for scikit-learn, and without anything that acts."""

from __future__ import annotations

import inspect
import warnings
from importlib import import_module
from importlib.resources import files

import pytest
from sklearn.utils import all_estimators

from pilotboat.formats.allowlist import allowed, allowlist
from pilotboat.formats.guard import STAND_INS
from pilotboat.formats.names import home, importable

NEVER = [
    "builtins.getattr",
    "builtins.setattr",
    "builtins.eval",
    "builtins.exec",
    "builtins.compile",
    "builtins.__import__",
    "builtins.open",
    "builtins.map",
    "builtins.filter",
    "builtins.type",
    "builtins.vars",
    "builtins.globals",
    "functools.reduce",
    "operator.attrgetter",
    "operator.itemgetter",
    "operator.methodcaller",
    "os.system",
    "subprocess.Popen",
    "importlib.import_module",
    "numpy.load",
    "numpy.save",
    "numpy.loadtxt",
    "numpy.fromfile",
    "numpy.genfromtxt",
    "numpy.frompyfunc",
    "numpy.vectorize",
    "numpy.apply_along_axis",
    "numpy.core._ufunc_reconstruct",
    "pandas.read_csv",
    "pandas.read_pickle",
    "pandas.eval",
    "joblib.load",
    "joblib.numpy_pickle.load",
    "joblib.numpy_pickle_compat.NDArrayWrapper",
    "joblib.memory.Memory",
    "joblib.Parallel",
    "pickle.loads",
    "sklearn.datasets.fetch_openml",
    "sklearn.datasets.load_files",
    "sklearn.pipeline.Pipeline.fit",
    "scipy.stats._distn_infrastructure.rv_continuous_frozen",
    "skops.io.load",
    "sklearn",
    "",
]


@pytest.mark.parametrize("name", NEVER)
def test_what_acts_is_not_on_the_list(name: str) -> None:
    assert not allowed(name)


def test_no_module_that_acts_is_on_the_list() -> None:
    known = allowlist()
    parts = {
        part for name in known.made | known.called | known.named for part in name.split(".")[:-1]
    }
    assert not parts & {
        "os",
        "io",
        "testing",
        "_testing",
        "datasets",
        "f2py",
        "subprocess",
        "stats",
    }


def test_every_public_estimator_is_on_the_list() -> None:
    for _, estimator in all_estimators():
        assert f"{estimator.__module__}.{estimator.__name__}" in allowlist().made


def resolved(name: str) -> object:
    """The object behind a name of the list, where this version has it."""
    module, _, attribute = name.rpartition(".")
    if not importable(module):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(import_module(home(module)), attribute, None)


def test_what_is_made_is_a_class() -> None:
    for name in allowlist().made - STAND_INS.keys():
        found = resolved(name)
        assert found is None or inspect.isclass(found), name


def test_most_of_the_list_exists_here() -> None:
    known = allowlist()
    for section in (known.made, known.called):
        mine = [name for name in section if not name.startswith(("xgboost", "lightgbm"))]
        assert sum(resolved(name) is not None for name in mine) > 0.7 * len(mine)


def test_no_method_of_restoring_evaluates_text() -> None:
    for name in allowlist().made:
        restore = getattr(resolved(name), "__setstate__", None)
        if not inspect.isfunction(restore):
            continue
        source = inspect.getsource(restore)
        assert "eval(" not in source, name
        assert "exec(" not in source, name


def test_the_file_is_in_order() -> None:
    lines = files("pilotboat.formats").joinpath("allowlist.txt").read_text("utf-8").splitlines()
    names = [line.partition("#")[0].strip() for line in lines]
    names = [name for name in names if name and not name.startswith("[")]
    assert len(names) > 1500
    assert all(name.replace(".", "_").isidentifier() for name in names)
    known = allowlist()
    assert not known.called & known.named
