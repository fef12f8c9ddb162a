"""Read by mypy alone: the public interface keeps its types."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import pilotboat
from pilotboat.prediction import Call, Predict, Prediction
from pilotboat.rows import Reader
from pilotboat.schema import Value


def packed(estimator: Any) -> None:
    bundle = pilotboat.pack(
        estimator, data="rows.csv", target="survived", name="titanic", repository=Path("models")
    )
    assert_type(bundle, pilotboat.Bundle)
    assert_type(bundle.path, Path)
    assert_type(bundle.name, str)
    assert_type(bundle.version, str)
    assert_type(bundle.engine, str)
    assert_type(bundle.schema, pilotboat.Schema)
    assert_type(bundle.digest, str)
    pilotboat.pack(Path("model.joblib"), types={"age": "integer"}, code=["own.py"], trust=True)
    pilotboat.pack("model.joblib", progress=print, notes=print)
    pilotboat.pack(estimator, types={"age": 3})  # type: ignore[dict-item]
    pilotboat.pack(estimator, name=3)  # type: ignore[arg-type]


def loaded() -> None:
    model = pilotboat.load("models/titanic", trust=["0" * 64], allow_version_skew=False)
    assert_type(model, pilotboat.Model)
    assert_type(model.engine, str)
    assert_type(model.schema.inputs, tuple[pilotboat.Field, ...])
    assert_type(model.schema.inputs[0].categories, tuple[Value, ...] | None)
    made = model.predict([{"sex": "female", "age": 22}])
    assert_type(made, pilotboat.Prediction)
    assert_type(made.predictions, NDArray[Any])
    assert_type(made.probabilities, NDArray[np.float64] | None)
    assert_type(made.classes, tuple[Value, ...] | None)
    assert_type(made.model, str)
    assert_type(made.version, str)
    made.version = "2"  # type: ignore[misc]
    pilotboat.load(3)  # type: ignore[arg-type]


def wrapped(model: pilotboat.Model) -> Predict:
    """Any coroutine function of one `Call` is a level of the stack."""

    async def predict(call: Call) -> Prediction:
        assert_type(call.operation, str)
        assert_type(call.deadline, float | None)
        return model.answer(call.rows)

    return predict


async def asked(predict: Predict, model: pilotboat.Model) -> None:
    rows = Reader(model.schema).records([{"age": 22}])
    assert_type(await predict(Call(rows, id="1")), Prediction)
    await predict(rows)  # type: ignore[arg-type]


def faults(error: pilotboat.PilotboatError) -> None:
    assert_type(error.code, str)
    assert_type(error.detail, str)
    assert_type(error.hint, str)
