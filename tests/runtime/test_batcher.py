"""Rows of concurrent requests, answered together."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pilotboat.errors import NotFiniteError
from pilotboat.prediction import Asked, Call, Prediction, Single, Soon
from pilotboat.rows import Rows
from pilotboat.runtime.batcher import Batcher, Bounds, Place, Turns, split, stacked, together
from pilotboat.runtime.model import load
from pilotboat.runtime.pace import Pace, measure
from pilotboat.schema import Field, Schema

SCHEMA = Schema((Field("x", "number", nullable=True),), (Field("prediction", "number"),))


def rows(*values: float | None) -> Rows:
    return Rows(SCHEMA, (list(values),), len(values))


class Doubling:
    """Answers twice the input, refuses a gap, and remembers how many rows it was given at a time."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.threads: set[str] = set()

    def __call__(self, given: Rows) -> Prediction:
        self.sizes.append(given.count)
        self.threads.add(threading.current_thread().name)
        if None in given.columns[0]:
            raise NotFiniteError("a gap", row=given.columns[0].index(None))
        doubled = np.array(given.columns[0], dtype=np.float64) * 2
        return Prediction(doubled, None, None, "m", "1")


async def asked(batcher: Batcher, *batches: Rows) -> list[Any]:
    calls = (batcher(Call(one)) for one in batches)
    return await asyncio.gather(*calls, return_exceptions=True)


def test_what_arrives_in_one_turn_is_answered_together() -> None:
    model = Doubling()
    made = asyncio.run(asked(Batcher(model, most=64), rows(1), rows(2, 3), rows(4)))
    assert [one.predictions.tolist() for one in made] == [[2], [4, 6], [8]]
    assert model.sizes == [4]


def test_a_batch_is_bounded() -> None:
    model = Doubling()
    made = asyncio.run(
        asked(Batcher(model, most=4), *(rows(i, i) for i in range(5)), rows(*range(9)))
    )
    assert [one.predictions.tolist() for one in made[:5]] == [[2 * i] * 2 for i in range(5)]
    assert model.sizes == [4, 4, 2, 9]


def test_a_poisoned_row_fails_only_its_own_caller() -> None:
    model = Doubling()
    made = asyncio.run(asked(Batcher(model, most=64), rows(1), rows(2, None), rows(3)))
    assert [one.predictions.tolist() for one in (made[0], made[2])] == [[2], [6]]
    assert isinstance(made[1], NotFiniteError)
    assert made[1].facts["row"] == 1


def test_cancelled_callers_are_dropped() -> None:
    model = Doubling()

    async def one_leaves() -> Any:
        batcher = Batcher(model, most=64)
        leaving = asyncio.create_task(batcher(Call(rows(1))))
        staying = asyncio.create_task(batcher(Call(rows(2))))
        await asyncio.sleep(0)
        leaving.cancel()
        return (await staying).predictions.tolist()

    assert asyncio.run(one_leaves()) == [4]
    assert model.sizes == [1]


def test_a_slow_model_gathers_rows_while_it_computes() -> None:
    model = Doubling()

    async def many() -> list[Any]:
        with ThreadPoolExecutor(1, thread_name_prefix="model") as executor:
            return await asked(Batcher(model, 64, 0.01, executor), *(rows(i) for i in range(20)))

    made = asyncio.run(many())
    assert [one.predictions[0] for one in made] == [2 * i for i in range(20)]
    assert model.sizes == [20]
    assert all(name.startswith("model") for name in model.threads)


def test_other_operations_are_not_mixed() -> None:
    model = Doubling()

    async def two() -> None:
        batcher = Batcher(model, most=64)
        await asyncio.gather(batcher(Call(rows(1))), batcher(Call(rows(2), operation="explain")))

    asyncio.run(two())
    assert model.sizes == [1, 1]


def test_a_stopped_executor_fails_its_callers_and_hangs_nobody() -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    made = asyncio.run(asked(Batcher(Doubling(), 64, 0.001, executor), rows(1), rows(2)))
    assert all(isinstance(one, RuntimeError) for one in made)


def test_a_model_that_answers_too_few_rows() -> None:
    def short(given: Rows) -> Prediction:
        return Prediction(np.zeros(max(1, given.count - 1)), None, None, "m", "1")

    with pytest.raises(AssertionError, match="1 answers to 2 rows"):
        split(short(rows(1, 2)), [1, 1])
    made = together(short, [rows(1), rows(2)])
    assert all(isinstance(one, Prediction) for one in made), "each by itself"


@pytest.mark.parametrize(
    ("pace", "brief"),
    [
        (Pace(5e-6, 5e-6), True),
        (Pace(80e-6, 30e-6), True),
        (Pace(5e-3, 1e-4), False),
        (Pace(5e-3, 5e-3), False),
    ],
)
def test_every_way_gives_the_same_answer(titanic: Path, pace: Pace, brief: bool) -> None:
    model = load(titanic / "titanic")
    with ThreadPoolExecutor(1) as executor:
        seen: list[tuple[str, str, int]] = []
        observe: Any = lambda *told: seen.append(told[:3])  # noqa: E731 - of this alone
        predict, soon, _ = stacked(model, pace, Place(executor), Bounds(), observe)
        assert (soon is not None) == brief
        example = model.reader.records(model.examples(1))
        made = asyncio.run(_ask(predict, example))
        wanted = model.answer(example).predictions.tolist()
        assert made.predictions.tolist() == wanted
        assert seen == [("titanic", "1", 1)]
        if soon is not None:
            cells = [column[0] for column in example.columns]
            answers = asyncio.run(_singles(soon, [cells] * 3))
            assert [one and one[0] for one in answers] == wanted * 3
            assert sum(count for _, _, count in seen) == 4


async def _singles(soon: Soon, rows: list[Any]) -> list[Single | None]:
    """The answers to rows that arrive in one turn of the event loop."""
    answers: list[Single | None] = []
    for cells in rows:
        soon(cells, Asked(), answers.append)
    await asyncio.sleep(0.01)
    return answers


def turns(model: Doubling) -> Turns:
    def one(cells: Any) -> Single:
        return model(rows(*cells)).predictions.tolist()[0], None

    return Turns(SCHEMA, model, one, most=4)


def test_single_rows_of_one_turn_are_answered_together() -> None:
    model = Doubling()
    made = asyncio.run(_singles(turns(model), [[1.0], [2.0], [3.0]]))
    assert made == [(2.0, None), (4.0, None), (6.0, None)]
    assert model.sizes == [3]


def test_a_turn_is_bounded() -> None:
    model = Doubling()
    asyncio.run(_singles(turns(model), [[float(i)] for i in range(9)]))
    assert model.sizes == [4, 4, 1]


def test_a_poisoned_single_row_is_left_to_say_why() -> None:
    made = asyncio.run(_singles(turns(Doubling()), [[1.0], [None], [3.0]]))
    assert made == [(2.0, None), None, (6.0, None)]


def test_settling_answers_at_once() -> None:
    async def settled() -> list[Single | None]:
        answers: list[Single | None] = []
        turns(Doubling())([1.0], Asked(), answers.append)()
        return answers

    assert asyncio.run(settled()) == [(2.0, None)]


async def _ask(predict: Any, given: Rows) -> Prediction:
    made: Prediction = await predict(Call(given))
    return made


def test_the_pace_of_a_plan(titanic: Path) -> None:
    pace = measure(load(titanic / "titanic"))
    assert 0 < pace.more <= pace.one < 0.01
