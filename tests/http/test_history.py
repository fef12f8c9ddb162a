"""GET /v1/predictions over a real store: what is found, what is refused, and what waits for nobody."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema_rs import validator_for

from pilotboat.errors import OverloadedError, StoreUnavailableError
from pilotboat.http import history
from pilotboat.http.history import MOST, Reading, asked, is_local
from pilotboat.operations.ring import fresh, line
from pilotboat.operations.segments import OUTCOME, PREDICTION, Record
from pilotboat.operations.spool import Spool
from pilotboat.operations.store.query import Page, Query
from tests.http.kept import Ask, keeping
from tests.spooled import outcome, prediction

pytest.importorskip("sqlalchemy", reason="needs the extra 'store'")
from pilotboat.operations.store import open_store

NOON = 1_767_268_800_000
"""2026-01-01T12:00:00Z in milliseconds."""


def record(number: int, payload: bytes, rows: int = 1, kind: int = PREDICTION) -> Record:
    """A record of so many minutes after noon."""
    return Record(kind, NOON + number * 60_000, UUID(int=number + 1).bytes, rows, payload)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of ten predictions in eight requests, two outcomes of one of them, and one of nobody."""
    place = f"sqlite:///{tmp_path_factory.mktemp('state') / 'predictions.db'}"
    store = open_store(place)
    single = [record(minute, prediction(f"r-{minute}", minute)) for minute in range(6)]
    several = record(6, prediction("r-6", 60, 61, 62), 3)
    other = record(7, prediction("r-7", 7, model="house"))
    said = [
        record(8, outcome({"id": "r-6", "row": 1, "actual": "no"}), 1, OUTCOME),
        record(
            9,
            outcome({"id": "r-6", "row": 1, "actual": "yes"}, {"id": "x", "actual": 1}),
            2,
            OUTCOME,
        ),
    ]
    store.write([*single, several, other, *said])
    store.close()
    return place


@pytest.fixture(scope="module")
def ask(models: Path, url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    store = open_store(url, read_only=True)
    spool = Spool(tmp_path_factory.mktemp("spool"), 2**26)
    with keeping(models, spool, find=store.find) as one:
        yield one
    store.close()
    spool.close()


def found(ask: Ask, **parameters: Any) -> list[tuple[str, int]]:
    """The requests and rows that are answered."""
    answer = ask("GET", "/v1/predictions", params=parameters)
    assert answer.status_code == 200, answer.text
    return [(one["id"], one["row"]) for one in answer.json()["predictions"]]


ALL = [("r-7", 0), ("r-6", 2), ("r-6", 1), ("r-6", 0), *((f"r-{n}", 0) for n in range(5, -1, -1))]


def test_the_newest_are_first(ask: Ask) -> None:
    assert found(ask) == ALL


def test_a_prediction_is_told_with_its_outcome(ask: Ask) -> None:
    answer = ask("GET", "/v1/predictions", params={"id": "r-6", "row": 1})
    assert answer.headers["cache-control"] == "no-store"
    [one] = answer.json()["predictions"]
    assert one["inputs"] == {"x": 61}
    assert one["prediction"] == "yes"
    assert one["probabilities"] == {"no": 0.25, "yes": 0.75}
    assert one["time"] == "2026-01-01T12:06:00.000Z"
    assert (one["actual"], one["actual_time"]) == ("yes", "2026-01-01T12:09:00.000Z")
    assert answer.json()["next"] is None


def test_parameters_narrow_it(ask: Ask) -> None:
    assert found(ask, id="r-6") == [("r-6", 2), ("r-6", 1), ("r-6", 0)]
    assert found(ask, model="house") == [("r-7", 0)]
    assert found(ask, model="house", version=2) == []
    assert found(ask, reference="nobody") == []
    assert found(ask, since="2026-01-01T12:05:00Z", until="2026-01-01T12:06:00Z") == [("r-5", 0)]
    assert found(ask, since="2026-01-01T13:05:00+01:00", until="2026-01-01T12:06Z") == [("r-5", 0)]
    zone = "?since=2026-01-01T12:05:00+00:00&until=2026-01-01T12:06:00%2B00:00"
    assert len(ask("GET", f"/v1/predictions{zone}").json()["predictions"]) == 1


def test_pages_follow_each_other(ask: Ask) -> None:
    seen: list[tuple[str, int]] = []
    cursor: str | None = ""
    while cursor is not None:
        parameters = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = ask("GET", "/v1/predictions", params=parameters).json()
        seen += [(one["id"], one["row"]) for one in page["predictions"]]
        cursor = page["next"]
    assert seen == ALL


@pytest.mark.parametrize(
    ("query", "name", "code", "says"),
    [
        ("id=a%20b", "id", "bad-id", "letters"),
        ("id=", "id", "bad-id", "letters"),
        ("id=a&id=a", "id", "conflicting-fields", "once"),
        ("row=-1", "row", "number-out-of-range", "from 0"),
        ("row=1.0", "row", "number-out-of-range", "whole"),
        ("row=\u0661", "row", "number-out-of-range", "whole"),
        ("limit=0", "limit", "number-out-of-range", "1 to 1000"),
        ("limit=1001", "limit", "number-out-of-range", "1 to 1000"),
        ("limit=99999999999", "limit", "number-out-of-range", "1 to 1000"),
        ("reference=", "reference", "bad-reference", "256"),
        ("reference=%00", "reference", "control-character", "U+0000"),
        ("model=a/b", "model", "wrong-shape", "model"),
        ("version=0", "version", "wrong-shape", "version"),
        ("since=yesterday", "since", "bad-time", "ISO 8601"),
        ("until=2026-01-01", "until", "bad-time", "zone"),
        ("cursor=x", "cursor", "bad-cursor", "next"),
        ("cursor=%C3%A4", "cursor", "bad-cursor", "next"),
        ("modell=a", "modell", "unknown-field", "'model'"),
        ("x=a", "x", "unknown-field", "id, row"),
    ],
)
def test_a_parameter_that_is_none_is_named(
    ask: Ask, query: str, name: str, code: str, says: str
) -> None:
    answer = ask("GET", f"/v1/predictions?{query}")
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (name, code)
    assert says in fault["detail"]


def test_every_parameter_that_is_none_is_named(ask: Ask) -> None:
    told = ask("GET", "/v1/predictions?limit=x&row=x&y=1").json()
    assert [one["pointer"] for one in told["errors"]] == ["limit", "row", "y"]


def test_parameters_become_a_query() -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    given = [("id", "a"), ("row", "2"), ("since", "2026-01-01T12:00:00Z"), ("limit", "7")]
    assert asked(given) == Query(id="a", row=2, since=moment, limit=7)
    assert asked([]) == Query()


def test_the_answer_is_what_openapi_says(ask: Ask) -> None:
    document = ask("GET", "/openapi.json").json()
    operation = document["paths"]["/v1/predictions"]["get"]
    assert {one["name"] for one in operation["parameters"]} == set(history.READ)
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    validator = validator_for({"components": document["components"], **schema})
    page = ask("GET", "/v1/predictions", params={"limit": 2}).json()
    assert validator.is_valid(page)
    assert not validator.is_valid({"predictions": [{}], "next": None})


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("127.1.2.3", True),
        ("[::1]:8000", True),
        ("", False),
        ("example.com", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1", False),
        ("[::1", False),
    ],
)
def test_hosts_of_this_machine_are_known(host: str, local: bool) -> None:
    assert is_local(host) is local


def test_without_keys_it_is_for_this_machine_alone(models: Path, url: str, tmp_path: Path) -> None:
    store, spool = open_store(url, read_only=True), Spool(tmp_path, 2**26)
    with keeping(models, spool, find=store.find, address="http://rebound.example") as ask:
        answer = ask("GET", "/v1/predictions")
        assert (answer.status_code, answer.json()["code"]) == (404, "administration-off")
    store.close()
    with keeping(models, spool, find=None) as ask:
        answer = ask("GET", "/v1/predictions")
        assert (answer.status_code, answer.json()["code"]) == (404, "administration-off")
        assert "PILOTBOAT_API_KEYS_FILE" in answer.json()["detail"]
        paths = ask("GET", "/openapi.json").json()["paths"]
        assert "/v1/feedback" in paths
        assert "/v1/predictions" not in paths
    spool.close()


def test_without_a_prediction_log_it_is_not_offered(models: Path) -> None:
    with keeping(models, None) as ask:
        answer = ask("GET", "/v1/predictions")
        assert (answer.status_code, answer.json()["code"]) == (404, "prediction-log-off")


def test_only_administrators_may_read(models: Path, url: str, tmp_path: Path) -> None:
    scopes = {"admin": ["admin"], "every": ["predict"], "metrics": ["metrics"]}
    keys = {name: fresh(name) for name in scopes}
    lines = "\n".join(line(key, scopes[name]) for name, key in keys.items())
    store, spool = open_store(url, read_only=True), Spool(tmp_path, 2**26)
    with keeping(models, spool, find=store.find, keys=lines, address="http://far.example") as ask:
        statuses = {
            name: ask("GET", "/v1/predictions", headers={"x-api-key": key}).status_code
            for name, key in keys.items()
        }
        assert statuses == {"admin": 200, "every": 403, "metrics": 403}
        assert ask("GET", "/v1/predictions").status_code == 401
    store.close()
    spool.close()


def test_a_store_that_is_not_there_is_said(models: Path, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'none' / 'predictions.db'}", read_only=True)
    spool = Spool(tmp_path / "spool", 2**26)
    with keeping(models, spool, find=store.find) as ask:
        answer = ask("GET", "/v1/predictions")
        assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
        assert answer.headers["retry-after"] == "5"
        assert str(tmp_path) not in answer.text
    spool.close()


def test_a_database_that_accepts_and_never_answers_is_given_up(
    models: Path, tmp_path: Path
) -> None:
    pytest.importorskip("psycopg", reason="needs the extra 'store'")
    spool = Spool(tmp_path, 2**26)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        store = open_store(f"postgresql://u:5ecret@127.0.0.1:{port}/n", read_only=True)
        with keeping(models, spool, find=store.find) as ask:
            begun = time.monotonic()
            answer = ask("GET", "/v1/predictions")
            assert time.monotonic() - begun < history.PATIENCE + 1
        assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
        assert "5ecret" not in answer.text
        assert str(port) not in answer.text
    store.close()
    spool.close()


def test_who_waits_too_long_is_told_and_the_event_loop_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A database that hangs: as many wait as may, the others are told at once."""
    monkeypatch.setattr(history, "PATIENCE", 0.2)
    hangs = threading.Event()

    def find(_query: Query) -> Page:
        hangs.wait(30)
        return Page([], None)

    async def everything() -> list[Any]:
        reading = Reading(find)
        waiting = [asyncio.create_task(reading.answer(Query())) for _ in range(MOST)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await reading.answer(Query())
        said = await asyncio.gather(*waiting, return_exceptions=True)
        with pytest.raises(OverloadedError):  # they have left, their jobs have not
            await reading.answer(Query())
        hangs.set()
        await asyncio.wait(reading.jobs)
        await asyncio.sleep(0)
        assert await reading.answer(Query()) == b'{"predictions":[],"next":null}'
        return said

    said = asyncio.run(everything())
    assert [type(one) for one in said] == [StoreUnavailableError] * MOST
    assert said[0].facts["retry_after"] == history.AGAIN
