"""An ONNX model -> a draft: its own bytes, its golden answers ONNX Runtime's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pilotboat.bundle import golden, training
from pilotboat.bundle.probe import is_answered
from pilotboat.bundle.source import Made, Progress, Source
from pilotboat.engines import onnx as engine
from pilotboat.errors import ArtifactError
from pilotboat.imports import resolve
from pilotboat.schema import with_types


def put(model: bytes, data: Any, draft: Path, source: Source, progress: Progress) -> Made:
    """Put the model, its golden rows and its baseline into `draft`.

    data: whatever `pilotboat.pack` takes for training rows. Raises `ArtifactError`, `DataError`.
    """
    (draft / engine.MODEL).write_bytes(model)
    session = engine.session(draft / engine.MODEL)
    frame = None
    if data is not None:
        frame = training.thinned(resolve("pilotboat.bundle.data:as_frame")(data))
        frame = training.features(frame, source.target)
    progress("reading the schema")
    names = None if frame is None else list(frame.columns)
    schema = with_types(engine.signature(session, names), dict(source.types))
    rows = golden.invented(schema) if frame is None else training.rows_of(schema, frame)
    schema = engine.with_outputs(session, schema, rows)
    rows = replace(rows, schema=schema)
    answer = engine.answer(session, schema)
    if not is_answered(answer, rows):
        raise ArtifactError(
            "The model gives these rows no finite answer.",
            code="model-failed",
            hint="Give rows that it was trained on: --data FILE.",
        )
    progress("recording golden rows")
    training.record(draft, rows, answer, real=frame is not None)
    return Made(schema, "onnx")
