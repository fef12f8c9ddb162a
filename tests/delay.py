"""A way to a port of the loopback address on which every byte arrives later: a process of its own.

`python -m tests.delay PORT SECONDS` listens on a free port, and writes its number.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[1]


class Delay:
    """Such a way to `port`, there while entered. port: the way's own."""

    def __init__(self, port: int, seconds: float) -> None:
        self.command = [sys.executable, "-m", "tests.delay", str(port), str(seconds)]
        self.port = 0

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=ROOT, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait(30)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Later(asyncio.Protocol):
    """One side of a connection: what it receives goes to `other`, later."""

    def __init__(self, seconds: float, other: asyncio.Transport | None = None) -> None:
        self.seconds, self.other = seconds, other
        self.waiting: deque[bytes] = deque()
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.waiting.append(data)
        self.loop.call_later(self.seconds, self.pass_on)

    def pass_on(self) -> None:
        data = self.waiting.popleft()
        if self.other is not None and not self.other.is_closing():
            self.other.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        if self.other is not None:
            self.loop.call_later(self.seconds, self.other.abort)


class Front(Later):
    """The side of who comes: it waits until the other one is there."""

    def __init__(self, port: int, seconds: float) -> None:
        super().__init__(seconds)
        self.port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()
        self.opening = self.loop.create_task(self.reach())

    async def reach(self) -> None:
        try:
            made, _ = await self.loop.create_connection(
                lambda: Later(self.seconds, self.transport), "127.0.0.1", self.port
            )
        except OSError:
            self.transport.abort()
            return
        self.other = made
        self.transport.resume_reading()


async def main() -> None:
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Front(port, seconds), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
