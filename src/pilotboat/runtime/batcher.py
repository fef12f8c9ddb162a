"""Rows of concurrent requests go through a model together.

A plan answers on the event loop: what arrives in one turn of it is answered in the next, and nothing
waits for more. A model that takes longer answers on a thread; while it computes, rows gather.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import accumulate
from math import isfinite
from typing import Any

from pilotboat.prediction import Call, Done, One, Predict, Prediction, Single, Soon
from pilotboat.rows import Rows, joined
from pilotboat.runtime.model import Model
from pilotboat.runtime.pace import Pace
from pilotboat.schema import Value

BRIEF = 0.001
"""Seconds that a computation may keep the event loop from everything else."""
GAIN = 5e-6
"""Seconds a row that answering together must save, to be worth a turn of the event loop."""

Answer = Callable[[Rows], Prediction]
Waiting = tuple[Call, "asyncio.Future[Prediction]"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """rows: the most that are answered together. wait: the longest that the first waits, seconds."""

    rows: int = 64
    wait: float = 0.002


def stacked(
    model: Model, pace: Pace, executor: Executor, bounds: Bounds
) -> tuple[Predict, Soon | None]:
    """`model` in the way that suits its pace; and for single rows, where it is quick enough."""
    if pace.one > BRIEF:
        gains = bounds.rows > 1 and pace.one > 2 * pace.more
        wait = min(bounds.wait, pace.one / 2)
        batched = Batcher(model.answer, bounds.rows, wait, executor)
        return (batched if gains else away(model, executor)), None
    most = max(1, int(BRIEF / max(pace.more, 1e-9)))
    gains = bounds.rows > 1 and pace.one - pace.more > GAIN
    here = Batcher(model.answer, min(bounds.rows, most)) if gains else None
    aside = away(model, executor)

    async def predict(call: Call) -> Prediction:
        if call.rows.count > most:
            return await aside(call)
        return model.answer(call.rows) if here is None else await here(call)

    if model.one is None:
        return predict, None
    return predict, Turns(model, model.one, min(bounds.rows, most)) if gains else at_once(model.one)


def away(model: Model, executor: Executor) -> Predict:
    """`model` as a `Predict` that computes on `executor`: the event loop goes on meanwhile."""

    async def predict(call: Call) -> Prediction:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(executor, model.answer, call.rows)

    return predict


def at_once(one: One) -> Soon:
    """Answers each row by itself."""

    def soon(cells: Sequence[Value], done: Done) -> Callable[[], None]:
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

    def __init__(self, model: Model, one: One, most: int) -> None:
        self.model, self.one, self.most = model, one, most
        self._waiting: list[tuple[Sequence[Value], Done]] = []

    def __call__(self, cells: Sequence[Value], done: Done) -> Callable[[], None]:
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
            made = self.model.answer(Rows(self.model.schema, columns, len(rows)))
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
