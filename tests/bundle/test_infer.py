"""Fitted pipelines of every shape: what is said of their inputs, and that they answer as before."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import pilotboat
from pilotboat.bundle import infer as inferring
from pilotboat.bundle.infer import positions
from pilotboat.errors import ArtifactError, DataError, RefusedError, RowsError, UsageError
from pilotboat.schema import Field
from tests.bundle.conftest import Packed
from tests.bundle.pipelines import (
    CODES,
    FRAME,
    IMPUTED,
    LEVEL,
    MODELS,
    NUMBERS,
    TEXTS,
    WORDS,
    gaps,
    plain,
    split,
)

Pack = Callable[..., Packed]
ASKED = 50

WITHOUT = {
    "by names": {},
    "by a slice of names": {},
    "the rest passes": {"paid": "boolean"},
    "nested": {},
    "encoder, error": {},
    "encoder, ignore": {},
    "encoder, gaps as None": {},
    "encoder of floats with gaps": {},
    "ordinal, gaps stay": {},
    "imputed": {},
    "imputed None": {},
    "histograms, codes by mask": {},
    "histograms, categories": {},
    "histograms, booleans": {"paid": "boolean"},
    "forest": {},
    "array": {},
    "array of booleans": {"x0": "boolean"},
    "array of objects": {},
    "texts": {},
    "a column of text": {},
    "nullable integers": {},
    "nullable booleans": {"paid": "boolean"},
    "grid search": {},
    "two numbers, linear": {},
    "clusters": {},
}
"""Models that are packed without training rows too, and the types to state then."""


def asked(packed: Packed) -> Any:
    return packed.rows[-ASKED:]


def answers_alike(packed: Packed, rows: Any) -> None:
    """Every answer is the estimator's own: to the last bit from it, and nearly so from a plan."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels = np.asarray(packed.estimator.predict(rows))
        given = packed.model.predict(rows)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        assert given.predictions.dtype == labels.dtype
        numbers = labels.dtype.kind == "f" and packed.model.engine == "plan"
        near = numbers and np.allclose(given.predictions, labels, rtol=1e-12, atol=0)
        assert near or np.array_equal(given.predictions, labels)
        if given.probabilities is not None:
            wanted = packed.estimator.predict_proba(rows)
            exact = packed.model.engine == "sklearn"
            assert np.allclose(given.probabilities, wanted, rtol=0 if exact else 1e-12, atol=0)
            assert given.classes == tuple(packed.estimator.classes_.tolist())


@pytest.mark.parametrize("name", MODELS)
def test_a_packed_model_answers_as_before(name: str, packed: Pack) -> None:
    one = packed(name)
    answers_alike(one, asked(one))
    single = one.model.predict(one.rows[:1])
    assert len(single.predictions) == 1


@pytest.mark.parametrize("name", WITHOUT)
def test_it_does_without_training_rows(name: str, packed: Pack) -> None:
    one = packed(name, data=False, **WITHOUT[name])
    answers_alike(one, asked(one))
    assert "Packed without training data" in one.notes[0]
    assert all(field.dtype is None and field.minimum is None for field in one.model.schema.inputs)


def number(name: str, dtype: str = "float64", **more: Any) -> Field:
    return Field(name, "number", dtype=dtype, **more)


DECKS = ("A", "B", "C", "D")
FLOAT32 = float(np.finfo(np.float32).max)
FIELDS: dict[str, list[Field]] = {
    "by one name": [number("size"), Field("note", "text", dtype="str")],
    "by numbers": [
        number("size"),
        number("age"),
        Field("port", "category", False, ("Bergen", "Oslo", "Tromsø"), True, dtype="str"),
    ],
    "by a slice of names": [number("size"), number("age"), number("rooms", "int64")],
    "by a slice from the end": [
        Field("port", "category", False, ("Bergen", "Oslo", "Tromsø"), True, dtype="str"),
        Field("deck", "category", False, DECKS, True, dtype="object"),
        Field("paid", "boolean", dtype="bool"),
    ],
    "passed booleans as objects": [Field("paid", "boolean", True, dtype="object")],
    "encoder, error": [
        number("size"),
        number("age"),
        Field("zone", "category", False, (10, 11, 12, 13), True, dtype="int64"),
        Field("port", "category", False, ("Bergen", "Oslo", "Tromsø"), True, dtype="str"),
        Field("deck", "category", False, DECKS, True, dtype="object"),
    ],
    "encoder, ignore": [
        number("size"),
        number("age"),
        Field("zone", "category", True, (10, 11, 12, 13), dtype="int64"),
        Field("deck", "category", True, DECKS, dtype="object"),
    ],
    "encoder, gaps as None": [
        number("size"),
        number("age"),
        Field("deck", "category", True, DECKS, True, dtype="object", gap="none"),
    ],
    "encoder of floats with gaps": [
        number("size"),
        number("age"),
        Field("rooms", "category", True, (1.0, 2.0, 3.0, 4.0, 5.0), True, dtype="float64"),
    ],
    "encoder, stated categories": [
        number("size"),
        number("age"),
        Field("rooms", "category", False, (1, 2, 3, 4, 5, 6, 7), True, dtype="int64"),
    ],
    "imputed": [
        number("size", nullable=True),
        number("age", nullable=True),
        Field("deck", "category", False, DECKS, True, dtype="object"),
    ],
    "imputed by most frequent": [Field("deck", "category", True, DECKS, dtype="object")],
    "imputed minus ones": [number("rooms", "int64")],
    "histograms, codes by mask": [
        number("x0", nullable=True),
        Field("x1", "integer", True, dtype="float64"),
    ],
    "histograms, categories": [
        number("size", nullable=True),
        Field("deck", "category", True, DECKS, dtype="category"),
    ],
    "histograms, boolean categories": [
        number("size", nullable=True),
        Field("deck", "boolean", True, dtype="category"),
    ],
    "forest": [
        number("size", nullable=True, largest=FLOAT32),
        number("age", nullable=True, largest=FLOAT32),
        number("rooms", "int64", nullable=True, largest=FLOAT32),
    ],
    "array of objects with gaps": [
        number("x0", "object"),
        Field("x1", "category", True, DECKS, True, dtype="str", gap="none"),
    ],
    "nullable integers": [number("rooms", "Int64", nullable=True, gap="na")],
    "nullable booleans with gaps": [
        number("size"),
        number("age"),
        Field("paid", "boolean", True, dtype="boolean", gap="na"),
    ],
    "nullable strings": [Field("deck", "category", False, DECKS, True, dtype="string")],
    "an integer with a gap": [number("size", nullable=True), number("rooms", nullable=True)],
    "texts": [Field("text", "text", dtype="str")],
}


@pytest.mark.parametrize("name", FIELDS)
def test_the_inputs_that_are_inferred(name: str, packed: Pack) -> None:
    told = packed(name).model.schema.inputs
    for got, wanted in zip(told, FIELDS[name], strict=True):
        bare = replace(got, minimum=None, maximum=None, examples=())
        if wanted.dtype in WORDY and got.dtype in WORDY:  # it depends on the version of pandas
            bare = replace(bare, dtype=wanted.dtype)
        assert bare == wanted


WORDY = ("str", "object")
LABELS: dict[str, tuple[Any, ...]] = {
    "labels of integers": (0, 1, 2),
    "labels of booleans": (False, True),
    "labels of floats": (1.0, 2.0),
    "labels of negative integers": (-1, 5),
    "labels in a series": ("no", "yes"),
    "by names": ("no", "yes"),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_keep_their_type(name: str, packed: Pack) -> None:
    schema = packed(name).model.schema
    assert schema.classes == LABELS[name]
    assert list(map(type, schema.classes or ())) == list(map(type, LABELS[name]))
    assert schema.probabilities


OUTPUTS: dict[str, list[tuple[str, str]]] = {
    "regression": [("prediction", "number")],
    "regression of a column": [("prediction", "number")],
    "two numbers": [("prediction_0", "number"), ("prediction_1", "number")],
    "two numbers, linear": [("prediction_0", "number"), ("prediction_1", "number")],
    "two labels": [("prediction_0", "category"), ("prediction_1", "category")],
    "clusters": [("prediction", "integer")],
    "outliers": [("prediction", "integer")],
    "no probabilities": [("prediction", "category")],
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_answered(name: str, packed: Pack) -> None:
    schema = packed(name).model.schema
    assert [(one.name, one.type) for one in schema.outputs] == OUTPUTS[name]
    assert not schema.probabilities


def test_ranges_and_examples_describe(packed: Pack) -> None:
    one = packed("an integer with a gap")
    size, rooms = one.model.schema.inputs
    assert (rooms.minimum, rooms.maximum) == (1.0, 5.0)
    assert all(isinstance(value, float) for value in rooms.examples)
    assert size.examples == tuple(FRAME["size"][:3])
    far = {"size": 1e6, "rooms": 9}
    assert len(one.model.predict([far]).predictions) == 1


def test_columns_that_no_step_reads_are_not_demanded(packed: Pack) -> None:
    one = packed("by names")
    row = FRAME.iloc[0].to_dict()
    assert set(one.model.schema.ignored) == {"rooms", "zone", "paid", "note", "useless"}
    short = {name: row[name] for name in one.model.schema.names}
    assert one.model.predict([short]).predictions == one.model.predict([row]).predictions
    odd = row | {"rooms": "three", "note": None}
    assert one.model.predict([odd]).predictions == one.model.predict([row]).predictions


UNSEEN: dict[str, dict[str, Any]] = {
    "encoder, ignore": {"deck": "Z", "zone": 99},
    "encoder, infrequent": {"deck": "Z"},
    "ordinal, unknown": {"deck": "Z", "zone": 9},
    "target encoder": {"deck": "Z", "zone": 1.5},
    "histograms, categories": {"deck": "Z"},
    "histograms, codes by mask": {"x1": 77},
    "imputed by most frequent": {"deck": "Z"},
}


@pytest.mark.parametrize("name", UNSEEN)
def test_unknown_categories_are_answered_where_the_encoder_does(name: str, packed: Pack) -> None:
    one = packed(name)
    if isinstance(one.rows, pd.DataFrame):
        rows = one.rows[:4].copy()
        for column, value in UNSEEN[name].items():
            kind = "category" if str(rows[column].dtype) == "category" else None
            rows[column] = pd.Series([value] * 4, index=rows.index, dtype=kind)
    else:
        rows = one.rows[:4].copy()
        rows[:, 1] = 77
    answers_alike(one, rows)


@pytest.mark.parametrize("name", ["encoder, error", "ordinal, gaps", "encoder, gaps as NaN"])
def test_unknown_categories_are_refused_where_the_encoder_does(name: str, packed: Pack) -> None:
    one = packed(name)
    with pytest.raises(RowsError) as caught:
        one.model.predict(one.rows[:4].assign(deck="Z"))
    assert caught.value.code == "unknown-category"
    assert caught.value.total == 4


@pytest.mark.parametrize("name", ["forest", "gradient boosting", "tree after float32 scaling"])
def test_numbers_beyond_float32_are_refused_by_name(name: str, packed: Pack) -> None:
    model = packed(name).model
    row = dict.fromkeys(model.schema.names, 1.0)
    first = model.schema.names[0]
    assert len(model.predict([row | {first: 3e38}]).predictions) == 1
    with pytest.raises(RowsError) as caught:
        model.predict([row | {first: 1e39}])
    assert caught.value.faults[0].pointer == f"/0/{first}"
    assert caught.value.code == "number-out-of-range"


def test_a_fraction_where_training_saw_whole_numbers(packed: Pack) -> None:
    for name in ("nullable integers", "small integers", "forest"):
        one = packed(name)
        row = dict.fromkeys(one.model.schema.names, 2.5)
        everything = FRAME[:1].assign(**row)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = everything[list(getattr(one.estimator, "feature_names_in_", FRAME.columns))]
            assert one.model.predict([row]).predictions == one.estimator.predict(frame)
        large = dict.fromkeys(one.model.schema.names, 1e12)
        assert len(one.model.predict([large]).predictions) == 1


def test_a_large_number_does_not_change_the_answer_to_the_row_beside_it(packed: Pack) -> None:
    one = packed("tree after float32 scaling").model
    row = {"size": 0.1, "age": 33.3}
    alone = one.predict([row]).probabilities
    beside = one.predict([row, {"size": 3.4e38, "age": 1.0}]).probabilities
    assert alone is not None
    assert beside is not None
    assert np.array_equal(alone[0], beside[0])


def test_rows_with_gaps_that_the_model_does_not_answer_are_left_out(tmp_path: Any) -> None:
    rows = gaps("age")
    model, _ = split((StandardScaler(), NUMBERS), rows=rows.dropna(), y=WORDS[rows["age"].notna()])
    notes: list[str] = []
    bundle = pilotboat.pack(model, data=rows, repository=tmp_path, notes=notes.append)
    left = int(rows["age"].isna().sum())
    assert notes == [
        f"{left} training rows with gaps were left out: the model does not answer them."
    ]
    assert not any(field.nullable for field in bundle.schema.inputs)
    with pytest.raises(RowsError) as caught:
        pilotboat.load(bundle.path).predict([{"size": 1.0, "age": None}])
    assert caught.value.code == "null-not-allowed"


def test_types_that_the_user_states(tmp_path: Any) -> None:
    model, rows = split((IMPUTED, ["rooms", "zone", "size"]))
    types = {"rooms": "integer", "zone": "category"}
    schema = pilotboat.pack(model, data=rows, repository=tmp_path, types=types).schema
    size, rooms, zone = schema.inputs
    assert (size.type, rooms.type, zone.type) == ("number", "integer", "category")
    assert all(isinstance(value, int) for value in (*rooms.examples, *zone.examples))
    assert zone.categories == (10, 11, 12, 13)
    assert not zone.closed
    with pytest.raises(UsageError, match="not an input"):
        pilotboat.pack(model, data=rows, repository=tmp_path, types={"romos": "integer"})
    with pytest.raises(UsageError, match="does not exist"):
        pilotboat.pack(model, data=rows, repository=tmp_path, types={"rooms": "date"})
    with pytest.raises(DataError, match="column 'size'") as caught:
        pilotboat.pack(model, data=rows, repository=tmp_path, types={"size": "boolean"})
    assert caught.value.code == "data-mismatch"


def test_a_refusal_of_values_is_no_failure(tmp_path: Any) -> None:
    """The logarithm of a negative number is NaN, which the head refuses."""
    one = MODELS["logarithm"]()
    model = pilotboat.load(pilotboat.pack(one[0], data=one[1], repository=tmp_path).path)
    row = {"size": 1.0, "age": 20.0}
    with pytest.raises(RefusedError) as caught:
        model.predict([row] * 5 + [row | {"age": -3.0}] + [row] * 3)
    assert caught.value.facts["row"] == 5


def test_a_column_by_a_lambda_needs_trust(tmp_path: Any) -> None:
    model, rows = split((StandardScaler(), lambda _: NUMBERS))
    with pytest.raises(ArtifactError, match="<lambda>") as caught:
        pilotboat.pack(model, data=rows, repository=tmp_path, engine="sklearn")
    assert caught.value.code == "untrusted-types"
    assert not list(tmp_path.iterdir())
    assert pilotboat.pack(model, data=rows, repository=tmp_path).engine == "plan", "no code is left"


def test_what_cannot_be_answered_without_training_rows_says_so(tmp_path: Any) -> None:
    model, _ = MODELS["logarithm"]()
    with pytest.raises(ArtifactError, match="rows made up") as caught:
        pilotboat.pack(model, repository=tmp_path)
    assert "--data" in caught.value.hint


def test_what_cannot_predict(tmp_path: Any) -> None:
    with pytest.raises(ArtifactError, match="StandardScaler cannot predict") as caught:
        pilotboat.pack(StandardScaler().fit(FRAME[NUMBERS]), repository=tmp_path)
    assert caught.value.code == "wrong-interface"


def test_what_was_never_fitted(tmp_path: Any) -> None:
    with pytest.raises(ArtifactError) as caught:
        pilotboat.pack(LogisticRegression(), repository=tmp_path)
    assert caught.value.code == "schema-unknown"
    with pytest.raises(ArtifactError, match="NotFittedError"):
        pilotboat.pack(LogisticRegression(), data=FRAME[NUMBERS], repository=tmp_path)


def test_the_target_is_no_input(tmp_path: Any) -> None:
    """Not for arrays, whose columns have no names, nor for texts, where the longest is looked for."""
    rows = FRAME[NUMBERS].to_numpy()
    frame = pd.DataFrame({"0": WORDS, "1": rows[:, 0], "2": rows[:, 1]})
    model, _ = plain(LogisticRegression(), rows)
    schema = pilotboat.pack(model, data=frame, target="0", repository=tmp_path).schema
    assert [(one.name, one.minimum) for one in schema.inputs] == [
        ("x0", rows[:, 0].min()),
        ("x1", rows[:, 1].min()),
    ]
    notes = pd.DataFrame({"mood": np.where(LEVEL > 0, "positive" * 20, "negative"), "note": TEXTS})
    texts = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, WORDS)
    schema = pilotboat.pack(texts, data=notes, target="mood", repository=tmp_path).schema
    assert schema.inputs[0].examples == tuple(TEXTS[:3])


def test_data_of_another_shape(tmp_path: Any) -> None:
    model, rows = plain(LogisticRegression(), FRAME[NUMBERS].to_numpy())
    with pytest.raises(DataError, match="3 columns of inputs, the model was fitted on 2"):
        pilotboat.pack(model, data=np.c_[rows, CODES], repository=tmp_path)
    with pytest.raises(DataError, match="no column 'label' to be the target"):
        pilotboat.pack(model, data=rows, target="label", repository=tmp_path)
    named, _ = plain(LogisticRegression(), FRAME[NUMBERS])
    with pytest.raises(DataError, match="lacks columns that the model reads: age"):
        pilotboat.pack(named, data=FRAME[["size"]], repository=tmp_path)
    twice = pd.DataFrame(rows, columns=["a", "a"])
    with pytest.raises(DataError, match="the column 'a' twice"):
        pilotboat.pack(model, data=twice, repository=tmp_path)


def test_a_date_that_no_step_reads_is_no_input(tmp_path: Any) -> None:
    rows = FRAME.assign(day=pd.Timestamp("2024-02-29"))
    model, _ = split((StandardScaler(), ["size"]), rows=rows)
    assert "day" in pilotboat.pack(model, data=rows, repository=tmp_path).schema.ignored


def test_a_date_that_a_step_reads_is_refused_by_name(tmp_path: Any) -> None:
    rows = FRAME[["size"]].assign(day=pd.Timestamp("2024-02-29"))
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["size"]), ("c", OneHotEncoder(), ["day"])]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(rows, WORDS)
    with pytest.raises(DataError, match="'day' has the dtype datetime64") as caught:
        pilotboat.pack(model, data=rows, repository=tmp_path)
    assert caught.value.code == "unsupported-column-type"


def test_several_labels_at_once_without_names_for_their_shares(tmp_path: Any) -> None:
    both = np.c_[LEVEL > 0, CODES > 0].astype(int)
    model = MLPClassifier(hidden_layer_sizes=(2,), solver="lbfgs", max_iter=500, random_state=0)
    model.fit(FRAME[NUMBERS] / 10, both)
    bundle = pilotboat.pack(model, data=FRAME[NUMBERS] / 10, repository=tmp_path)
    assert [one.name for one in bundle.schema.outputs] == ["prediction_0", "prediction_1"]
    given = pilotboat.load(bundle.path).predict(FRAME[NUMBERS] / 10)
    assert np.array_equal(given.predictions, model.predict(FRAME[NUMBERS] / 10))


def test_a_column_that_a_step_before_reads_comes_back(tmp_path: Any) -> None:
    """A ColumnTransformer that checks columns which no step of it seems to read."""
    columns = ColumnTransformer(
        [("n", SimpleImputer(), ["size"]), ("c", OneHotEncoder(), ["deck"])], remainder="drop"
    )
    model = make_pipeline(FunctionTransformer(), columns, RandomForestClassifier(3, random_state=0))
    model.fit(FRAME[["size", "deck", "age"]], WORDS)
    schema = pilotboat.pack(model, data=FRAME, repository=tmp_path).schema
    assert set(schema.names) == {"size", "deck", "age"}


NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ("b", [1]),
        (2, [2]),
        (-1, [3]),
        (np.int64(1), [1]),
        (["d", "a"], [3, 0]),
        ([0, -1], [0, 3]),
        (np.array([1, 2]), [1, 2]),
        ([False, True, False, True], [1, 3]),
        (np.array([True, False, False, False]), [0]),
        (pd.Series([False, False, True, True]), [2, 3]),
        (slice(1, 3), [1, 2]),
        (slice(None), [0, 1, 2, 3]),
        (slice(-2, None), [2, 3]),
        (slice("b", "c"), [1, 2]),
        (slice(None, "b"), [0, 1]),
        (slice("c", None), [2, 3]),
        (pd.Index(["b", "d"]), [1, 3]),
        ([], []),
    ],
)
def test_selectors(columns: Any, wanted: list[int]) -> None:
    assert positions(columns, NAMES) == wanted


def test_a_search_is_looked_into(packed: Pack) -> None:
    one = packed("grid search").estimator
    assert inferring.unwrapped(one) is one.best_estimator_
