"""The signature as plain values, and the types that a user states."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pilotboat.errors import BundleError, UsageError
from pilotboat.schema import Field, Schema, with_types

SCHEMA = Schema(
    inputs=(
        Field("age", "number", nullable=True, minimum=0.5, maximum=80.0, examples=(22.0,)),
        Field("deck", "category", categories=(1, 2), closed=True, dtype="int64"),
        Field("note", "text", gap="none"),
    ),
    outputs=(Field("prediction", "category", categories=(False, True), closed=True),),
    probabilities=True,
    ignored=("ticket",),
)


def test_the_way_there_and_back() -> None:
    plain = json.loads(json.dumps(SCHEMA.to_json()))
    assert Schema.from_json(plain) == SCHEMA
    assert "names" not in plain


def test_names_and_classes() -> None:
    assert SCHEMA.names == ("age", "deck", "note")
    assert SCHEMA.classes == (False, True)
    two = Schema(SCHEMA.inputs, SCHEMA.outputs * 2)
    assert two.classes is None


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": None},
        {"inputs": [{"name": "a"}]},
        {"inputs": [{"name": "a", "type": "date"}]},
        {"inputs": [{"name": "a", "type": "number", "gap": "hole"}]},
        {"inputs": [{"name": "a", "type": "number", "colour": "red"}]},
        {"inputs": ["a"]},
        {"layout": "matrix"},
        {"ignored": 3},
    ],
)
def test_what_is_no_schema(change: dict[str, Any]) -> None:
    with pytest.raises(BundleError) as caught:
        Schema.from_json(SCHEMA.to_json() | change)
    assert caught.value.code == "schema-invalid"


@pytest.mark.parametrize("part", ["inputs", "outputs", "probabilities", "layout", "dtype"])
def test_a_part_that_is_missing(part: str) -> None:
    plain = SCHEMA.to_json()
    del plain[part]
    with pytest.raises(BundleError):
        Schema.from_json(plain)


def test_stated_types() -> None:
    made = with_types(SCHEMA, {"age": "integer", "deck": "number"})
    assert [field.type for field in made.inputs] == ["integer", "number", "text"]
    assert made.inputs[1].categories is None
    assert not made.inputs[1].closed
    assert with_types(SCHEMA, {"deck": "category"}) == SCHEMA


def test_a_type_stated_for_no_input() -> None:
    with pytest.raises(UsageError, match="'aeg', which is not an input") as caught:
        with_types(SCHEMA, {"aeg": "integer"})
    assert "age, deck, note" in caught.value.hint


def test_a_type_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match="the type 'date', which does not exist") as caught:
        with_types(SCHEMA, {"age": "date"})
    assert "number, integer, boolean, category, text" in caught.value.hint
