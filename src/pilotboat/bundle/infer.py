"""The schema of a fitted scikit-learn estimator, from its steps and from its training data.

The steps say which columns are read, which are categories and which gaps are filled; the data says
dtypes, ranges and examples. What neither says is asked of the estimator itself by `probe`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

from pilotboat.bundle.training import column_of
from pilotboat.errors import ArtifactError, DataError
from pilotboat.rows import plain_column
from pilotboat.schema import TYPES, Field, FieldType, Gap, Layout, Schema, Value

ENCODERS = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
VECTORIZERS = (CountVectorizer, HashingVectorizer)
EXAMPLES = 3


@dataclass(slots=True)
class Facts:
    """What the steps that read one column say about it."""

    read: bool = False
    text: bool = False
    codes: bool = False
    categories: list[Any] | None = None
    closed: bool = False
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Inferred:
    """A schema, and in words what could not be known."""

    schema: Schema
    notes: tuple[str, ...] = field(default=())


Types = Mapping[str, str]
"""Types that the user states for single columns."""


def infer(
    estimator: Any, data: Any = None, target: str | None = None, types: Types | None = None
) -> Inferred:
    """The schema of `estimator`.

    data: a DataFrame of training rows without their target, or None. target: the target's name.
    Raises `ArtifactError` where the inputs cannot be known, `DataError` where `data` lacks one.
    """
    if not hasattr(estimator, "predict"):
        raise ArtifactError(
            f"A {type(estimator).__name__} cannot predict.",
            code="wrong-interface",
            hint="Pack a fitted estimator or pipeline that has a predict method.",
        )
    steps = unwrapped(estimator)
    names, layout = _inputs(steps, data)
    facts = [Facts() for _ in names]
    _walk(steps, facts, list(names))
    read = [name for name, fact in zip(names, facts, strict=True) if fact.read]
    _check_data(data, read, layout)
    inputs = tuple(
        _field(name, fact, column_of(data, name, number, layout), (types or {}).get(name))
        for number, (name, fact) in enumerate(zip(names, facts, strict=True))
        if fact.read
    )
    known = [] if data is None or layout != "frame" else [str(name) for name in data.columns]
    known += [target] if known and target is not None else []
    ignored = tuple(name for name in dict.fromkeys([*names, *known]) if name not in read)
    schema = Schema(
        inputs=inputs,
        outputs=_outputs(estimator),
        probabilities=_has_probabilities(estimator),
        layout=layout,
        dtype=_dtype(data, layout),
        ignored=ignored,
    )
    return Inferred(schema, tuple(_notes(data)))


def unwrapped(estimator: Any) -> Any:
    """The pipeline inside a search over its parameters."""
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    return estimator


def widened(inferred: Inferred, estimator: Any, data: Any, types: Types) -> Inferred:
    """The same with every column that the estimator was fitted on, read or not."""
    names, layout = _inputs(unwrapped(estimator), data)
    schema = inferred.schema
    known = {one.name: one for one in schema.inputs}
    inputs = tuple(
        known.get(name)
        or _field(name, Facts(read=True), column_of(data, name, number, layout), types.get(name))
        for number, name in enumerate(names)
    )
    ignored = tuple(name for name in schema.ignored if name not in names)
    return replace(inferred, schema=replace(schema, inputs=inputs, ignored=ignored))


def _inputs(steps: Any, data: Any) -> tuple[list[str], Layout]:
    """The names of the columns in training's order, and how the estimator takes its rows."""
    if _vectorizes(steps):
        return ["text"], "texts"
    features = [] if data is None else [str(name) for name in data.columns]
    names = getattr(steps, "feature_names_in_", None)
    if names is not None:
        return [str(name) for name in names], "frame"
    count = getattr(steps, "n_features_in_", None)
    if count is None:
        if data is None:
            raise ArtifactError(
                "The model does not say which inputs it was fitted on.",
                code="schema-unknown",
                hint="Give rows that it was trained on: --data FILE (--target COLUMN).",
            )
        return features, "frame"
    if data is not None and len(features) != count:
        raise DataError(
            f"The data has {len(features)} columns of inputs, the model was fitted on {count}.",
            code="bad-header",
            hint="Give the rows as they were at training; --target names the column to predict.",
        )
    if data is None or all(name.isdigit() for name in features):
        return [f"x{number}" for number in range(count)], "array"
    return features, "array"


def _vectorizes(step: Any) -> bool:
    if isinstance(step, Pipeline):
        return bool(step.steps) and _vectorizes(step.steps[0][1])
    if isinstance(step, FeatureUnion):
        return any(_vectorizes(one) for _, one in step.transformer_list)
    return isinstance(step, VECTORIZERS)


def _walk(step: Any, facts: list[Facts], names: Sequence[str]) -> None:
    """Note what `step` and the steps behind it say of the columns that `facts` stand for."""
    if isinstance(step, Pipeline):
        for _, one in step.steps:
            _walk(one, facts, names)
            if not _one_to_one(one, len(facts)):
                return
        return
    if isinstance(step, FeatureUnion):
        for _, one in step.transformer_list:
            if one != "drop":
                _walk(one, facts, names)
        return
    if isinstance(step, ColumnTransformer):
        for _, one, columns in step.transformers_:
            if isinstance(one, str) and one == "drop":
                continue
            chosen = positions(columns, names)
            _walk(one, [facts[i] for i in chosen], [names[i] for i in chosen])
        return
    for number, fact in enumerate(facts):
        fact.read = True
        _note(step, number, fact)


def positions(columns: Any, names: Sequence[str]) -> list[int]:
    """The columns that a ColumnTransformer's selector means: names, numbers, a mask or a slice."""
    if isinstance(columns, str):
        return [names.index(columns)]
    if isinstance(columns, slice):
        start, stop = columns.start, columns.stop
        if isinstance(start, str) or isinstance(stop, str):
            first = 0 if start is None else names.index(start)
            last = len(names) if stop is None else names.index(stop) + 1
            return list(range(len(names)))[first : last : columns.step]
        return list(range(len(names)))[columns]
    if isinstance(columns, int | np.integer):
        return [range(len(names))[int(columns)]]
    listed = list(columns)
    if listed and all(isinstance(one, bool | np.bool_) for one in listed):
        return [number for number, chosen in enumerate(listed) if chosen]
    return [names.index(c) if isinstance(c, str) else range(len(names))[int(c)] for c in listed]


def _one_to_one(step: Any, count: int) -> bool:
    """Whether column i behind `step` still stands for column i before it."""
    if isinstance(step, str):
        return step == "passthrough"
    if not type(step).__name__.endswith(("Scaler", "Imputer")):
        return False
    try:
        return len(step.get_feature_names_out()) == count
    except (AttributeError, ValueError, TypeError):
        return False


def _note(step: Any, number: int, fact: Facts) -> None:
    kind = type(step).__name__
    if isinstance(step, VECTORIZERS):
        fact.text = True
    elif kind in ENCODERS and hasattr(step, "categories_"):
        fact.categories = list(step.categories_[number])
        fact.closed = getattr(step, "handle_unknown", "ignore") == "error"
    elif kind.endswith("Imputer"):
        fact.gap = _gap(getattr(step, "missing_values", np.nan))
    elif (mask := getattr(step, "is_categorical_", None)) is not None and number < len(mask):
        fact.codes = bool(mask[number])
        fact.categories = _words(step, mask, number) if fact.codes else None


def _words(step: Any, mask: Any, number: int) -> list[Any] | None:
    """The categories of a column of text that gradient boosting takes as it is."""
    encoders = getattr(getattr(step, "_preprocessor", None), "named_transformers_", {})
    found = getattr(encoders.get("encoder"), "categories_", None)
    if found is None:
        return None
    known = list(found[int(np.count_nonzero(mask[:number]))])
    return known if any(isinstance(one, str) for one in known) else None


def _gap(missing: Any) -> Gap | None:
    if missing is None:
        return "none"
    if isinstance(missing, float) and math.isnan(missing):
        return "nan"
    return "na" if type(missing).__name__ == "NAType" else None


def _check_data(data: Any, read: Sequence[str], layout: Layout) -> None:
    if data is None or layout != "frame":
        return
    columns = [str(name) for name in data.columns]
    absent = [name for name in read if name not in columns]
    if absent:
        raise DataError(
            f"The data lacks columns that the model reads: {', '.join(absent)}.",
            code="bad-header",
            hint="Give the rows as they were at training, with the same column names.",
        )


def _field(name: str, fact: Facts, column: Any, stated: str | None = None) -> Field:
    values = [] if column is None else plain_column(column)
    present = [_plain(value) for value in values if value is not None]
    nullable = fact.gap is not None or len(present) < len(values)
    categories, gap_category = _categories(fact, column)
    kind = stated if stated in TYPES else _type(fact, column, categories)
    if stated == "category" and categories is None and present:
        categories = tuple(sorted(set(present)))
    made = Field(
        name=name,
        type=kind,
        nullable=nullable or gap_category is not None,
        categories=categories if kind == "category" else None,
        closed=fact.closed and kind == "category",
        dtype=None if column is None else _dtype_name(name, column),
        gap=_gap_of(column) or gap_category or fact.gap or "nan",
        examples=tuple(_examples(kind, present)),
    )
    if kind in ("number", "integer") and present:
        numbers = [float(value) for value in present if math.isfinite(value)]
        if numbers:
            return replace(made, minimum=min(numbers), maximum=max(numbers))
    return made


def _examples(kind: FieldType, present: Sequence[Any]) -> Iterator[Value]:
    for value in list(dict.fromkeys(present))[:EXAMPLES]:
        yield float(value) if kind == "number" else value


def _type(fact: Facts, column: Any, categories: tuple[Value, ...] | None) -> FieldType:
    dtype = None if column is None else column.dtype
    if fact.text:
        return "text"
    if dtype is not None and (dtype.kind == "b" or (dtype.kind == "O" and _only(column, bool))):
        return "boolean"
    if categories is not None:
        return "boolean" if all(isinstance(one, bool) for one in categories) else "category"
    if dtype is None:
        return "integer" if fact.codes else "number"
    if dtype.kind in "iuf":
        whole = fact.codes and all(float(v).is_integer() for v in column.dropna())
        return "integer" if whole else "number"
    return "number" if _only(column, int | float) else "text"


def _only(column: Any, kind: Any) -> bool:
    values = column.dropna().tolist()
    is_bool = kind is bool
    return bool(values) and all(
        isinstance(value, kind) and isinstance(value, bool) == is_bool for value in values
    )


def _categories(fact: Facts, column: Any) -> tuple[tuple[Value, ...] | None, Gap | None]:
    known = fact.categories
    if known is None and column is not None and str(column.dtype) == "category":
        known = list(column.cat.categories)
    if known is None:
        return None, None
    gap: Gap | None = None
    plain: list[Value] = []
    for value in map(_plain, known):
        if _gap(value) is None:
            plain.append(value)
        else:
            gap = _gap(value)
    return tuple(plain), gap


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _dtype_name(name: str, column: Any) -> str:
    if column.dtype.kind in "mMc" or str(column.dtype).startswith(("period", "interval")):
        raise DataError(
            f"The column '{name}' has the dtype {column.dtype}, which cannot be served.",
            code="unsupported-column-type",
            hint="Turn it into a number or text before the pipeline, and train on that.",
        )
    return str(column.dtype)


def _gap_of(column: Any) -> Gap | None:
    """What stands for a missing value in the column at training; None without a gap."""
    if column is None:
        return None
    gaps = column[column.isna()].tolist()
    return _gap(gaps[0]) if gaps else None


def _dtype(data: Any, layout: Layout) -> str | None:
    if layout != "array" or data is None:
        return None
    kinds = {dtype.kind for dtype in data.dtypes}
    if kinds == {"f"}:
        return str(np.result_type(*data.dtypes))
    return "float64" if kinds <= set("biuf") else "object"


def with_outputs(schema: Schema, labels: NDArray[Any]) -> Schema:
    """`schema` with the outputs that an answer shows, where no class labels say what they are."""
    count = 1 if labels.ndim == 1 else labels.shape[1]
    if len(schema.outputs) == count and schema.outputs[0].categories is not None:
        return schema
    kinds: dict[str, FieldType] = {"f": "number", "i": "integer", "u": "integer", "b": "boolean"}
    kind = kinds.get(labels.dtype.kind, "text")
    names = ["prediction"] if labels.ndim == 1 else [f"prediction_{i}" for i in range(count)]
    outputs = tuple(Field(name, kind) for name in names)
    return replace(schema, outputs=outputs, probabilities=False)


def _outputs(estimator: Any) -> tuple[Field, ...]:
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, np.ndarray) and classes.ndim == 1:
        labels = tuple(_plain(label) for label in classes)
        return (Field("prediction", "category", categories=labels, closed=True),)
    if isinstance(classes, list):
        return tuple(
            Field(f"prediction_{i}", "category", categories=tuple(map(_plain, one)), closed=True)
            for i, one in enumerate(classes)
        )
    return (Field("prediction", "number"),)


def _has_probabilities(estimator: Any) -> bool:
    classes = getattr(estimator, "classes_", None)
    single = isinstance(classes, np.ndarray) and classes.ndim == 1
    return single and hasattr(estimator, "predict_proba")


def _notes(data: Any) -> Iterator[str]:
    if data is None:
        yield (
            "Packed without training data: observed ranges, examples, dtypes and the training "
            "distribution are not known. Give --data FILE to record them."
        )
