from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

import pilotboat
from pilotboat.errors import SpoolFullError
from pilotboat.operations import segments
from pilotboat.operations.remember import PIECE, Memory, Policy, keep, same
from pilotboat.operations.segments import OUTCOME, PREDICTION, Record
from pilotboat.operations.spool import Spool
from pilotboat.prediction import Asked, Call, Predict, Prediction, Single
from pilotboat.rows import Reader
from pilotboat.runtime.batcher import at_once
from pilotboat.runtime.model import Model
from tests.factories import RECORD

ASKED = Asked("request-1", "ci", "", "order-1")


@pytest.fixture(scope="module")
def model(titanic: Path) -> Model:
    return pilotboat.load(titanic / "titanic")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", 2**24)


def records(spool: Spool) -> list[Record]:
    spool.close()
    return [
        one for path in segments.names(spool.directory) for one in segments.read(path, 0, 2**30)[0]
    ]


def told(record: Record) -> tuple[dict[str, Any], list[Any]]:
    head, body = record.payload.split(b"\n")
    return orjson.loads(head), orjson.loads(body)


def answering(model: Model) -> Predict:
    async def predict(call: Call) -> Prediction:
        return model.answer(call.rows)

    return predict


def many(model: Model, spool: Spool, policy: Policy, call: Call) -> Prediction:
    predict = Memory(model, spool, policy).predict(answering(model))

    async def run() -> Prediction:
        return await predict(call)

    return asyncio.run(run())


def single(model: Model, spool: Spool, policy: Policy, asked: Asked = ASKED) -> Single | None:
    """The answer to one row, the quick way."""
    assert model.one is not None
    soon = Memory(model, spool, policy).soon(at_once(model.one))
    assert soon is not None
    cells = Reader(model.schema).row(RECORD)
    assert cells is not None
    got: list[Single | None] = []
    soon(cells, asked, got.append)
    return got[0]


def test_one_row_is_kept_with_all_that_is_known_of_it(model: Model, spool: Spool) -> None:
    answer = single(model, spool, Policy())
    assert answer is not None
    (record,) = records(spool)
    assert (record.kind, record.rows) == (PREDICTION, 1)
    head, body = told(record)
    assert head == {
        "model": "titanic",
        "version": "1",
        "digest": model.bundle.digest,
        "operation": "predict",
        "inputs": list(model.schema.names),
        "classes": ["no", "yes"],
    }
    rows = [[RECORD[name] for name in model.schema.names]]
    ms = body.pop(3)
    assert 0 <= ms < 1000
    assert body == ["request-1", "ci", 0, rows, [answer[0]], [answer[1]], ["order-1"]]


def test_many_rows_are_kept_in_pieces_that_are_not_too_long(model: Model, spool: Spool) -> None:
    count = 2 * PIECE + 7
    rows = Reader(model.schema).records([RECORD | {"age": float(n)} for n in range(count)])
    names = [f"order-{n}" for n in range(count)]
    made = many(model, spool, Policy(), Call(rows, id="r", key=None, references=names))
    found = [told(one)[1] for one in records(spool)]
    assert [body[2] for body in found] == [0, PIECE, 2 * PIECE]
    age = model.schema.names.index("age")
    assert [row[age] for body in found for row in body[4]] == [float(n) for n in range(count)]
    assert [label for body in found for label in body[5]] == made.predictions.tolist()
    assert made.probabilities is not None
    assert [share for body in found for share in body[6]] == made.probabilities.tolist()
    assert [name for body in found for name in body[7]] == names


def test_numbers_are_kept_to_the_last_bit(model: Model, spool: Spool) -> None:
    rows = Reader(model.schema).records([RECORD | {"age": 0.1 + 0.2, "fare": 1e-300}])
    many(model, spool, Policy(), Call(rows))
    (record,) = records(spool)
    [row] = told(record)[1][4]
    cells = dict(zip(model.schema.names, row, strict=True))
    assert (cells["age"], cells["fare"]) == (0.30000000000000004, 1e-300)


def test_what_a_proxy_tries_twice_is_one_event_where_it_is_trusted(
    model: Model, spool: Spool
) -> None:
    for _ in range(2):
        single(model, spool, Policy(once=True), Asked("a", once="try-1"))
        single(model, spool, Policy(once=False), Asked("a", once="try-1"))
        single(model, spool, Policy(once=True), Asked("a"))
    events = [one.uuid for one in records(spool)]
    assert events[0] == events[3]
    assert events[0].version == 8
    assert len(set(events)) == 5


def test_the_pieces_of_a_request_are_events_of_their_own(model: Model, spool: Spool) -> None:
    rows = Reader(model.schema).records([RECORD] * (PIECE + 1))
    many(model, spool, Policy(once=True), Call(rows, once="try-1"))
    assert len({one.event for one in records(spool)}) == 2
    assert same("a 0") != same("a 500")


def test_a_dropped_input_is_nowhere_and_a_hashed_one_is_known_by_its_hash_alone(
    model: Model, spool: Spool
) -> None:
    policy = Policy(redact=(("sex", "hash"), ("age", "drop"), ("other", "drop")), key=b"secret")
    for _ in range(2):
        single(model, spool, policy)
    single(model, spool, Policy(redact=policy.redact, key=b"another"))
    first, second, third = records(spool)
    head, body = told(first)
    names = [name for name in model.schema.names if name != "age"]
    assert head["inputs"] == names
    [row] = body[4]
    cells = dict(zip(names, row, strict=True))
    assert cells["pclass"] == RECORD["pclass"]
    assert len(cells["sex"]) == 32
    assert b"male" not in first.payload
    assert told(second)[1][4] == body[4]
    assert told(third)[1][4] != body[4]


def test_a_gap_stays_a_gap_where_it_is_hashed(model: Model, spool: Spool) -> None:
    rows = Reader(model.schema).records([RECORD | {"age": None}])
    many(model, spool, Policy(redact=(("age", "hash"),), key=b"k"), Call(rows))
    (record,) = records(spool)
    head, body = told(record)
    assert body[4][0][head["inputs"].index("age")] is None


def test_of_a_sample_every_try_of_a_request_is_kept_or_none(model: Model, spool: Spool) -> None:
    for number in range(400):
        for _ in range(2):
            single(model, spool, Policy(sample=0.25), Asked(f"request-{number}"))
    ids = [told(one)[1][0] for one in records(spool)]
    assert all(ids.count(one) == 2 for one in ids)
    assert 0.15 < len(set(ids)) / 400 < 0.35


def test_nothing_is_kept_of_a_sample_of_nothing(model: Model, spool: Spool) -> None:
    assert single(model, spool, Policy(sample=0.0)) is not None
    assert records(spool) == []


def test_an_answer_that_cannot_be_kept_and_has_to_be_is_not_given(
    model: Model, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool", 2**24, "reject_503")
    assert single(model, spool, Policy()) is None
    rows = Reader(model.schema).records([RECORD])
    with pytest.raises(SpoolFullError):
        many(model, spool, Policy(), Call(rows))


def test_what_is_buffered_is_written_in_a_moment(model: Model, spool: Spool) -> None:
    async def run() -> int:
        single(model, spool, Policy(durability="buffered"))
        before = spool.rows
        while not spool.rows:  # noqa: ASYNC110 - a counter
            await asyncio.sleep(0.001)
        return before

    assert asyncio.run(run()) == 0
    assert len(records(spool)) == 1


def test_what_is_to_be_on_the_disk_waits_for_it_and_has_no_quick_way(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, 2**24, syncs=True)
    memory = Memory(model, spool, Policy(durability="synced"))
    assert model.one is not None
    assert memory.soon(at_once(model.one)) is None
    order = []
    monkeypatch.setattr("os.fsync", lambda _file: order.append("synced"))
    rows = Reader(model.schema).records([RECORD])

    async def run() -> None:
        await memory.predict(answering(model))(Call(rows))
        order.append("answered")

    asyncio.run(run())
    assert order[0] == "synced"
    assert order[-1] == "answered"


def test_outcomes_go_the_same_way(spool: Spool) -> None:
    outcomes = [{"id": "a", "row": 0, "reference": None, "model": None, "actual": "yes"}]
    keep(spool, outcomes, "ci")
    (record,) = records(spool)
    assert (record.kind, record.rows) == (OUTCOME, 1)
    assert orjson.loads(record.payload) == {"key": "ci", "outcomes": outcomes}
