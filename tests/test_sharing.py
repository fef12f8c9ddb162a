from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import pilotboat
from pilotboat.errors import SettingsError
from pilotboat.operations.families import FAMILIES
from pilotboat.operations.meter import Meter
from pilotboat.operations.seat import Seat
from pilotboat.prediction import Call, Prediction
from pilotboat.runtime.pace import Pace
from pilotboat.settings import read
from pilotboat.sharing import Sharing
from tests.factories import RECORD

SLOW, QUICK = Pace(0.02, 0.001), Pace(1e-5, 1e-5)
URL = "redis://:secret@127.0.0.1:1/0"
"""Of a Redis that is not there."""


def test_a_slow_model_answers_nothing_twice(titanic: Path) -> None:
    model = pilotboat.load(titanic / "titanic")
    asked: list[int] = []

    async def slowly(call: Call) -> Prediction:
        asked.append(call.rows.count)
        return model.answer(call.rows)

    async def run() -> list[Any]:
        sharing = Sharing(read())
        predict, soon = sharing.wrap(model, SLOW, slowly, None)
        assert soon is not None
        call = Call(model.reader.records([RECORD]))
        made = [(await predict(call)).predictions.tolist() for _ in range(3)]
        counted = sharing.counted()
        assert counted["pilotboat_cache_hits_total", ("worker",)] == 2
        assert counted["pilotboat_cache_misses_total", ()] == 1
        assert sharing.gauges()["pilotboat_cache_bytes"]() > 0
        return made

    first, second, third = asyncio.run(run())
    assert asked == [1]
    assert first == second == third


@pytest.mark.parametrize(("given", "pace"), [({}, QUICK), ({"cache_bytes": 0}, SLOW)])
def test_a_quick_model_is_as_it_was_and_so_is_any_where_nothing_is_kept(
    titanic: Path, given: dict[str, int], pace: Pace
) -> None:
    async def never(_call: Call) -> Prediction:
        raise AssertionError

    model = pilotboat.load(titanic / "titanic")
    assert Sharing(read(**given)).wrap(model, pace, never, None) == (never, None)


def test_what_is_counted_are_families(tmp_path: Path) -> None:
    async def run() -> None:
        sharing = Sharing(read(redis_url=URL))
        sharing.start()
        names = {name for name, _ in sharing.counted()} | set(sharing.gauges())
        assert names <= set(FAMILIES)
        assert "pilotboat_redis_workers" in names
        await sharing.close()

    asyncio.run(run())


def test_keys_are_counted_together_only_where_there_is_a_redis() -> None:
    async def run() -> None:
        meter = Meter(Seat())
        assert Sharing(read()).quota(meter) is None
        sharing = Sharing(read(redis_url=URL))
        assert sharing.quota(meter) is not None
        await sharing.close()

    asyncio.run(run())


def test_a_url_that_is_none_is_refused_without_its_password() -> None:
    with pytest.raises(SettingsError) as caught:
        Sharing(read(redis_url="redis://:s3cret@/x/y"))
    assert "PILOTBOAT_REDIS_URL" in str(caught.value)
    assert "s3cret" not in str(caught.value)
