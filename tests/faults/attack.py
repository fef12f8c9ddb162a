"""Callers that mean no good, and a probe that looks how the server is meanwhile. On loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
ENDLESS_HEAD = HEAD + b"X-Slow: "
ENDLESS_BODY = HEAD + b"Content-Length: 10000\r\n\r\n"


@dataclass(frozen=True)
class Dripped:
    """How a connection ended that sent a byte now and then. seconds: infinite if it did not end."""

    seconds: float
    answer: bytes

    @property
    def status(self) -> int:
        """Of the answer; 0 for none."""
        return int(self.answer.split(b" ")[1]) if self.answer.startswith(b"HTTP/1.1 ") else 0


async def drip(port: int, start: bytes, every: float, patience: float) -> Dripped:
    """Send `start`, and then a byte every so many seconds until the server has had enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began, answer = time.monotonic(), b""
    try:
        writer.write(start)
        while time.monotonic() - began < patience:
            try:
                got = await asyncio.wait_for(reader.read(65536), every)
            except TimeoutError:
                writer.write(b"a")
                continue
            if not got:
                return Dripped(time.monotonic() - began, answer)
            answer += got
    except OSError:
        return Dripped(time.monotonic() - began, answer)
    finally:
        await close(writer)
    return Dripped(float("inf"), answer)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever state it is in."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def swarm(port: int, start: bytes, count: int, *, patience: float) -> list[Dripped]:
    """So many of them, a byte every five seconds each."""
    return await asyncio.gather(*(drip(port, start, 5.0, patience) for _ in range(count)))


async def idle(port: int, count: int, seconds: float) -> int:
    """Open so many connections and say nothing; how many were accepted."""
    writers = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            writers.append((await asyncio.open_connection("127.0.0.1", port))[1])
    await asyncio.sleep(seconds)
    await asyncio.gather(*map(close, writers))
    return len(writers)


async def flood(port: int, rate: int, seconds: float) -> int:
    """Open and drop so many connections a second; how many were accepted."""
    opened = 0
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        while opened < elapsed * rate:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.transport.abort()
            opened += 1
        await asyncio.sleep(0.005)
    return opened


async def probe(port: int, path: str, over: asyncio.Event) -> list[float]:
    """Ask again and again on new connections, as an orchestrator does; the seconds of each answer.

    Infinite for what was not answered with 200.
    """
    asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    took = []
    while not over.is_set():
        began = time.monotonic()
        good = False
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(asked)
            good = (await reader.read()).startswith(b"HTTP/1.1 200 ")
            await close(writer)
        took.append(time.monotonic() - began if good else float("inf"))
        await asyncio.sleep(0.02)
    return took


def probed(port: int, path: str, attacks: Sequence[Callable[[], Awaitable[object]]]) -> list[float]:
    """Probe while the attacks run together."""

    async def run() -> list[float]:
        over = asyncio.Event()
        probing = asyncio.create_task(probe(port, path, over))
        await asyncio.gather(*(attack() for attack in attacks))
        over.set()
        return await probing

    return asyncio.run(run())
