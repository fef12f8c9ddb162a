"""Artifacts that already are ONNX: ONNX Runtime's own answers, whatever the converter chose."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import pilotboat
from pilotboat.engines import open_model
from pilotboat.errors import ArtifactError, BundleError, RowsError
from tests.bundle.pipelines import AMOUNT, CODES, FRAME, NUMBERS, WORDS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

MATRIX = FRAME[NUMBERS].to_numpy("float32")


def saved(path: Path, model: Any, inputs: Any, **options: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = convert_sklearn(model, initial_types=inputs, target_opset=18, **options)
    path.write_bytes(made.SerializeToString())
    return path


def own_answers(path: Path, feeds: Any) -> list[Any]:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("labels", ["words", "codes"])
def test_a_classifier(zipmap: bool, labels: str, tmp_path: Path) -> None:
    y = WORDS if labels == "words" else CODES
    model = LogisticRegression().fit(MATRIX, y)
    path = saved(
        tmp_path / "m.onnx",
        model,
        [("input", FloatTensorType([None, 2]))],
        options={"zipmap": zipmap},
    )
    bundle = pilotboat.pack(path, FRAME[NUMBERS], repository=tmp_path / "models")
    assert bundle.engine == "onnx"
    assert bundle.schema.names == tuple(NUMBERS)
    one = pilotboat.load(bundle.path)
    given = one.predict(MATRIX[:50])
    wanted = own_answers(path, {"input": MATRIX[:50]})
    assert given.predictions.tolist() == wanted[0].tolist()
    known = zipmap or labels == "codes"
    assert one.schema.probabilities == known
    if given.probabilities is not None:
        classes = tuple(model.classes_.tolist())
        assert given.classes == classes
        shares = [[row[c] for c in classes] for row in wanted[1]] if zipmap else wanted[1]
        assert np.array_equal(given.probabilities, np.array(shares, dtype=np.float64))


def test_a_number_for_a_matrix_of_doubles(tmp_path: Path) -> None:
    rows = FRAME[NUMBERS].to_numpy()
    path = saved(
        tmp_path / "m.onnx", Ridge().fit(rows, AMOUNT), [("x", DoubleTensorType([None, 2]))]
    )
    bundle = pilotboat.pack(path, repository=tmp_path / "models")
    assert [one.name for one in bundle.schema.inputs] == ["x0", "x1"]
    assert bundle.schema.outputs[0].type == "number"
    given = pilotboat.load(bundle.path).predict(rows[:50])
    assert np.array_equal(given.predictions, own_answers(path, {"x": rows[:50]})[0][:, 0])


def test_a_tensor_a_column(tmp_path: Path) -> None:
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["size"]), ("c", OneHotEncoder(), ["deck", "zone"])]
    )
    rows = FRAME[["size", "deck", "zone"]]
    model = make_pipeline(columns, LogisticRegression()).fit(rows, WORDS)
    kinds = [
        ("size", FloatTensorType([None, 1])),
        ("deck", StringTensorType([None, 1])),
        ("zone", Int64TensorType([None, 1])),
    ]
    path = saved(tmp_path / "m.onnx", model, kinds)
    bundle = pilotboat.pack(path, rows, repository=tmp_path / "models")
    assert [(one.name, one.type) for one in bundle.schema.inputs] == [
        ("size", "number"), ("deck", "text"), ("zone", "integer"),
    ]  # fmt: skip
    feeds = {
        "size": rows[["size"]].to_numpy("float32")[:50],
        "deck": rows[["deck"]].to_numpy(object)[:50],
        "zone": rows[["zone"]].to_numpy("int64")[:50],
    }
    labels, shares = own_answers(path, feeds)
    given = pilotboat.load(bundle.path).predict(rows[:50])
    assert given.predictions.tolist() == labels.tolist()
    assert given.probabilities is not None
    assert given.probabilities.tolist() == [list(row.values()) for row in shares]


def test_two_numbers(tmp_path: Path) -> None:
    model = Ridge().fit(MATRIX, np.c_[AMOUNT, -AMOUNT])
    path = saved(tmp_path / "m.onnx", model, [("x", FloatTensorType([None, 2]))])
    bundle = pilotboat.pack(path, repository=tmp_path / "models")
    assert [one.name for one in bundle.schema.outputs] == ["prediction_0", "prediction_1"]
    given = pilotboat.load(bundle.path).predict(MATRIX[:50])
    assert np.array_equal(given.predictions, own_answers(path, {"x": MATRIX[:50]})[0])


def test_numbers_beyond_float32(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "m.onnx", Ridge().fit(MATRIX, AMOUNT), [("x", FloatTensorType([None, 2]))]
    )
    one = pilotboat.load(pilotboat.pack(path, repository=tmp_path / "models").path)
    with pytest.raises(RowsError) as caught:
        one.predict([[1e39, 0.0]])
    assert caught.value.code == "number-out-of-range"
    with pytest.raises(RowsError) as caught:
        one.predict([[None, 0.0]])
    assert caught.value.code == "null-not-allowed"


def test_an_input_of_a_type_that_cannot_be_served(tmp_path: Path) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    kind = helper.make_tensor_value_info("x", TensorProto.UINT8, [None, 2])
    out = helper.make_tensor_value_info("y", TensorProto.UINT8, [None, 2])
    graph = helper.make_graph([node], "g", [kind], [out])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(made, tmp_path / "m.onnx")
    with pytest.raises(ArtifactError, match=r"tensor\(uint8\)"):
        pilotboat.pack(tmp_path / "m.onnx", repository=tmp_path / "models")


def test_an_engine_that_this_version_does_not_have(tmp_path: Path) -> None:
    schema = pilotboat.Schema((), ())
    with pytest.raises(BundleError, match="wants the engine 'quantum'") as caught:
        open_model("quantum", tmp_path, schema)
    assert caught.value.code == "unknown-engine"
