"""The link to Redis: one connection of a worker, which one task owns. Needs the extra `redis`.

Who asks hands commands over and waits a moment for the replies. Nobody who asks can cancel what is under
way: a caller who leaves takes only his wish with him, and a reply that comes too late ends the connection.
So no reply is ever left for the next one to read as his.

Redis is a hint: whoever asks can do without, and so does the server while it starts. After some failures in
a row nothing is asked for a while; then the task tries the link itself, and no request waits for that.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha1
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from redis.asyncio.connection import Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,  # noqa: A004
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

from pilotboat.errors import SettingsError

logger = logging.getLogger(__name__)

TIMEOUT, CONNECT = 0.05, 0.1
"""Seconds: that a caller waits, and that Redis may take to answer; that it may take to be connected."""
TICKS = 5
"""Parts of such a time. While this process itself stands still, no more than one of them passes."""
FAILURES, PAUSE = 3, 5.0
"""So many failures in a row, and nothing is asked for so many seconds."""
TOGETHER = 128
"""Commands that go together at most, or a few more where a caller has several."""
UNSENT = 2**20
"""Bytes of commands nobody waits for that may wait to be sent; what is more is dropped."""
QUIET = 60.0
"""Seconds between two lines about commands that Redis refuses."""
PATIENCE = 0.5
"""Seconds that closing waits for what is under way."""
FIXED: dict[str, Any] = {
    "socket_timeout": None,
    "socket_connect_timeout": None,
    "retry": Retry(NoBackoff(), 0),
    "retry_on_timeout": False,
    "health_check_interval": 0,
    "decode_responses": False,
    "protocol": 2,
}
"""What no URL changes: releases of redis-py differ in their defaults, and so would the promises.

It sets no limits of time. Those here are of what goes together, and know of a process that stood still.
"""
SCHEMES = ("redis", "rediss", "unix")
CODES: dict[type[ResponseError], str] = {
    NoPermissionError: "NOPERM",
    NoScriptError: "NOSCRIPT",
    OutOfMemoryError: "OOM",
    ReadOnlyError: "READONLY",
}
"""Refusals that redis-py takes the first word from."""
WHY: tuple[tuple[type[Exception], str], ...] = (
    (AuthenticationError, "it refuses the user or the password"),
    (ConnectionError, "it cannot be reached"),
    (TimeoutError, "it does not answer in time"),
)
EXPECTED = frozenset({"NOSCRIPT", "WRONGTYPE"})
"""Refusals that are no errors here: a script that is not there yet, a name that others have used."""

Command = tuple[str | bytes | float, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Redis has refused a command. code: the first word of why, such as OOM."""

    code: str


Reply = bytes | int | list[Any] | Refusal | None


class Order(NamedTuple):
    """Commands, and where their replies go; None goes there if there will be none."""

    commands: Sequence[Command]
    replies: asyncio.Future[list[Reply] | None]


class Link:
    """The link to the Redis at `url`. Raises `SettingsError` where that is no URL of one.

    is_up: whether it is asked. errors: failed exchanges and refused commands. opened: how often it was
    given up. dropped: commands that nobody waited for and that were not sent.
    """

    def __init__(self, url: str) -> None:
        self.is_up = False
        self.errors = self.opened = self.dropped = 0
        self._connection = connection(url)
        self._asked: deque[Order] = deque()
        self._told: deque[Order] = deque()
        self._unsent = 0
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._said = ""
        self._quiet = 0.0

    def start(self) -> None:
        """Reach for Redis, now and until it answers. Returns at once."""
        if self._task is None and not self._closed:
            self._try()

    async def ask(self, *commands: Command) -> list[Reply] | None:
        """One reply a command; None where Redis is not asked, or does not answer in time."""
        if not self.is_up:
            self.start()
            return None
        order = self._put(self._asked, commands)
        try:
            async with within(TIMEOUT):
                return await order.replies
        except TimeoutError:
            return None

    async def run(self, script: str, keys: Sequence[str], given: Sequence[float]) -> Reply:
        """What a Lua script returns; None as for `ask`."""
        rest: Command = (len(keys), *keys, *given)
        replies = await self.ask(("EVALSHA", _digest(script), *rest))
        if replies is not None and replies[0] == Refusal("NOSCRIPT"):
            replies = await self.ask(("EVAL", script, *rest))
        return None if replies is None else replies[0]

    def tell(self, *command: str | bytes | float) -> None:
        """Send a command that nobody waits for, unless too much waits to be sent."""
        size = sum(len(part) for part in command if isinstance(part, bytes))
        if not self.is_up:
            return
        if self._unsent + size > UNSENT:
            self.dropped += 1
            return
        self._unsent += size
        self._put(self._told, (command,))

    async def close(self) -> None:
        """End what is under way, if need be, and the connection."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            _, late = await asyncio.wait({self._task}, timeout=PATIENCE)
            for task in late:
                task.cancel()
                await asyncio.wait({task}, timeout=PATIENCE)
        self.is_up = False
        self._forget()
        with suppress(Exception):
            await self._connection.disconnect()

    def _put(self, queue: deque[Order], commands: Sequence[Command]) -> Order:
        loop = asyncio.get_running_loop()
        order = Order(commands, loop.create_future())
        queue.append(order)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return order

    async def _work(self) -> None:
        """Send what waits, a batch at a time, until nothing does."""
        while self.is_up and (batch := self._due()):
            try:
                await self._exchange(batch)
                self._failures = 0
            except Exception as error:  # noqa: BLE001 - what comes from outside may be anything
                await self._failed(error)
            finally:
                for order in batch:
                    _settle(order, None)

    def _due(self) -> list[Order]:
        """What goes together next: first that for which somebody waits."""
        batch: list[Order] = []
        count = 0
        while count < TOGETHER and self._asked:
            order = self._asked.popleft()
            if not order.replies.done():  # its caller waits still
                batch.append(order)
                count += len(order.commands)
        while count < TOGETHER and self._told:
            order = self._told.popleft()
            self._unsent -= sum(len(one) for one in order.commands[0] if isinstance(one, bytes))
            batch.append(order)
            count += 1
        return batch

    async def _exchange(self, batch: list[Order]) -> None:
        """Send the commands and hand out the replies. Raises whatever goes wrong."""
        if self._connection.is_connected:
            try:
                await self._talk(batch)
            except ConnectionError:  # Redis ends connections that are idle, or told to be ended
                await self._drop()
                batch = [order for order in batch if not order.replies.done()]
            else:
                return
        await self._connect()
        await self._talk(batch)

    async def _connect(self) -> None:
        async with within(CONNECT):
            await self._connection.connect()

    async def _talk(self, batch: list[Order]) -> None:
        link = self._connection
        packed = link.pack_commands([one for order in batch for one in order.commands])
        async with within(TIMEOUT):
            await link.send_packed_command(packed, check_health=False)
            for order in batch:
                _settle(order, [await self._reply() for _ in order.commands])

    async def _reply(self) -> Reply:
        try:
            reply: Reply = await self._connection.read_response(disable_decoding=True)
        except ResponseError as error:
            return self._refused(error)
        return reply

    def _refused(self, error: ResponseError) -> Refusal:
        """Count a refusal; a line of it at times, without what else Redis says: that is not ours."""
        word = re.match(r"[A-Z]{1,20}\b", str(error))
        code = CODES.get(type(error), "ERR" if word is None else word[0])
        if code not in EXPECTED:
            self.errors += 1
            if monotonic() >= self._quiet:
                self._quiet = monotonic() + QUIET
                logger.warning("Redis refuses commands: %s", code)
        return Refusal(code)

    async def _failed(self, error: Exception) -> None:
        """Drop the connection, whatever may still come on it; give up after some failures."""
        self.errors += 1
        self._failures += 1
        await self._drop()
        if self._failures >= FAILURES:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Ask nothing for a while, and then try again."""
        self.opened += self.is_up
        self.is_up = False
        self._forget()
        self._say(next((said for kind, said in WHY if isinstance(error, kind)), "it is none"))
        if not self._closed:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._try)

    def _try(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._join())

    async def _join(self) -> None:
        """See whether Redis answers."""
        loop = asyncio.get_running_loop()
        order = Order([("PING",)], loop.create_future())
        try:
            await self._connect()
            await self._talk([order])
            if order.replies.result() != [b"PONG"]:
                raise ConnectionError
        except Exception as error:  # noqa: BLE001 - as above
            self.errors += 1
            await self._drop()
            self._give_up(error)
        else:
            self.is_up, self._failures = True, 0
            self._say("")

    def _say(self, why: str) -> None:
        """A line for every change. why: Redis is not asked; empty: it is."""
        if why == self._said:
            return
        if why:
            logger.warning("Redis is not asked: %s. This server goes on by itself.", why)
        else:
            logger.warning("Redis answers again.")
        self._said = why

    async def _drop(self) -> None:
        with suppress(Exception):
            await self._connection.disconnect(nowait=True)

    def _forget(self) -> None:
        """Nothing of what waits will be answered."""
        for queue in (self._asked, self._told):
            while queue:
                _settle(queue.popleft(), None)
        self._unsent = 0


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raise `TimeoutError` after some seconds, of which it does not count when nothing here could go on.

    A process that stands still for longer would else not read what has arrived meanwhile.
    """
    loop = asyncio.get_running_loop()
    left = TICKS
    timer: asyncio.TimerHandle

    def tick() -> None:
        nonlocal left, timer
        left -= 1
        if left:
            timer = loop.call_later(seconds / TICKS, tick)
        else:
            limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(seconds / TICKS, tick)
        try:
            yield
        finally:
            timer.cancel()


def _settle(order: Order, replies: list[Reply] | None) -> None:
    if not order.replies.done():
        order.replies.set_result(replies)


def _digest(script: str) -> str:
    """The name by which Redis knows a script."""
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


def connection(url: str) -> Any:
    """A connection that is still to be made. Raises `SettingsError`, which says nothing of the URL."""
    try:
        parts = urlsplit(url)
        is_file = parts.scheme == "unix"
        complete = bool(parts.path) if is_file else bool(parts.hostname) and parts.port != 0
        is_known = parts.scheme in SCHEMES and (is_file or re.fullmatch(r"/?|/\d+", parts.path))
        if not complete or not is_known:
            raise ValueError(parts.scheme)
        options: dict[str, Any] = {**parse_url(url), **FIXED}
        kind = options.pop("connection_class", Connection)
        return kind(**options)
    except Exception:  # noqa: BLE001 - of a URL with a password nothing may be repeated
        raise SettingsError(
            "PILOTBOAT_REDIS_URL is not the URL of a Redis: expected "
            "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], the same with rediss: for TLS, or "
            "unix://PATH.",
            hint="In a password, write what is neither letter nor digit as % and two hexadecimal "
            "digits.",
        ) from None


def check(url: str) -> None:
    """Raise `SettingsError` where `url` is none of a Redis."""
    connection(url)
