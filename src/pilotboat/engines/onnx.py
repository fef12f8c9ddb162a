"""ONNX Runtime answers, for an artifact that already is ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pilotboat.errors import ArtifactError
from pilotboat.rows import Rows
from pilotboat.rows.cells import Column
from pilotboat.schema import Field, FieldType, Schema, Value

MODEL = "model.onnx"
FLOAT32 = float(np.finfo(np.float32).max)

TENSORS: dict[str, tuple[FieldType, Any]] = {
    "tensor(float)": ("number", np.float32),
    "tensor(double)": ("number", np.float64),
    "tensor(int64)": ("integer", np.int64),
    "tensor(int32)": ("integer", np.int32),
    "tensor(bool)": ("boolean", np.bool_),
    "tensor(string)": ("text", object),
}
"""ONNX type of an input -> the type of its field, and the dtype that is fed."""


def open_model(directory: Path, schema: Schema, trust: bool = False) -> Any:
    """The model in `directory` as a callable. See `pilotboat.engines.Answer`."""
    del trust  # an ONNX graph holds no code of the user's
    return answer(session(directory / MODEL), schema)


def session(path: Path) -> Any:
    """An inference session with one thread. Raises `ArtifactError` where the graph cannot run."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ArtifactError(
            "ONNX Runtime cannot load this model.",
            code="artifact-unreadable",
            hint="Check it with onnx.checker, and its opset against the installed onnxruntime.",
        ) from error


def signature(model: Any, names: list[str] | None = None) -> Schema:
    """The schema of a session: one field a column of a matrix, or one field an input.

    names: what to call the columns of a single matrix, where their number fits.
    """
    inputs = model.get_inputs()
    for one in inputs:
        if one.type not in TENSORS:
            raise ArtifactError(
                f"The input '{one.name}' has the type {one.type}, which cannot be served.",
                code="unsupported-column-type",
                hint=f"Types are: {', '.join(TENSORS)}.",
            )
    if len(inputs) == 1 and (width := _width(inputs[0])) > 1:
        fits = names is not None and len(names) == width
        labels = names if fits and names else [f"x{i}" for i in range(width)]
        fields = [_field(label, inputs[0].type) for label in labels]
    else:
        fields = [_field(one.name, one.type) for one in inputs]
    return Schema(inputs=tuple(fields), outputs=(Field("prediction", "number"),), layout="array")


def _field(name: str, kind: str) -> Field:
    field, dtype = TENSORS[kind]
    largest = FLOAT32 if dtype is np.float32 else None
    return Field(name, field, largest=largest, dtype=np.dtype(dtype).name)


def _width(one: Any) -> int:
    shape = one.shape
    return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else 1  # noqa: PLR2004


def answer(model: Any, schema: Schema) -> Any:
    """The session as a callable that takes rows of `schema`."""
    outputs = model.get_outputs()
    wanted = [one.name for one in outputs[: 2 if schema.probabilities else 1]]

    def call(rows: Rows) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        first, *rest = model.run(wanted, feeds(model, rows))
        labels = np.asarray(first)
        if labels.ndim == 2 and labels.shape[1] == 1:  # noqa: PLR2004
            labels = labels[:, 0]
        return labels, shares(rest[0], schema.classes) if rest else None

    return call


def feeds(model: Any, rows: Rows) -> dict[str, NDArray[Any]]:
    """The tensors of `rows`: one matrix for all columns, or one tensor a column."""
    inputs = model.get_inputs()
    if len(inputs) == 1 and _width(inputs[0]) > 1:
        dtype = TENSORS[inputs[0].type][1]
        return {inputs[0].name: np.column_stack([np.array(c, dtype=dtype) for c in rows.columns])}
    return {
        one.name: _column(one, column) for one, column in zip(inputs, rows.columns, strict=True)
    }


def _column(one: Any, column: Column) -> NDArray[Any]:
    array = np.array(column, dtype=TENSORS[one.type][1])
    return array.reshape(-1, 1) if len(one.shape) > 1 else array


def shares(given: Any, classes: tuple[Value, ...] | None) -> NDArray[np.float64]:
    """Probabilities of shape (n, classes) from a tensor or from a sequence of maps (ZipMap)."""
    if isinstance(given, list):
        keys = classes or tuple(given[0])
        return np.array([[row[key] for key in keys] for row in given], dtype=np.float64)
    return np.asarray(given, dtype=np.float64)


def with_outputs(model: Any, schema: Schema, rows: Rows) -> Schema:
    """`schema` with the outputs that the model shows when it answers `rows`."""
    labels, _ = answer(model, schema)(rows)
    several = labels.ndim == 2  # noqa: PLR2004
    kind: FieldType = "number" if labels.dtype.kind == "f" else "category"
    if several:
        outputs = tuple(Field(f"prediction_{i}", kind) for i in range(labels.shape[1]))
        return Schema(schema.inputs, outputs, layout=schema.layout)
    classes = _classes(model, rows, labels) if kind == "category" else None
    output = Field("prediction", kind, categories=classes, closed=classes is not None)
    if kind == "category" and classes is None:
        integers = labels.dtype.kind in "iu"
        output = Field("prediction", "integer" if integers else "text")
    return Schema(schema.inputs, (output,), classes is not None, schema.layout)


def _classes(model: Any, rows: Rows, labels: NDArray[Any]) -> tuple[Value, ...] | None:
    """The class labels, where the graph tells: the keys of its maps, or 0…k-1 where that fits."""
    outputs = model.get_outputs()
    if len(outputs) < 2:  # noqa: PLR2004
        return None
    given = model.run([outputs[1].name], feeds(model, rows))[0]
    if isinstance(given, list):
        return tuple(given[0])
    table = np.asarray(given)
    if table.ndim != 2 or labels.dtype.kind not in "iu":  # noqa: PLR2004
        return None
    return tuple(range(table.shape[1])) if (table.argmax(axis=1) == labels).all() else None
