from __future__ import annotations

import asyncio

import pytest

from pilotboat.errors import OverloadedError
from pilotboat.prediction import Call, Prediction
from pilotboat.rows import Rows
from pilotboat.runtime.backlog import Backlog
from pilotboat.runtime.pace import Pace
from pilotboat.schema import Field, Schema

PACE = Pace(one=0.01, more=0.002)


def made(seconds: float = 0.1, beside: list[Backlog] | None = None) -> Backlog:
    return Backlog(PACE, most=4, seconds=seconds, beside=[] if beside is None else beside)


def test_rows_take_as_long_as_their_batches() -> None:
    backlog = made()
    assert backlog.expected(0) == 0
    assert backlog.expected(1) == pytest.approx(0.01)
    assert backlog.expected(4) == pytest.approx(0.008 + 4 * 0.002)
    assert backlog.expected(5) == pytest.approx(2 * 0.008 + 5 * 0.002)


def test_what_was_measured_is_corrected_by_what_is_seen() -> None:
    backlog = made()
    for _ in range(50):
        backlog.learn(4, 2 * (0.01 + 3 * 0.002))
    assert backlog.slower == pytest.approx(2, rel=1e-3)
    assert backlog.expected(1) == pytest.approx(0.02, rel=1e-3)


def test_it_is_full_when_the_wait_is_too_long() -> None:
    backlog = made(seconds=0.03)
    backlog.rows = 8
    assert backlog.expected(8) > 0.03
    assert backlog.is_full
    backlog.rows = 4
    assert not backlog.is_full


def test_models_that_compute_in_one_place_wait_for_each_other() -> None:
    beside: list[Backlog] = []
    one, other = made(0.03, beside), made(0.03, beside)
    one.rows = other.rows = 4
    assert one.is_full
    assert other.is_full


def test_calls_beyond_it_are_refused_before_they_compute() -> None:
    backlog = made(seconds=0.05)
    rows = Rows(Schema((Field("x", "number"),), (Field("y", "number"),)), ([1.0],), 1)
    computed = 0
    go = asyncio.Event()

    async def predict(call: Call) -> Prediction:
        nonlocal computed
        await go.wait()
        computed += call.rows.count
        raise LookupError

    async def run() -> list[BaseException | Prediction]:
        guarded = backlog.guarded(predict)
        calls = [asyncio.ensure_future(guarded(Call(rows))) for _ in range(40)]
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    ended = asyncio.run(run())
    refused = [one for one in ended if isinstance(one, OverloadedError)]
    assert 0 < computed == 40 - len(refused) < 40
    assert backlog.rows == 0
    assert refused[0].facts["retry_after"] == 1
