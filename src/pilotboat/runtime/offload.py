"""A model answers on a thread of its own: the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from pilotboat.prediction import Call, Predict, Prediction
from pilotboat.runtime.model import Model


def offloaded(model: Model, executor: Executor) -> Predict:
    """`model` as a `Predict` that computes on `executor`."""

    async def predict(call: Call) -> Prediction:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(executor, model.answer, call.rows)

    return predict
