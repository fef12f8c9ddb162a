from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import pilotboat
from pilotboat.bundle.archive import Bundle
from pilotboat.bundle.manifest import Manifest
from pilotboat.http.native import written
from pilotboat.prediction import Prediction, label_key
from pilotboat.runtime.model import Model
from pilotboat.schema import Field, Schema
from tests.factories import RECORD, Server
from tests.http.wire import inside


def made(labels: Any, shares: Any = None, classes: Any = None) -> tuple[Prediction, Model]:
    """An answer, and a model that could have given it."""
    outputs = (Field("prediction", "category", categories=classes),)
    manifest = Manifest("model", "1", "plan", {})
    model = Model(Bundle(Path(), manifest, Schema((), outputs), ""), never)
    return Prediction(np.array(labels), shares, classes, "model", "1"), model


def never(_rows: Any) -> Any:
    raise AssertionError("nothing is asked")


def told(answer: tuple[Prediction, Model], *, single: bool) -> Any:
    return json.loads(written(*answer, "x", single=single))


@pytest.mark.parametrize(
    ("label", "key"), [("no", "no"), (0, "0"), (True, "true"), (1.5, "1.5"), ("0", "0")]
)
def test_a_label_is_a_key_as_json_writes_it(label: Any, key: str) -> None:
    assert label_key(label) == key


def test_a_classifier_answers_with_a_probability_for_each_label() -> None:
    shares = np.array([[0.25, 0.75], [1.0, 0.0]])
    answer = made([True, False], shares, (False, True))
    who = {"model": "model", "version": "1", "id": "x"}
    assert told(answer, single=False) == who | {
        "predictions": [True, False],
        "probabilities": [{"false": 0.25, "true": 0.75}, {"false": 1.0, "true": 0.0}],
    }
    assert told(answer, single=True) == who | {
        "prediction": True,
        "probabilities": {"false": 0.25, "true": 0.75},
    }


def test_several_targets_are_a_list_for_each_row() -> None:
    answer = made([[1.0, 2.0], [3.0, 4.0]])
    many, one = (told(answer, single=single) for single in (False, True))
    assert (many["predictions"], one["prediction"]) == ([[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0])
    assert "probabilities" not in many


def test_one_record_and_a_list_of_it_are_answered_alike(fleet: Server) -> None:
    one = fleet.client.post("/predict", json=RECORD).json()
    many = fleet.client.post("/predict", json={"instances": [RECORD, RECORD]}).json()
    assert list(one) == ["prediction", "probabilities", "model", "version", "id"]
    assert list(many) == ["predictions", "probabilities", "model", "version", "id"]
    assert many["predictions"] == [one["prediction"]] * 2
    for shares in many["probabilities"]:
        assert shares == pytest.approx(one["probabilities"], rel=1e-12)
    assert sum(one["probabilities"].values()) == pytest.approx(1)


def test_the_answer_is_that_of_the_model(fleet: Server, models: Path) -> None:
    model = pilotboat.load(models / "titanic" / "1")
    rows = model.examples(20)
    expected = model.predict(rows)
    answer = fleet.client.post("/v1/models/titanic:predict", json={"instances": rows}).json()
    assert answer["predictions"] == expected.predictions.tolist()
    assert expected.probabilities is not None
    got = [list(shares.values()) for shares in answer["probabilities"]]
    assert np.array_equal(got, expected.probabilities)


def test_a_regression_answers_numbers_and_no_probabilities(fleet: Server) -> None:
    rows = [{"area": 100.0, "rooms": 3, "garden": True}, [50, 1, False]]
    answer = fleet.client.post("/v1/models/house:predict", json={"instances": rows}).json()
    assert all(isinstance(price, float) for price in answer["predictions"])
    assert "probabilities" not in answer


def test_a_model_of_one_input_takes_bare_values(fleet: Server) -> None:
    rows = [{"text": "a fine day"}, ["a fine day"], "a fine day", "awful"]
    answer = fleet.client.post("/v1/models/reviews:predict", json={"instances": rows}).json()
    assert answer["predictions"] == [1, 1, 1, 0]
    assert list(answer["probabilities"][0]) == ["0", "1"]


def test_a_version_is_asked_by_its_number(fleet: Server) -> None:
    path = "/v1/models/titanic/versions/1:predict"
    answer = fleet.client.post(path, json={"instances": [RECORD]}).json()
    assert (answer["model"], answer["version"]) == ("titanic", "1")


def test_the_answer_carries_the_id_of_the_request(fleet: Server) -> None:
    answer = fleet.client.post("/predict", json=RECORD, headers={"x-request-id": "mine"})
    assert answer.json()["id"] == answer.headers["x-request-id"] == "mine"


def test_the_models_are_listed(fleet: Server) -> None:
    listed = fleet.client.get("/v1/models").json()
    assert listed == {"models": ["brittle", "house", "overflow", "reviews", "titanic"]}


@pytest.mark.parametrize("path", ["/v1/models/titanic", "/v1/models/titanic/versions/1"])
def test_a_model_is_described_with_its_schema(fleet: Server, path: str) -> None:
    told = fleet.client.get(path).json()
    assert told["name"] == "titanic"
    assert told["ready"] is True
    assert (told["version"], told["versions"], told["engine"]) == ("1", ["1"], "plan")
    assert told["default"] is True
    assert len(told["digest"]) == 64
    assert [field["name"] for field in told["inputs"]] == list(RECORD)
    sex = told["inputs"][1]
    assert (sex["type"], sex["categories"], sex["closed"]) == ("category", ["female", "male"], True)
    assert told["outputs"][0]["categories"] == ["no", "yes"]
    assert told["probabilities"] is True
    assert "alive" in told["ignored"]
    assert fleet.client.post("/predict", json=told["example"]).status_code == 200


def test_another_model_is_not_the_default(fleet: Server) -> None:
    assert fleet.client.get("/v1/models/house").json()["default"] is False


def pack_plain(repository: Path, name: str, *columns: str) -> pilotboat.Bundle:
    frame = pd.DataFrame(np.eye(len(columns) + 2)[:, : len(columns)], columns=list(columns))
    model = LinearRegression().fit(frame, np.arange(len(frame)))
    return pilotboat.pack(model, frame, name=name, repository=repository)


def test_a_model_with_an_input_called_instances_takes_records(tmp_path: Path) -> None:
    pack_plain(tmp_path, "odd", "instances", "other")
    with inside(repository=str(tmp_path)) as ask:
        record = {"instances": 1.0, "other": 0.0}
        one = ask("POST", "/predict", json=record)
        assert "prediction" in one.json()
        many = ask("POST", "/v1/models/odd:predict", json={"instances": [record]})
        assert many.json()["predictions"] == [one.json()["prediction"]]
        document = ask("GET", "/openapi.json").json()
        asked = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        assert asked["schema"] == {"$ref": "#/components/schemas/odd.1.Record"}


def test_without_a_default_the_models_are_named(tmp_path: Path) -> None:
    pack_plain(tmp_path, "one", "a")
    pack_plain(tmp_path, "two", "a")
    with inside(repository=str(tmp_path)) as ask:
        answer = ask("POST", "/predict", json={"a": 1})
        assert answer.status_code == 404
        assert answer.json()["models"] == ["one", "two"]
        assert "/v1/models/two:predict" in answer.json()["detail"]
        assert "/predict" not in ask("GET", "/openapi.json").json()["paths"]


def test_the_newest_version_answers_unless_one_is_named(tmp_path: Path) -> None:
    for _ in range(2):
        pack_plain(tmp_path, "one", "a")
    with inside(repository=str(tmp_path)) as ask:
        assert ask("POST", "/predict", json={"a": 1}).json()["version"] == "2"
        older = ask("POST", "/v1/models/one/versions/1:predict", json={"instances": [[1]]})
        assert older.json()["version"] == "1"
        assert ask("GET", "/v1/models/one").json()["versions"] == ["2", "1"]


def test_unknown_fields_may_be_allowed(tmp_path: Path) -> None:
    pack_plain(tmp_path, "one", "a")
    with inside(repository=str(tmp_path), unknown_fields="ignore") as ask:
        assert ask("POST", "/predict", json={"a": 1, "b": {"c": []}}).status_code == 200
        record = json.loads(ask("GET", "/openapi.json").text)["components"]["schemas"][
            "one.1.Record"
        ]
        assert record["additionalProperties"] is True


def test_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    pack_plain(tmp_path, "one", "a")
    with inside(repository=str(tmp_path), max_rows=2, max_body_bytes=1024) as ask:
        assert ask("POST", "/predict", json={"instances": [1, 2]}).status_code == 200
        assert ask("POST", "/predict", json={"instances": [1, 2, 3]}).json()["limit"] == 2
        assert ask("POST", "/predict", content=b" " * 1025).json()["limit"] == 1024
