"""An opened bundle answers, or says whose fault it is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pilotboat
from pilotboat.bundle import archive
from pilotboat.errors import (
    BundleError,
    ModelFailedError,
    NotFiniteError,
    RefusedError,
    RowsError,
)
from pilotboat.rows import Rows
from pilotboat.runtime import model as module
from pilotboat.runtime.model import Model, load
from pilotboat.schema import Schema
from tests.factories import RECORD, fitted, pack_titanic, passengers

OTHER: dict[str, Any] = RECORD | {"sex": "male", "age": None, "pclass": 3}


@pytest.fixture(scope="module")
def titanic_model(titanic: Path) -> Model:
    return load(titanic / "titanic")


def numbers(rows: Rows) -> Any:
    return np.array([np.nan if one is None else one for one in rows.columns[0]], dtype=float)


def answering(model: Model, answer: Any) -> Model:
    """A model of one number that answers with a function of it."""
    one = pilotboat.Field("x", "number", nullable=True)
    schema = Schema((one,), (pilotboat.Field("prediction", "number"),))
    bundle = archive.Bundle(model.bundle.path, model.bundle.manifest, schema, "")
    return Model(bundle, lambda rows: answer(numbers(rows)))


def test_what_a_model_says_of_itself(titanic_model: Model, titanic: Path) -> None:
    assert (titanic_model.name, titanic_model.version) == ("titanic", "1")
    assert titanic_model.engine == "plan"
    assert repr(titanic_model) == "<Model titanic 1, engine plan>"
    assert [one.name for one in titanic_model.schema.inputs] == [
        "pclass", "sex", "age", "fare", "embarked",
    ]  # fmt: skip
    assert titanic_model.bundle.path == titanic / "titanic" / "1"


def test_examples_are_answered(titanic_model: Model) -> None:
    examples = titanic_model.examples(3)
    assert len(examples) == 3
    assert len(titanic_model.predict(examples).predictions) == 3


def test_rows_of_every_kind(titanic_model: Model) -> None:
    frame = pd.DataFrame([RECORD, OTHER])
    wanted = fitted(handle_unknown="error")
    names = titanic_model.schema.names
    asked = frame.reindex(columns=list(passengers().columns[:-1]))
    for rows in (
        [RECORD, OTHER],
        frame,
        passengers().assign(**{name: frame[name] for name in frame})[:2],
        [[one[name] for name in names] for one in (RECORD, OTHER)],
        frame[list(names)].astype(object).to_numpy(),
    ):
        given = titanic_model.predict(rows)
        assert given.predictions.tolist() == wanted.predict(asked).tolist()
        assert given.probabilities is not None
        assert np.array_equal(given.probabilities, wanted.predict_proba(asked))
    assert (given.model, given.version, given.classes) == ("titanic", "1", ("no", "yes"))


def test_rows_that_break_the_schema(titanic_model: Model) -> None:
    with pytest.raises(RowsError) as caught:
        titanic_model.predict([RECORD, RECORD | {"sex": "other", "age": "22"}])
    assert {one.pointer for one in caught.value.faults} == {"/1/sex", "/1/age"}
    with pytest.raises(RowsError, match="at least one row"):
        titanic_model.predict([])


def test_the_model_may_be_asked_again_after_a_refusal(titanic_model: Model) -> None:
    assert titanic_model.predict(RECORD).predictions.shape == (1,)


@pytest.mark.parametrize("bad", [0, 1, 6, 11, 12])
@pytest.mark.parametrize("count", [1, 2, 13])
def test_a_refused_row_is_found_by_halving(titanic_model: Model, bad: int, count: int) -> None:
    calls: list[int] = []

    def answer(x: Any) -> Any:
        calls.append(len(x))
        if (x < 0).any():
            raise ValueError("the words of a library")
        return x, None

    rows = [[1.0] for _ in range(count)]
    bad = min(bad, count - 1)
    rows[bad] = [-1.0]
    with pytest.raises(RefusedError) as caught:
        answering(titanic_model, answer).predict(rows)
    assert caught.value.facts["row"] == bad
    assert "library" not in str(caught.value)
    assert len(calls) <= 7


def test_a_part_may_break_otherwise_than_the_whole(titanic_model: Model) -> None:
    def answer(x: Any) -> Any:
        if (x < 0).any():
            raise (ValueError if len(x) > 3 else KeyError)
        return x, None

    with pytest.raises(RefusedError) as caught:
        answering(titanic_model, answer).predict([[1.0]] * 6 + [[-1.0]] + [[1.0]])
    assert caught.value.facts["row"] == 6


def test_rows_that_are_refused_only_together(titanic_model: Model) -> None:
    def answer(x: Any) -> Any:
        if len(x) > 1:
            raise ValueError
        return x, None

    with pytest.raises(ModelFailedError):
        answering(titanic_model, answer).predict([[1.0], [2.0], [3.0]])


@pytest.mark.parametrize("error", [TypeError, KeyError, ZeroDivisionError, MemoryError])
def test_a_model_that_breaks(titanic_model: Model, error: type[Exception]) -> None:
    def answer(_: Any) -> Any:
        raise error("the words of a library")

    with pytest.raises(ModelFailedError) as caught:
        answering(titanic_model, answer).predict([[1.0]])
    assert caught.value.facts == {"model": "titanic", "version": "1"}
    assert "library" not in str(caught.value)


def test_answers_that_are_not_finite(titanic_model: Model) -> None:
    with pytest.raises(NotFiniteError) as caught:
        answering(titanic_model, lambda x: (x, None)).predict([[1.0], [2.0], [None], [None]])
    assert caught.value.facts["row"] == 2

    def shares(x: Any) -> Any:
        return np.array(["a"] * len(x)), np.column_stack([x, 1 - x])

    with pytest.raises(NotFiniteError) as caught:
        answering(titanic_model, shares).predict([[0.5], [None]])
    assert caught.value.facts["row"] == 1


def test_the_newest_version_of_a_directory(titanic: Path, tmp_path: Path) -> None:
    for number in ("1", "2", "10"):
        shutil.copytree(titanic / "titanic" / "1", tmp_path / "titanic" / number)
    assert load(tmp_path / "titanic").bundle.path.name == "10"
    assert load(str(tmp_path / "titanic" / "2")).bundle.path.name == "2"


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        load(tmp_path)
    assert caught.value.code == "artifact-missing"


def test_another_scikit_learn(
    titanic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = pack_titanic(tmp_path, engine="sklearn")
    monkeypatch.setattr(module, "version", lambda _: "0.99.1")
    with pytest.raises(BundleError, match=r"0\.99\.1 is installed") as caught:
        load(bundle.path)
    assert caught.value.code == "version-mismatch"
    assert "pip install" in caught.value.hint
    assert load(bundle.path, allow_version_skew=True).name == "titanic"
    assert load(titanic / "titanic").engine == "plan", "a plan needs no scikit-learn at all"


def test_a_model_that_cannot_be_opened(titanic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise AttributeError("gone")

    monkeypatch.setattr(module, "open_model", broken)
    with pytest.raises(BundleError, match="cannot be opened: AttributeError"):
        load(titanic / "titanic")
