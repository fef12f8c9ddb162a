"""Rows of concurrent requests go through a model together.

A plan answers on the event loop: what arrives in one turn of it is answered in the next, and nothing
waits for more. A model that takes longer answers on a thread; while it computes, rows gather.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import isfinite
from time import perf_counter
from typing import Any

from pilotboat.prediction import Asked, Call, Done, One, Predict, Prediction, Single, Soon
from pilotboat.rows import Rows, joined
from pilotboat.runtime.backlog import Backlog, Observe
from pilotboat.runtime.model import Model
from pilotboat.runtime.pace import Pace
from pilotboat.schema import Schema, Value

BRIEF = 0.001
"""Seconds that a computation may keep the event loop from everything else."""
GAIN = 5e-6
"""Seconds a row that answering together must save, to be worth a turn of the event loop."""

Answer = Callable[[Rows], Prediction]
Waiting = tuple[Call, "asyncio.Future[Prediction]"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """rows: the most that are answered together. wait: the longest that the first waits for others,
    queue: the longest that any waits for the model, in seconds.
    """

    rows: int = 64
    wait: float = 0.002
    queue: float = 0.25


@dataclass(frozen=True, slots=True)
class Place:
    """Where models compute that are too slow for the event loop, and what waits for that."""

    executor: Executor
    backlogs: list[Backlog] = field(default_factory=list)


def stacked(
    model: Model,
    pace: Pace,
    place: Place,
    bounds: Bounds,
    observe: Observe = lambda *_: None,
) -> tuple[Predict, Soon | None, Backlog]:
    """`model` in the way that suits its pace; for single rows, where it is quick enough; its queue."""
    backlog = Backlog(pace, bounds.rows, bounds.queue, place.backlogs)
    answer = _observed(model, backlog, observe)
    aside = backlog.guarded(away(answer, place.executor))
    if pace.one > BRIEF:
        if bounds.rows == 1 or pace.one <= 2 * pace.more:
            return aside, None, backlog
        wait = min(bounds.wait, pace.one / 2)
        return (
            backlog.guarded(Batcher(answer, bounds.rows, wait, place.executor)),
            None,
            backlog,
        )
    most = max(1, int(BRIEF / max(pace.more, 1e-9)))
    gains = bounds.rows > 1 and pace.one - pace.more > GAIN
    here = Batcher(answer, min(bounds.rows, most)) if gains else None

    async def predict(call: Call) -> Prediction:
        if call.rows.count > most:
            return await aside(call)
        return answer(call.rows) if here is None else await here(call)

    if model.one is None:
        return predict, None, backlog
    one = _one_observed(model, model.one, observe)
    if not gains:
        return predict, at_once(one), backlog
    return predict, Turns(model.schema, answer, one, min(bounds.rows, most)), backlog


def _observed(model: Model, backlog: Backlog, observe: Observe) -> Answer:
    """The model's answers to rows, each told to `observe` and to its backlog."""
    name, version = model.name, model.version

    def answer(rows: Rows) -> Prediction:
        begun = perf_counter()
        made = model.answer(rows)
        seconds = perf_counter() - begun
        backlog.learn(rows.count, seconds)
        observe(name, version, rows.count, seconds)
        return made

    return answer


def _one_observed(model: Model, one: One, observe: Observe) -> One:
    name, version = model.name, model.version

    def answer(cells: Sequence[Value]) -> Single:
        begun = perf_counter()
        made = one(cells)
        observe(name, version, 1, perf_counter() - begun)
        return made

    return answer


def away(answer: Answer, executor: Executor) -> Predict:
    """`answer` as a `Predict` that computes on `executor`: the event loop goes on meanwhile."""

    async def predict(call: Call) -> Prediction:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(executor, answer, call.rows)

    return predict


def at_once(one: One) -> Soon:
    """Answers each row by itself."""

    def soon(cells: Sequence[Value], _asked: Asked, done: Done) -> Callable[[], None]:
        done(_tried(one, cells))
        return _nothing

    return soon


def _tried(one: One, cells: Sequence[Value]) -> Single | None:
    """The answer to a row, if it is one of finite numbers."""
    try:
        label, shares = one(cells)
        numbers = label if shares is None else shares
        finite = all(map(isfinite, numbers)) if isinstance(numbers, list) else isfinite(numbers)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - `Predict` will say what it is
        return None
    return (label, shares) if finite else None


def _nothing() -> None:
    pass


class Turns:
    """Answers the rows that arrive in one turn of the event loop together. See `Soon`."""

    def __init__(self, schema: Schema, answer: Answer, one: One, most: int) -> None:
        self.schema, self.answer, self.one, self.most = schema, answer, one, most
        self._waiting: list[tuple[Sequence[Value], Done]] = []

    def __call__(self, cells: Sequence[Value], _asked: Asked, done: Done) -> Callable[[], None]:
        self._waiting.append((cells, done))
        if len(self._waiting) == self.most:
            self.settle()
        elif len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self.settle)
        return self.settle

    def settle(self) -> None:
        """Answer every row that is waiting."""
        waiting, self._waiting = self._waiting, []
        answers = self._together([cells for cells, _ in waiting]) if len(waiting) > 1 else None
        for number, (cells, done) in enumerate(waiting):
            done(_tried(self.one, cells) if answers is None else answers[number])

    def _together(self, rows: list[Sequence[Value]]) -> list[Single] | None:
        """An answer a row; None where one is at fault, which each by itself will show."""
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        try:
            made = self.answer(Rows(self.schema, columns, len(rows)))
        except Exception:  # noqa: BLE001
            return None
        labels = made.predictions.tolist()
        shares = made.probabilities
        tables: list[Any] = [None] * len(labels) if shares is None else shares.tolist()
        return list(zip(labels, tables, strict=True))


class Batcher:
    """A `Predict` over `answer` for the rows of several calls at once.

    most: rows of one batch; a call with more goes alone. wait: seconds that the first call waits for
    others. executor: where it computes, one batch at a time; None: on the event loop.
    """

    def __init__(
        self, answer: Answer, most: int, wait: float = 0.0, executor: Executor | None = None
    ) -> None:
        self.answer = answer
        self.most = most
        self.wait = wait
        self.executor = executor
        self._waiting: deque[Waiting] = deque()
        self._busy = False

    async def __call__(self, call: Call) -> Prediction:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Prediction] = loop.create_future()
        self._waiting.append((call, future))
        if not self._busy:
            self._busy = True
            if self.wait:
                loop.call_later(self.wait, self._start, loop)
            else:
                loop.call_soon(self._start, loop)
        return await future

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer the batch that is due; `_finish` sees to the next one."""
        batch = self._due()
        calls = [call.rows for call, _ in batch]
        if self.executor is None or not batch:
            self._finish(loop, batch, together(self.answer, calls))
            return
        try:
            computing = self.executor.submit(together, self.answer, calls)
        except RuntimeError as error:  # it has been shut down
            self._finish(loop, batch, [error] * len(batch))
            return
        computing.add_done_callback(
            lambda done: loop.call_soon_threadsafe(self._finish, loop, batch, done.result())
        )

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[Waiting],
        answers: list[Prediction | BaseException],
    ) -> None:
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        self._busy = bool(self._waiting)
        if self._busy:
            loop.call_soon(self._start, loop)

    def _due(self) -> list[Waiting]:
        """The calls that go together next; those whose callers have gone are dropped."""
        batch: list[Waiting] = []
        rows = 0
        while self._waiting:
            call, future = self._waiting[0]
            if future.done():
                self._waiting.popleft()
                continue
            rows += call.rows.count
            if batch and (rows > self.most or call.operation != batch[0][0].operation):
                break
            batch.append(self._waiting.popleft())
        return batch


def together(answer: Answer, batch: list[Rows]) -> list[Prediction | BaseException]:
    """One answer a call, from one computation; where that fails, each call by itself."""
    if len(batch) > 1:
        try:
            return list(split(answer(joined(batch)), [rows.count for rows in batch]))
        except Exception:  # noqa: BLE001, S110 - one is at fault: only its caller shall know
            pass
    return [_alone(answer, rows) for rows in batch]


def _alone(answer: Answer, rows: Rows) -> Prediction | BaseException:
    try:
        return answer(rows)
    except Exception as error:  # noqa: BLE001 - it is raised where the caller waits
        return error


def split(made: Prediction, counts: list[int]) -> list[Prediction]:
    """The answer to rows that were joined, one part a caller."""
    ends = list(accumulate(counts))
    if len(made.predictions) != ends[-1]:
        raise AssertionError(f"{len(made.predictions)} answers to {ends[-1]} rows")
    parts = [slice(end - count, end) for count, end in zip(counts, ends, strict=True)]
    shares = made.probabilities
    return [
        replace(
            made,
            predictions=made.predictions[part],
            probabilities=None if shares is None else shares[part],
        )
        for part in parts
    ]
