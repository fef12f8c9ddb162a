"""A fitted scikit-learn estimator -> a draft. It is re-saved with skops, never as a pickle."""

from __future__ import annotations

import copy
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from pilotboat.bundle import compiled, golden, training
from pilotboat.bundle.data import as_frame
from pilotboat.bundle.infer import Inferred, infer, widened, with_outputs
from pilotboat.bundle.probe import probe
from pilotboat.bundle.source import Made, Progress, Source
from pilotboat.engines import Answer
from pilotboat.engines import sklearn as engine
from pilotboat.errors import ArtifactError
from pilotboat.formats import skops
from pilotboat.rows import Rows
from pilotboat.schema import Schema, with_types


def put(estimator: Any, data: Any, draft: Path, source: Source, progress: Progress) -> Made:
    """Put the model, its golden rows and its baseline into `draft`.

    data: whatever `pilotboat.pack` takes for training rows. Raises `ArtifactError`, `DataError`.
    """
    frame = training.features(training.thinned(as_frame(data)), source.target)
    progress("reading the schema")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unknown category, say: the probes provoke them
        inferred, rows, frame = _narrowest(estimator, frame, source)
        ask = _asker(estimator)
        progress("asking the model which gaps, categories and sizes it answers")
        few = rows.pick(golden.pick(rows)[:8])
        schema = probe(with_outputs(inferred.schema, ask(inferred.schema)(few)[0]), ask, few)
        progress("recording golden rows")
        rows = golden.invented(schema) if frame is None else replace(rows, schema=schema)
        numbers, given = training.record(draft, rows, ask(schema), real=frame is not None)
        if frame is not None:
            _compare(estimator, frame.iloc[numbers], schema, given)
    made = compiled.put(estimator, rows, draft, source, progress)
    if isinstance(made, str):
        progress("saving the model with skops")
        untrusted = _save(estimator, draft, source)
        notes = (
            (*inferred.notes, f"not compiled, scikit-learn answers: {made}")
            if made
            else inferred.notes
        )
        return Made(schema, "sklearn", untrusted, notes, {"not_compiled": made} if made else {})
    return Made(schema, "plan", (), inferred.notes, {"plan": made.to_json()})


def _asker(estimator: Any) -> Any:
    def ask(schema: Schema) -> Answer:
        answer: Answer = engine.answer(estimator, schema)
        return answer

    return ask


def _narrowest(estimator: Any, frame: Any, source: Source) -> tuple[Inferred, Rows, Any]:
    """The schema, rows of it that the model answers, and the training rows that they are.

    Columns that no step seems to read come back where they are missed after all, and training rows
    with gaps are left out where the model does not answer them.
    """
    first = infer(estimator, frame, source.target, source.types)
    whole = None if frame is None else frame.dropna(subset=_present(first, frame))
    error: Exception | None = None
    for wide, some in [(False, frame), (False, whole), (True, frame), (True, whole)]:
        inferred = widened(first, estimator, frame, source.types) if wide else first
        schema = with_types(inferred.schema, dict(source.types))
        rows = golden.invented(schema) if some is None else training.rows_of(schema, some)
        if not rows.count:
            continue
        try:
            engine.answer(estimator, schema)(rows.pick(golden.pick(rows)))
        except Exception as raised:  # noqa: BLE001 - estimators raise what they like
            error = error or raised
            continue
        left = 0 if some is None else len(frame) - len(some)
        note = f"{left} training rows with gaps were left out: the model does not answer them."
        notes = (*inferred.notes, note) if left else inferred.notes
        return replace(inferred, schema=schema, notes=notes), rows, some
    what = "rows made up from its own steps" if frame is None else "its own training rows"
    raise ArtifactError(
        f"The model cannot answer {what}: {type(error).__name__}: {str(error)[:300]}",
        code="model-failed",
        hint="Give rows that it was trained on: --data FILE." if frame is None else "",
    )


def _present(inferred: Inferred, frame: Any) -> list[str]:
    return [name for name in inferred.schema.names if name in frame.columns]


def _compare(estimator: Any, frame: Any, schema: Schema, given: training.Answers) -> None:
    """Prove that rows rebuilt from the schema are answered like the training rows themselves."""
    columns = [
        training.column_of(frame, field.name, number, schema.layout)
        for number, field in enumerate(schema.inputs)
    ]
    original: Any = columns[0]
    if schema.layout == "frame":
        original = frame[[name for name in frame if name in (*schema.names, *schema.ignored)]]
    elif schema.layout == "array":
        original = np.column_stack([column.to_numpy() for column in columns])
    labels, shares = engine.predict(
        estimator, lambda: copy.deepcopy(original), probabilities=schema.probabilities
    )
    same = np.array_equal(labels, given[0]) and (
        shares is None or given[1] is None or np.array_equal(shares, given[1], equal_nan=True)
    )
    if not same:
        raise ArtifactError(
            "Rows rebuilt from the schema are answered otherwise than the training rows.",
            code="schema-mismatch",
            hint="State the types of the columns in question: --types column=type.",
        )


def _save(estimator: Any, draft: Path, source: Source) -> tuple[str, ...]:
    """Write the model and the code that it needs; what of it the deployer must vouch for."""
    skops.dump(plain(estimator), draft / engine.MODEL)
    untrusted = skops.untrusted(draft / engine.MODEL)
    if untrusted and not source.trust:
        raise ArtifactError(
            f"The model needs what is not on Pilotboat's own list: {', '.join(untrusted)}.",
            code="untrusted-types",
            hint="If you vouch for it, say so: --trust, or trust=True (with its --code FILE).",
        )
    if source.code:
        (draft / "code").mkdir()
    for path in source.code:
        shutil.copyfile(path, draft / "code" / path.name)
    return (*untrusted, *(f"code/{path.name}" for path in source.code))


def plain(value: Any) -> Any:
    """`value` with a list in place of every pandas Index in it, which skops cannot write.

    `ColumnTransformer` keeps one where its columns were chosen with `frame.columns`.
    """
    if isinstance(value, pd.Index):
        return value.tolist()
    if type(value) in (list, tuple):
        listed = [plain(one) for one in value]
        same = all(new is old for new, old in zip(listed, value, strict=True))
        return value if same else type(value)(listed)
    if type(value) is dict:
        changed = _changed(value)
        return value | changed if changed else value
    if isinstance(value, BaseEstimator) and (changed := _changed(vars(value))):
        made = copy.copy(value)
        vars(made).update(changed)
        return made
    return value


def _changed(items: dict[Any, Any]) -> dict[Any, Any]:
    return {key: new for key, old in items.items() if (new := plain(old)) is not old}
