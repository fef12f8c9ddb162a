from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema_rs import validator_for

import pilotboat
from pilotboat.http import openapi, shapes
from pilotboat.rows import Reader
from pilotboat.rows.cells import INT64
from pilotboat.runtime.model import Model
from pilotboat.schema import Field, Schema
from tests.factories import RECORD, pack_titanic


@pytest.fixture(scope="module")
def loaded(models: Path) -> list[Model]:
    return [pilotboat.load(models / name) for name in ("house", "reviews", "titanic")]


@pytest.fixture(scope="module")
def document(loaded: list[Model]) -> Any:
    return openapi.document(loaded, loaded[2], "1.2.3", max_rows=5, max_text=10)


def components(schema: Schema, *, closed: bool = True) -> Any:
    """The cells and answers of a schema that no model has to be trained for."""
    cells = [shapes.cell(field, 10) for field in schema.inputs]
    return shapes.record(schema, cells, closed=closed)


def asked(document: Any, name: str) -> Any:
    """A validator of one component."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return validator_for(schema)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from [one] if key == "$ref" else references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_the_document_says_what_it_describes(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"
    assert set(document["paths"]) == {
        "/predict",
        *(f"/v1/models/{name}" for name in ("house", "reviews", "titanic")),
        *(f"/v1/models/{name}:predict" for name in ("house", "reviews", "titanic")),
        *(f"/v1/models/{name}/versions/1" for name in ("house", "reviews", "titanic")),
        *(f"/v1/models/{name}/versions/1:predict" for name in ("house", "reviews", "titanic")),
        *("/v1/models", "/health", "/readyz", "/livez", "/metrics"),
    }


def test_every_reference_leads_somewhere(document: Any) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def test_every_operation_has_a_name_of_its_own(document: Any) -> None:
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalnum() for name in names)


def test_the_examples_are_real_rows_that_fit(document: Any, loaded: list[Model]) -> None:
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    record = content["examples"]["record"]["value"]
    assert loaded[2].predict([record]).predictions[0] in ("no", "yes")
    schema = {"components": document["components"], **content["schema"]}
    for example in content["examples"].values():
        assert validator_for(schema).is_valid(example["value"])


def test_golden_rows_fit_the_document(document: Any, loaded: list[Model]) -> None:
    for model in loaded:
        one, many = (asked(document, f"{model.name}.1.{form}") for form in ("Record", "Request"))
        wide = openapi.document([model], None, "1", max_rows=100, max_text=100)
        rows = model.examples(50)
        assert asked(wide, f"{model.name}.1.Request").is_valid({"instances": rows})
        assert asked(wide, f"{model.name}.1.Record").is_valid(rows[0])
        assert not many.is_valid({"instances": []})
        assert not many.is_valid({"instances": rows[:6] * 6})
        assert not one.is_valid({})


GOOD = [RECORD, RECORD | {"age": None}, RECORD | {"alive": "no"}, RECORD | {"age": 22}]
BAD = [RECORD | {"sex": "x"}, RECORD | {"age": "22"}, RECORD | {"more": 1}, RECORD | {"sex": None}]


@pytest.mark.parametrize(("records", "fit"), [(GOOD, True), (BAD, False)])
def test_a_record_is_described_as_it_is_checked(
    document: Any, loaded: list[Model], records: list[Any], fit: bool
) -> None:
    validator = asked(document, "titanic.1.Record")
    for record in records:
        assert validator.is_valid(record) is fit
        if fit:
            loaded[2].predict([record])
        else:
            with pytest.raises(pilotboat.PilotboatError):
                loaded[2].predict([record])


def test_rows_may_be_lists_and_a_single_input_a_bare_value(document: Any) -> None:
    titanic, reviews = (asked(document, f"{name}.1.Request") for name in ("titanic", "reviews"))
    assert titanic.is_valid({"instances": [RECORD, list(RECORD.values())]})
    assert not titanic.is_valid({"instances": [[1, "female"]]})
    assert not titanic.is_valid({"instances": ["female"]})
    assert reviews.is_valid({"instances": ["fine", ["fine"], {"text": "fine"}]})
    assert not reviews.is_valid({"instances": ["longer than ten"]})


def test_answers_keep_the_type_of_their_labels(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["reviews.1.Answers"]["properties"]["predictions"]["items"] == {"enum": [0, 1]}
    assert set(schemas["reviews.1.Answer"]["properties"]["probabilities"]["properties"]) == {
        "0",
        "1",
    }
    assert schemas["house.1.Answer"]["properties"]["prediction"] == {"type": "number"}
    assert "probabilities" not in schemas["house.1.Answer"]["properties"]


def test_without_a_default_there_is_no_short_path(loaded: list[Model]) -> None:
    made = openapi.document(loaded, None, "1", max_rows=5, max_text=10)
    assert "/predict" not in made["paths"]


def test_only_the_newest_version_has_the_path_without_one(tmp_path: Path) -> None:
    old, new = (pilotboat.load(pack_titanic(tmp_path).path) for _ in range(2))
    paths = openapi.document([new, old], new, "1", max_rows=5, max_text=10)["paths"]
    tail = "predict_titanic_2_newest"
    assert paths["/v1/models/titanic:predict"]["post"]["operationId"] == tail
    assert {"/v1/models/titanic/versions/1", "/v1/models/titanic/versions/2"} < set(paths)


CELLS: dict[str, tuple[Field, list[Any], list[Any]]] = {
    "number": (Field("x", "number"), [1, -1.5, 1e308], ["1", True, None]),
    "number of float32": (Field("x", "number", largest=3e38), [3e38], [4e38, -4e38]),
    "gap": (Field("x", "number", nullable=True), [None, 1], ["", "null"]),
    "integer": (Field("x", "integer"), [1, 2.0, INT64 - 1, -INT64], [1.5, INT64, "1", True]),
    "boolean": (Field("x", "boolean"), [True, False], [1, "true", None]),
    "text": (Field("x", "text"), ["", "ten chars."], ["eleven char", "\0", 1, None]),
    "closed": (Field("x", "category", categories=("a", 1), closed=True), ["a", 1], ["b", 2, "1"]),
    "open text": (Field("x", "category", categories=("a",)), ["a", "new"], [1, None, "\0"]),
    "open integers": (Field("x", "category", categories=(1, 2)), [1, 7], ["1", True, INT64]),
    "open floats": (Field("x", "category", categories=(1.5,)), [1.5, 2], ["1", None, 1e300]),
    "open flags": (Field("x", "category", categories=(True, "a")), [True, "b"], [1, None]),
    "unknown": (Field("x", "category"), ["a"], [1, None]),
}


@pytest.mark.parametrize(("field", "good", "bad"), CELLS.values(), ids=CELLS)
def test_a_cell_is_described_as_it_is_checked(
    field: Field, good: list[Any], bad: list[Any]
) -> None:
    schema = Schema(inputs=(field,), outputs=(Field("prediction", "number"),))
    validator = validator_for(components(schema))
    reader = Reader(schema, max_text=10)
    for value in good:
        assert validator.is_valid({"x": value}), value
        reader.records([{"x": value}])
    for value in bad:
        assert not validator.is_valid({"x": value}), value
        with pytest.raises(pilotboat.PilotboatError):
            reader.records([{"x": value}])


def test_what_is_known_of_training_describes_and_does_not_refuse() -> None:
    field = Field("x", "number", minimum=1.0, maximum=2.0, examples=(1.5,))
    made = shapes.cell(field, 10)
    assert made["examples"] == [1.5]
    assert made["description"] == "In training between 1 and 2"
    assert validator_for(made).is_valid(1000)


def test_several_targets_are_described_as_lists() -> None:
    outputs = (Field("a", "number"), Field("b", "category", categories=("x",)))
    one, many = openapi._answers(Schema(inputs=(), outputs=outputs))
    row = {"type": "array", "items": {"anyOf": [{"type": "number"}, {"enum": ["x"]}]}}
    assert one == {"prediction": row}
    assert many == {"predictions": {"type": "array", "items": row}}


def test_unknown_fields_are_described_as_they_are_treated() -> None:
    schema = Schema(inputs=(Field("x", "number"),), outputs=(Field("y", "number"),))
    assert components(schema)["additionalProperties"] is False
    assert components(schema, closed=False)["additionalProperties"] is True


def test_the_largest_number_is_that_of_float64() -> None:
    assert np.finfo(np.float64).max == shapes.FLOAT64
