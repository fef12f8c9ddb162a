"""POST /v1/feedback: what is taken, what is refused, and what is in the spool when it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import validator_for

from pilotboat.operations.outcomes import LAST_ROW, MOST
from pilotboat.operations.ring import fresh, line
from pilotboat.operations.spool import Spool
from tests.http.kept import Ask, keeping, outcomes_in

ID = "0af7651916cd43dd8448eb211c80319c"
GOOD = {"id": ID, "actual": "yes"}
MODELS = ("titanic", "house", "reviews")


@dataclass(frozen=True)
class Keeping:
    ask: Ask
    directory: Path

    def send(self, document: Any, **options: Any) -> Any:
        return self.ask("POST", "/v1/feedback", json=document, **options)

    def kept(self, document: Any) -> list[dict[str, Any]]:
        """The outcomes that are in the spool for a request that is accepted."""
        before = len(outcomes_in(self.directory))
        answer = self.send(document)
        assert answer.status_code == 202, answer.text
        records = outcomes_in(self.directory)[before:]
        assert len(records) == 1
        found: list[dict[str, Any]] = records[0]["outcomes"]
        assert answer.json() == {
            "accepted": len(found),
            "id": answer.headers["x-request-id"],
        }
        return found


@pytest.fixture(scope="module")
def keep(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeping]:
    directory = tmp_path_factory.mktemp("spool")
    spool = Spool(directory, 2**26)
    with keeping(models, spool, rows=50) as ask:
        yield Keeping(ask, directory)
    spool.close()


def test_an_outcome_is_in_the_spool_before_the_answer(keep: Keeping) -> None:
    absent = {"row": 0, "reference": None, "model": None, "time": None}
    assert keep.kept(GOOD) == [absent | GOOD]


def test_several_are_one_record(keep: Keeping) -> None:
    many = [
        GOOD,
        GOOD | {"row": 3, "actual": 1},
        {"reference": "order 4711 \u00e4", "actual": [1, "a"]},
    ]
    found = keep.kept({"outcomes": many})
    assert [one["row"] for one in found] == [0, 3, 0]
    assert [one["actual"] for one in found] == ["yes", 1, [1, "a"]]
    assert [one["id"] for one in found] == [ID, ID, None]
    assert found[2]["reference"] == "order 4711 \u00e4"


def test_unknown_ids_and_repetitions_are_taken(keep: Keeping) -> None:
    for actual in ("yes", "no", "yes"):
        assert keep.kept({"id": "nobody/knows+this=id", "actual": actual})[0]["actual"] == actual


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31t12:00:00.250z", "2026-01-31T12:00:00.250000+00:00"),
        ("2026-01-31T12:00:00+05:30", "2026-01-31T06:30:00+00:00"),
        ("20260131T120000Z", "2026-01-31T12:00:00+00:00"),
    ],
)
def test_a_time_is_kept_in_utc(keep: Keeping, said: str, kept: str) -> None:
    assert keep.kept(GOOD | {"time": said})[0]["time"] == kept


@pytest.mark.parametrize(
    ("model", "said", "kept"),
    [
        ("titanic", "yes", "yes"),
        ("reviews", 1, 1),
        ("reviews", 1.0, 1),
        ("house", 250, 250.0),
        ("house", 250.5, 250.5),
    ],
)
def test_an_actual_value_has_the_type_of_its_model(
    keep: Keeping, model: str, said: Any, kept: Any
) -> None:
    found = keep.kept({"id": ID, "model": model, "actual": said})[0]["actual"]
    assert (found, type(found)) == (kept, type(kept))


FAULTS: dict[str, tuple[Any, str, str, str]] = {
    "list": ([GOOD], "", "wrong-shape", "an object"),
    "text": ("yes", "", "wrong-shape", "got text"),
    "nothing": ({}, "/id", "missing-field", "reference"),
    "no actual": ({"id": ID}, "/actual", "missing-field", "actual"),
    "no name": ({"actual": 1}, "/id", "missing-field", "reference"),
    "two names": (GOOD | {"reference": "a"}, "/id", "conflicting-fields", "either"),
    "row of a reference": (
        {"reference": "a", "row": 0, "actual": 1},
        "/row",
        "conflicting-fields",
        "single row",
    ),
    "typo": (GOOD | {"referense": "a"}, "/referense", "unknown-field", "'reference'"),
    "unknown": (GOOD | {"x": 1}, "/x", "unknown-field", "id, row"),
    "id null": ({"id": None, "actual": 1}, "/id", "wrong-type", "leave it out"),
    "id number": ({"id": 7, "actual": 1}, "/id", "wrong-type", "got a number"),
    "id empty": ({"id": "", "actual": 1}, "/id", "bad-id", "1 to 128"),
    "id long": ({"id": "a" * 129, "actual": 1}, "/id", "bad-id", "1 to 128"),
    "id space": ({"id": "a b", "actual": 1}, "/id", "bad-id", "letters"),
    "id \u00e4": ({"id": "\u00e4", "actual": 1}, "/id", "bad-id", "letters"),
    "id line end": ({"id": f"{ID}\n", "actual": 1}, "/id", "bad-id", "letters"),
    "row text": (GOOD | {"row": "1"}, "/row", "wrong-type", "got text"),
    "row true": (GOOD | {"row": True}, "/row", "wrong-type", "true or false"),
    "row fraction": (GOOD | {"row": 0.5}, "/row", "wrong-type", "a fraction"),
    "row negative": (GOOD | {"row": -1}, "/row", "number-out-of-range", "from 0"),
    "row large": (GOOD | {"row": LAST_ROW + 1}, "/row", "number-out-of-range", "from 0"),
    "reference empty": ({"reference": "", "actual": 1}, "/reference", "bad-reference", "256"),
    "reference long": ({"reference": "a" * 257, "actual": 1}, "/reference", "bad-reference", "256"),
    "reference tab": ({"reference": "a\tb", "actual": 1}, "/reference", "bad-reference", "control"),
    "reference NUL": (
        {"reference": "\0", "actual": 1},
        "/reference",
        "control-character",
        "U+0000",
    ),
    "null": ({"id": ID, "actual": None}, "/actual", "null-not-allowed", "null"),
    "object": ({"id": ID, "actual": {}}, "/actual", "wrong-type", "an object"),
    "nested": ({"id": ID, "actual": [[1]]}, "/actual", "wrong-type", "a list"),
    "null inside": ({"id": ID, "actual": [1, None]}, "/actual", "null-not-allowed", "null"),
    "empty list": ({"id": ID, "actual": []}, "/actual", "wrong-length", "1 to 1,000"),
    "long list": ({"id": ID, "actual": [0] * (MOST + 1)}, "/actual", "wrong-length", "1,000"),
    "NUL": ({"id": ID, "actual": "a\0"}, "/actual", "control-character", "U+0000"),
    "long": ({"id": ID, "actual": "a" * 1_001}, "/actual", "string-too-long", "1,000"),
    "time number": (GOOD | {"time": 1}, "/time", "wrong-type", "got a number"),
    "time without zone": (GOOD | {"time": "2026-01-31T12:00:00"}, "/time", "bad-time", "zone"),
    "day": (GOOD | {"time": "2026-01-31"}, "/time", "bad-time", "zone"),
    "no day": (GOOD | {"time": "2026-02-30T12:00:00Z"}, "/time", "bad-time", "ISO 8601"),
    "before all": (GOOD | {"time": "0001-01-01T00:00:00+01:00"}, "/time", "bad-time", "ISO 8601"),
    "model number": (GOOD | {"model": 1}, "/model", "wrong-type", "got a number"),
    "no class": (
        GOOD | {"model": "titanic", "actual": "maybe"},
        "/actual",
        "unknown-category",
        "yes",
    ),
    "text for 1": (GOOD | {"model": "reviews", "actual": "1"}, "/actual", "wrong-type", "a number"),
    "true for 1": (GOOD | {"model": "reviews", "actual": True}, "/actual", "wrong-type", "true"),
    "text price": (GOOD | {"model": "house", "actual": "9"}, "/actual", "wrong-type", "a number"),
    "list price": (GOOD | {"model": "house", "actual": [9]}, "/actual", "wrong-type", "a list"),
    "no outcomes": ({"outcomes": []}, "/outcomes", "empty-batch", "at least one"),
    "no list": ({"outcomes": GOOD}, "/outcomes", "wrong-shape", "a list"),
    "beside": ({"outcomes": [GOOD], "model": "titanic"}, "/model", "unknown-field", "inside"),
    "else": ({"outcomes": [GOOD], "outcome": 1}, "/outcome", "unknown-field", "'outcomes'"),
    "second": ({"outcomes": [GOOD, {"id": "", "actual": 1}]}, "/outcomes/1/id", "bad-id", "128"),
    "class of the second": (
        {"outcomes": [GOOD, GOOD | {"model": "titanic", "actual": 1}]},
        "/outcomes/1/actual",
        "wrong-type",
        "expected text",
    ),
    "no object": ({"outcomes": [GOOD, 1]}, "/outcomes/1", "wrong-shape", "a number"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_its_place(keep: Keeping, name: str) -> None:
    document, pointer, code, says = FAULTS[name]
    before = outcomes_in(keep.directory)
    answer = keep.send(document)
    assert answer.status_code == 422
    first = answer.json()["errors"][0]
    assert (first["pointer"], first["code"]) == (pointer, code)
    assert says in first["detail"]
    assert outcomes_in(keep.directory) == before


def test_every_fault_is_told_at_once(keep: Keeping) -> None:
    bad = {"outcomes": [{"id": "a b", "actual": None, "x": 1}] * 25}
    told = keep.send(bad).json()
    assert told["errors_total"] == 75
    assert len(told["errors"]) == 20
    assert {one["code"] for one in told["errors"]} == {
        "bad-id",
        "null-not-allowed",
        "unknown-field",
    }


def test_too_many_are_refused(keep: Keeping) -> None:
    answer = keep.send({"outcomes": [GOOD] * 51})
    assert (answer.status_code, answer.json()["code"]) == (413, "batch-too-large")
    assert (answer.json()["limit"], answer.json()["unit"]) == (50, "outcomes")


def test_a_large_body_is_checked_all_the_same(keep: Keeping) -> None:
    wide: dict[str, Any] = {"outcomes": [{"id": ID, "actual": "a" * 900}] * 50}
    assert len(keep.kept(wide)) == 50
    wide["outcomes"][49] = {"id": ID, "actual": None}
    assert keep.send(wide).json()["errors"][0]["pointer"] == "/outcomes/49/actual"


def test_a_model_that_is_not_here_is_not_known(keep: Keeping) -> None:
    answer = keep.send(GOOD | {"model": "titanik"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-model")


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", 400, "empty-body"),
        (b"{", 400, "invalid-json"),
        (b'{"id":"a","actual":1,"actual":2}', 400, "duplicate-key"),
        (b'{"id":"a","actual":1e999}', 400, "number-out-of-range"),
        (b'{"id":"a","actual":NaN}', 400, "invalid-json"),
        (b'{"id":"a","actual":"\\ud800"}', 400, "invalid-unicode"),
    ],
)
def test_what_is_no_document_is_refused(keep: Keeping, raw: bytes, status: int, code: str) -> None:
    answer = keep.ask("POST", "/v1/feedback", content=raw)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_other_media_types_and_methods_are_refused(keep: Keeping) -> None:
    plain = {"content-type": "text/plain"}
    assert keep.ask("POST", "/v1/feedback", content=b"{}", headers=plain).status_code == 415
    answer = keep.ask("GET", "/v1/feedback")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_without_a_prediction_log_it_is_not_offered(models: Path) -> None:
    with keeping(models, None) as ask:
        answer = ask("POST", "/v1/feedback", json=GOOD)
        assert (answer.status_code, answer.json()["code"]) == (404, "prediction-log-off")
        assert "PILOTBOAT_PREDICTION_LOG" in answer.json()["detail"]
        assert "/v1/feedback" not in ask("GET", "/openapi.json").json()["paths"]


def test_a_full_spool_is_said(models: Path, tmp_path: Path) -> None:
    spool = Spool(tmp_path, 2**20, "reject_503")
    wide = {"outcomes": [{"id": ID, "actual": "a" * 1_000}] * 400}
    with keeping(models, spool) as ask:
        for _ in range(10):
            answer = ask("POST", "/v1/feedback", json=wide)
            if answer.status_code != 202:
                break
        assert (answer.status_code, answer.json()["code"]) == (503, "prediction-log-full")
        assert int(answer.headers["retry-after"]) > 0
    spool.close()


SCOPES = {
    "every": ["predict"],
    "titanic": ["predict:titanic"],
    "two": ["predict:titanic", "predict:house"],
    "admin": ["admin"],
    "metrics": ["metrics"],
}
NAMED = GOOD | {"model": "titanic"}
OTHER = {"id": ID, "model": "house", "actual": 1}


@pytest.mark.parametrize(
    ("who", "document", "status"),
    [
        ("every", GOOD, 202),
        ("every", NAMED, 202),
        ("titanic", NAMED, 202),
        ("titanic", GOOD, 403),
        ("titanic", OTHER, 403),
        ("titanic", GOOD | {"model": "nothing"}, 403),
        ("titanic", {"outcomes": [NAMED, OTHER]}, 403),
        ("titanic", {"outcomes": [NAMED, GOOD]}, 403),
        ("two", {"outcomes": [NAMED, OTHER]}, 202),
        ("two", GOOD, 403),
        ("admin", NAMED, 403),
        ("metrics", NAMED, 403),
        (None, NAMED, 401),
    ],
)
def test_a_key_speaks_of_its_models_alone(
    models: Path, tmp_path: Path, who: str | None, document: Any, status: int
) -> None:
    keys = {name: fresh(name) for name in SCOPES}
    lines = "\n".join(line(key, SCOPES[name]) for name, key in keys.items())
    spool = Spool(tmp_path, 2**26)
    with keeping(models, spool, keys=lines) as ask:
        headers = {} if who is None else {"x-api-key": keys[who]}
        answer = ask("POST", "/v1/feedback", json=document, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 403:
            assert answer.json()["scope"].startswith("predict")
    spool.close()
    found = outcomes_in(tmp_path)
    assert [one["key"] for one in found] == ([who] if status == 202 else [])


def test_openapi_says_what_is_taken(keep: Keeping) -> None:
    document = keep.ask("GET", "/openapi.json").json()
    content = document["paths"]["/v1/feedback"]["post"]["requestBody"]["content"]
    body = content["application/json"]
    schema = validator_for({"components": document["components"], **body["schema"]})
    for example in body["examples"].values():
        assert schema.is_valid(example["value"])
        assert keep.send(example["value"]).status_code == 202
    for good in (GOOD, NAMED, OTHER, {"outcomes": [GOOD] * 50}, GOOD | {"row": 1.0}):
        assert schema.is_valid(good)
        assert keep.send(good).status_code == 202
    beyond = {"no day", "before all", "time without zone", "day"}  # formats only annotate
    for name in FAULTS.keys() - beyond:
        assert not schema.is_valid(FAULTS[name][0]), name
