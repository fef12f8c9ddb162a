"""The load generator: a process of its own that sends predict requests and judges every answer.

`python -m tests.faults.load` reads a plan as JSON from the first line of standard input, prints
`started` after the first good answer, and its outcome when it ends. It imports no part of the product.

closed loop: every connection sends its next request when the last is answered. Open loop (`rate`): the
requests have a fixed schedule, and the latency counts from the moment that a request was meant to be
sent, so that a server which stands still cannot hide it by slowing its callers down.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from itertools import cycle

import orjson
import uvloop

from tests.faults.client import Connection, LostError, Reply
from tests.faults.outcome import Tally

REFUSED = frozenset({429, 503, 504})


@dataclass(frozen=True)
class Plan:
    """What to send. asks: bodies as JSON text, each with the prediction that it must get.

    close: a new connection for each request. rate: requests a second on a schedule; None: closed loop.
    seconds: how long; 0: until told to stop by the end of standard input. least: go on until so many are
    sent. thinks: pauses of a connection before each request, in turn.
    """

    port: int
    asks: tuple[tuple[str, object], ...]
    path: str = "/predict"
    connections: int = 16
    close: bool = False
    rate: float | None = None
    seconds: float = 0.0
    least: int = 0
    timeout: float = 30.0
    thinks: tuple[float, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


class Generator:
    """Carries out a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = asyncio.get_running_loop()
        self.tally = Tally(time.monotonic())
        self.asks = cycle(plan.asks)
        self.told_to_stop = asyncio.Event()
        self.due: asyncio.Queue[float] = asyncio.Queue()
        self.told_to_give_up = False
        self.number = 0
        self.live: set[Connection] = set()

    async def run(self) -> str:
        watch = asyncio.create_task(self._watch())
        clock = asyncio.create_task(self._schedule())
        callers = [asyncio.create_task(self._call(one)) for one in range(self.plan.connections)]
        await clock
        if self.plan.rate is None:
            await asyncio.wait(callers)
        else:  # those that were due have their chance, but not for ever
            joined = asyncio.create_task(self.due.join())
            await asyncio.wait({joined}, timeout=self.plan.timeout)
            self.tally.unsent = self.due.qsize()
        now = time.monotonic()
        for task in (watch, *callers):
            task.cancel()
        for one in callers:
            if one.done() and not one.cancelled() and one.exception() is not None:
                raise AssertionError from one.exception()
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = (used.ru_utime + used.ru_stime) / max(now - self.tally.start, 1e-9)
        return self.tally.outcome(now, cpu).dump()

    def _over(self) -> bool:
        plan = self.plan
        if self.told_to_give_up:
            return True
        elapsed = time.monotonic() - self.tally.start
        told = elapsed >= plan.seconds if plan.seconds else self.told_to_stop.is_set()
        return told and self.tally.sent >= plan.least

    async def _watch(self) -> None:
        """See how late timers are, and end what waits too long."""
        while True:
            meant = time.monotonic() + 0.01
            await asyncio.sleep(0.01)
            now = time.monotonic()
            self.tally.late.append(now - meant)
            for connection in list(self.live):
                connection.expire(now - self.plan.timeout)

    async def _schedule(self) -> None:
        """Say when requests are due; in a closed loop only wait for the end."""
        given, start = 0, time.monotonic()
        while not self._over():
            await asyncio.sleep(0.001)
            if self.plan.rate is None:
                continue
            due = int((time.monotonic() - start) * self.plan.rate)
            for number in range(given, due):
                self.due.put_nowait(start + number / self.plan.rate)
            given = due

    async def _call(self, place: int) -> None:
        """One caller: a connection at a time."""
        connection: Connection | None = None
        thinks = cycle(self.plan.thinks[place:] + self.plan.thinks[:place] or (0.0,))
        while self.plan.rate is not None or not self._over():
            if self.plan.thinks:
                await asyncio.sleep(next(thinks))
            open_loop = self.plan.rate is not None
            meant = await self.due.get() if open_loop else time.monotonic()
            try:
                if connection is None or connection.gone:
                    connection = await self._connect()
                connection = await self._ask(connection, meant)
            finally:
                if open_loop:
                    self.due.task_done()

    async def _connect(self) -> Connection:
        """A new connection, as soon as one is accepted."""
        while True:
            try:
                _, made = await self.loop.create_connection(
                    lambda: Connection(self.loop, self.live), "127.0.0.1", self.plan.port
                )
            except OSError as error:
                self.tally.not_accepted += 1
                if self._over():
                    raise asyncio.CancelledError from error
                await asyncio.sleep(0.01)
            else:
                return made

    async def _ask(self, connection: Connection, meant: float) -> Connection | None:
        """Send one request and judge what comes back. Returns the connection if it may serve more."""
        self.number += 1
        mark = f"fault-{id(self):x}-{self.number}"
        body, expected = next(self.asks)
        self.tally.sent += 1
        try:
            reply = await connection.exchange(self._request(body, mark))
        except LostError as error:
            self.tally.lose(time.monotonic(), error.how, f"request {self.number}, {error}")
            return None
        self._judge(reply, mark, expected, meant)
        if self.plan.close or reply.closes or connection.gone:
            connection.close()
            return None
        return connection

    def _request(self, body: str, mark: str) -> bytes:
        plan, raw = self.plan, body.encode()
        more = "".join(f"{name}: {value}\r\n" for name, value in plan.headers)
        if plan.close:
            more += "Connection: close\r\n"
        head = (
            f"POST {plan.path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {mark}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n{more}\r\n"
        )
        return head.encode() + raw

    def _judge(self, reply: Reply, mark: str, expected: object, meant: float) -> None:
        now, tally = time.monotonic(), self.tally
        wrong = fault_of(reply, mark, expected)
        if wrong:
            tally.fail(now, wrong, f"{reply.status} {reply.body[:300]!r}")
        elif reply.status in REFUSED:
            tally.refuse(now, now - meant, reply.status)
        else:
            tally.good(now, now - meant, kept=not reply.closes)


def fault_of(reply: Reply, mark: str, expected: object) -> str:
    """What is wrong with an answer; nothing of one that is right, or refused as it should be."""
    if reply.headers.get("x-request-id") != mark:
        return "another id"
    try:
        document = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return f"{reply.status} without JSON"
    if reply.status in REFUSED:
        if reply.headers.get("content-type") != "application/problem+json":
            return f"{reply.status} without a problem document"
        bare = reply.status != 504 and not reply.headers.get("retry-after", "").isdigit()
        return f"{reply.status} without Retry-After" if bare else ""
    if reply.status != 200:
        return str(reply.status)
    if document.get("id") != mark:
        return "another id"
    got = document.get("prediction", document.get("predictions"))
    return "" if got == expected else "wrong prediction"


async def main() -> None:
    told = json.loads(await asyncio.to_thread(sys.stdin.readline))
    for name in ("asks", "thinks", "headers"):
        told[name] = tuple(tuple(one) if isinstance(one, list) else one for one in told[name])
    generator = Generator(Plan(**told))

    async def listen() -> None:
        """Pass on that the load runs, and that it is to end."""
        told = generator.told_to_stop
        while not generator.tally.latencies and not told.is_set():  # noqa: ASYNC110 - a counter
            await asyncio.sleep(0.005)
        sys.stdout.write("started\n")
        sys.stdout.flush()

    def hear() -> None:
        """Standard input has ended."""
        if not os.read(0, 4096):
            generator.loop.remove_reader(0)
            generator.told_to_stop.set()

    def give_up() -> None:
        """It is no use to go on until there is enough."""
        generator.told_to_give_up = True

    generator.loop.add_reader(0, hear)
    generator.loop.add_signal_handler(signal.SIGTERM, give_up)
    first = asyncio.create_task(listen())
    made = await generator.run()
    first.cancel()
    sys.stdout.write(made + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
