"""Callers who often leave before they are answered, and judge what they hear until then.

`python -m tests.faults.leaving` reads a plan as JSON from standard input, and writes what became of it. It
imports no part of the product.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from dataclasses import asdict, dataclass

import uvloop

from tests.factories import clean_environment
from tests.faults.client import Connection, LostError, Reply
from tests.faults.stack import ROOT


@dataclass(frozen=True)
class Leaving:
    """What to send to a model that doubles: rows of x, one of the whole numbers from -1 downwards.

    inputs: how many of them there are. share: of the requests whose caller leaves within `longest` seconds,
    or says that he will wait for so long, so that the server itself cuts them off.
    """

    port: int
    path: str
    requests: int
    inputs: int
    connections: int = 48
    share: float = 0.5
    longest: float = 0.03


@dataclass
class Heard:
    """right, wrong: answers. refused: 503. failed: others. left: before there was one. cut: 504."""

    right: int = 0
    wrong: int = 0
    refused: int = 0
    failed: int = 0
    left: int = 0
    cut: int = 0
    example: str = ""

    @property
    def sent(self) -> int:
        counts = (self.right, self.wrong, self.refused, self.failed, self.left, self.cut)
        return sum(counts)


class Callers:
    """Carries out a plan."""

    def __init__(self, plan: Leaving) -> None:
        self.plan = plan
        self.heard = Heard()
        self.chance = random.Random(plan.requests)  # noqa: S311
        self.number = 0

    async def run(self) -> Heard:
        await asyncio.gather(*(self.call() for _ in range(self.plan.connections)))
        return self.heard

    async def call(self) -> None:
        """One caller, a connection at a time."""
        loop = asyncio.get_running_loop()
        connection: Connection | None = None
        while self.number < self.plan.requests:
            self.number += 1
            if connection is None or connection.gone:
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, set()), "127.0.0.1", self.plan.port
                )
            await self.ask(connection)

    async def ask(self, connection: Connection) -> None:
        """Send a request, of one row or of five, and leave or hear what comes."""
        few = 5 if self.chance.random() < 0.1 else 1
        xs = [-1 - self.chance.randrange(self.plan.inputs) for _ in range(few)]
        body = json.dumps({"instances": [{"x": x} for x in xs]}).encode()
        patience = said = 0.0
        if self.chance.random() < self.plan.share:
            patience = self.chance.random() * self.plan.longest
            if self.chance.random() < 0.5:
                patience, said = 0.0, patience
        head = (
            f"POST {self.plan.path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            + (f"X-Request-Timeout-Ms: {1 + int(said * 1000)}\r\n" if said else "")
            + "\r\n"
        )
        try:
            async with asyncio.timeout(patience or 60.0):
                reply = await connection.exchange(head.encode() + body)
        except TimeoutError:
            self.heard.left += 1
            connection.close()
            return
        except LostError as error:
            self.heard.failed += 1
            self.heard.example = str(error)
            return
        self.judge(xs, reply)

    def judge(self, xs: list[int], reply: Reply) -> None:
        """Note what an answer to these inputs is."""
        if reply.status == 504:
            self.heard.cut += 1
        elif reply.status == 503:
            self.heard.refused += 1
        elif reply.status != 200:
            self.heard.failed += 1
            self.heard.example = repr(reply.body[:200])
        elif json.loads(reply.body)["predictions"] == [2.0 * x for x in xs]:
            self.heard.right += 1
        else:
            self.heard.wrong += 1
            self.heard.example = f"{xs}: {reply.body[:200]!r}"


def leave(plan: Leaving) -> Heard:
    """Carry out a plan in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.leaving"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=clean_environment(),
    )
    return Heard(**json.loads(done.stdout))


if __name__ == "__main__":
    heard = uvloop.run(Callers(Leaving(**json.loads(sys.stdin.read()))).run())
    sys.stdout.write(json.dumps(asdict(heard)))
