"""Defects in what servers share through Redis. See `broken`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from pilotboat.operations import cache, quota
from pilotboat.operations.ring import Key
from tests.faults.broken import change


def redis_awaited() -> None:
    """Redis is waited for, however long that takes, and asked however often it failed."""
    shared = import_module("pilotboat.operations.shared")
    for name, value in {"TIMEOUT": 60.0, "CONNECT": 60.0, "FAILURES": 10**9}.items():
        change(shared, name, value)


def replies_left_behind() -> None:
    """A caller who leaves leaves his reply to the next one, who takes whatever comes for his own."""
    shared = import_module("pilotboat.operations.shared")
    turn = asyncio.Lock()
    told: set[asyncio.Task[Any]] = set()

    async def ask(self: Any, *commands: Any) -> list[Any] | None:
        if not self.is_up:
            self.start()
            return None
        link = self._connection
        async with turn:
            await link.send_packed_command(link.pack_commands(commands))
            read = partial(link.read_response, disable_decoding=True, disconnect_on_error=False)
            return [await read() for _ in commands]

    def tell(self: Any, *command: Any) -> None:
        task = asyncio.create_task(self.ask(command))
        told.add(task)
        task.add_done_callback(told.discard)

    change(shared.Link, "ask", ask)
    change(shared.Link, "tell", tell)
    values_unchecked()


def values_unchecked() -> None:
    """Whatever stands in Redis under a name is what was put there."""
    change(cache, "opened", lambda value, _key, _digest: value[cache.HEAD.size :])


def limits_apart() -> None:
    """Each server counts by itself."""

    async def take(self: quota.Quota, key: Key) -> float:
        return self.meter.take(key)

    change(quota.Quota, "take", take)


MISLED: dict[str, Callable[[], None]] = {
    "redis-awaited": redis_awaited,
    "replies-left-behind": replies_left_behind,
    "values-unchecked": values_unchecked,
    "limits-apart": limits_apart,
}
