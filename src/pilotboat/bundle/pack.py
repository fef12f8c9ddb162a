"""Artifact -> bundle, the steps in order.

load → schema → probe → golden rows → baseline → compile and prove → write → open with the engine that
will serve → answer the golden rows → publish. A file goes through all of them in a process of its own
(`sandbox`); an estimator handed over in Python is packed where it is.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pilotboat
from pilotboat.bundle import archive, golden, sandbox
from pilotboat.bundle.archive import Bundle
from pilotboat.bundle.manifest import NAME, PARITY, SCHEMA, Manifest
from pilotboat.bundle.sandbox import Limits
from pilotboat.bundle.source import Made, Progress, Source
from pilotboat.engines import open_model
from pilotboat.errors import UsageError
from pilotboat.imports import resolve

LIBRARIES = ("scikit-learn", "numpy", "scipy", "pandas", "joblib", "skops", "onnxruntime")

PUTTERS = {"sklearn": "pilotboat.bundle.estimator:put", "onnx": "pilotboat.bundle.graph:put"}
"""What puts a loaded model into a draft, by the library that it was loaded with."""
ENGINES = ("auto", "plan", "sklearn")


def pack(
    estimator: Any,
    data: Any = None,
    target: str | None = None,
    name: str | None = None,
    repository: str | os.PathLike[str] = "models",
    *,
    engine: str = "auto",
    types: Mapping[str, str] | None = None,
    code: Sequence[str | os.PathLike[str]] = (),
    trust: bool = False,
    allow_version_skew: bool = False,
    limits: Limits | None = None,
    progress: Progress = lambda _step: None,
    notes: Progress = lambda _note: None,
) -> Bundle:
    """Pack a fitted estimator, or the file that one was saved in, as the model's next version.

    estimator: a fitted estimator or pipeline, or the path of a `.joblib`, `.pkl`, `.skops` or
        `.onnx` file, which is read in a process of its own under `limits`.
    data: rows that it was trained on: a DataFrame, an array of shape (n, inputs), records, texts,
        or the path of a CSV, JSON Lines or Parquet file. Without, less is known of the inputs.
    target: the column of `data` that is predicted.
    name: the model's name; default: the file's name, or "model".
    repository: the directory of models; the bundle is written to `repository/name/version`.
    engine: "plan" for a model that must be compiled, "sklearn" for one that must not; "auto"
        compiles it where that is proved to answer alike.
    types: types for single columns, as `{"age": "integer"}`, where the inferred ones do not fit.
    code: Python files with classes or functions that the model needs; goes with `trust`.
    trust: load an artifact although it names code outside Pilotboat's own list.
    allow_version_skew: load an artifact although another scikit-learn wrote it.
    progress: is called with the name of each step as it begins.
    notes: is called with each thing that could not be known.

    Raises a `PilotboatError` that says what to do.
    """
    if engine not in ENGINES:
        hint = f"Engines are: {', '.join(ENGINES)}."
        raise UsageError(f"There is no engine '{engine}'.", hint=hint)
    is_file = isinstance(estimator, str | os.PathLike)
    source = Source(
        name=model_name(name, Path(estimator).name if is_file else "model"),
        repository=Path(repository),
        target=target,
        engine=engine,
        types=dict(types or {}),
        code=tuple(Path(one) for one in code),
        trust=trust,
        allow_version_skew=allow_version_skew,
    )
    if is_file:
        report = sandbox.pack_file(Path(estimator), data, source, limits or Limits(), progress)
        bundle, said = archive.open_bundle(report["path"]), report["notes"]
    elif source.code and not trust:
        raise UsageError("code= needs trust=True: the code is run.")
    else:
        bundle, said = pack_loaded("sklearn", estimator, data, source, progress)
    for note in said:
        notes(note)
    return bundle


def model_name(name: str | None, file: str) -> str:
    """The name asked for, or one made of a file's name. Raises `UsageError` for a bad one."""
    made = name or re.sub(r"[^A-Za-z0-9_-]+", "-", file.partition(".")[0]).strip("-") or "model"
    if not NAME.fullmatch(made):
        raise UsageError(
            "That is no name for a model.",
            hint="Names are letters, digits, '_', '-' and '.', at most 128, no dot in front.",
        )
    return made


def pack_loaded(
    library: str, model: Any, data: Any, source: Source, progress: Progress
) -> tuple[Bundle, tuple[str, ...]]:
    """Pack what is in memory already: the bundle, and notes on what could not be known."""
    with archive.draft(source.repository, source.name) as draft:
        made: Made = resolve(PUTTERS[library])(model, data, draft, source, progress)
        archive.write_json(draft / SCHEMA, made.schema.to_json())
        progress("opening it as a server will, and answering the golden rows")
        answer = open_model(made.engine, draft, made.schema, trust=bool(made.untrusted))
        proof = golden.verify(draft, made.schema, answer)
        archive.write_json(draft / PARITY, {"engine": made.engine} | proof | dict(made.proof))
        progress("publishing")
        path = _publish(draft, made, source)
    return archive.open_bundle(path), made.notes


def _publish(draft: Path, made: Made, source: Source) -> Path:
    home = source.repository / source.name
    number = max(archive.versions(home), default=0) + 1
    files = archive.digests(draft)
    while True:
        manifest = Manifest(
            name=source.name,
            version=str(number),
            engine=made.engine,
            files=files,
            untrusted=made.untrusted,
            written_with=written_with(),
            provenance=_provenance(source),
        )
        archive.write_manifest(draft, manifest)
        if path := archive.publish(draft, home, str(number)):
            return path
        number += 1


def written_with() -> dict[str, str]:
    """The versions of the libraries that a model depends on, as far as they are installed."""
    found = {"python": platform.python_version(), "pilotboat": pilotboat.__version__}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _provenance(source: Source) -> dict[str, Any]:
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": f"{platform.system()} {platform.machine()}",
        "artifact": source.artifact,
        "data": source.data,
        "target": source.target,
    }
