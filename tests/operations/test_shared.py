"""The link to Redis, against real ones that are killed, stopped, full, locked, or none at all."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pilotboat.errors import SettingsError
from tests.redis_server import Redis

shared = pytest.importorskip("pilotboat.operations.shared", reason="needs redis, the package")
Link, Refusal = shared.Link, shared.Refusal

SOON = 1.0
"""Seconds within which is at once, on a machine that does other things too."""


@asynccontextmanager
async def linked(url: str, *, is_up: bool = True) -> AsyncIterator[Any]:
    """A link, closed in the end. is_up: once it is."""
    link = Link(url)
    link.start()
    try:
        if is_up:
            await until(lambda: link.is_up)
        yield link
    finally:
        began = time.monotonic()
        await link.close()
        assert time.monotonic() - began < 2 * shared.PATIENCE + SOON
        assert link._task.done()


async def until(true: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what happens happens elsewhere
            await asyncio.sleep(0.005)


async def timed(awaited: Awaitable[Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return await awaited, time.monotonic() - began


async def given_up(link: Any) -> None:
    """Ask until nothing is asked any more; no caller waits for longer than he has to."""
    while link.is_up:
        _, took = await timed(link.ask(("PING",)))
        assert took < shared.TIMEOUT + SOON
    with pytest.raises(StopIteration) as ended:
        link.ask(("PING",)).send(None)
    assert ended.value.value is None, "it has not waited at all"


@pytest.mark.usefixtures("patient")
def test_every_command_has_its_reply(redis: Redis) -> None:
    async def asked() -> None:
        async with linked(redis.url) as link:
            redis.do("SET", "text", "abc")
            redis.do("LPUSH", "list", "one")
            commands = [("GETRANGE", "text", 0, 1), ("GETRANGE", "none", 0, 1), ("INCR", "n")]
            assert await link.ask(*commands, ("GET", "list")) == [
                b"ab",
                b"",
                1,
                Refusal("WRONGTYPE"),
            ]
            assert link.errors == 0

    asyncio.run(asked())


@pytest.mark.usefixtures("patient")
def test_who_leaves_takes_nobody_s_reply_with_him(redis: Redis) -> None:
    """Through a way on which a reply takes long enough for its caller to go."""
    count, wrong, kept = 3000, [], []

    async def one(link: Any, number: int) -> None:
        word = f"{number}".encode()
        replies = await link.ask(("ECHO", word), ("ECHO", word + b"!"))
        if replies is not None:
            kept.append(number)
            wrong.extend([] if replies == [word, word + b"!"] else [number])

    async def many(url: str) -> None:
        chance = random.Random(1)  # noqa: S311
        async with linked(url) as link:
            for first in range(0, count, 30):
                numbers = range(first, first + 30)
                tasks = [asyncio.create_task(one(link, number)) for number in numbers]
                for task in tasks:
                    if chance.random() < 0.5:
                        asyncio.get_running_loop().call_later(chance.random() / 50, task.cancel)
                await asyncio.wait(tasks, timeout=10)

    with redis.delayed(0.005) as url:
        asyncio.run(many(url))
    assert not wrong
    assert count / 4 < len(kept) < count


@pytest.mark.usefixtures("patient")
def test_a_server_starts_without_it_and_joins_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "PAUSE", 0.1)

    async def joined(own: Redis) -> None:
        async with linked(own.url, is_up=False) as link:
            await until(lambda: link.errors > 1)
            assert await link.ask(("PING",)) is None
            link.tell("SET", "a", b"1")
            own.start()
            await until(lambda: link.is_up)
            assert await link.ask(("GET", "a")) == [None]
            assert link.opened == 0

    own = Redis()
    with own:
        own.stop()
        asyncio.run(joined(own))


@pytest.mark.usefixtures("patient")
def test_what_was_never_started_starts_when_it_is_asked(redis: Redis) -> None:
    async def asked() -> None:
        link = Link(redis.url)
        assert await link.ask(("PING",)) is None
        await until(lambda: link.is_up)
        assert await link.ask(("PING",)) == [b"PONG"]
        await link.close()
        link.start()
        assert not link.is_up

    asyncio.run(asked())


def test_killed_it_is_asked_no_more_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared, "PAUSE", 0.3)

    async def killed(own: Redis) -> None:
        async with linked(own.url) as link:
            own.kill()
            await given_up(link)
            assert (link.errors, link.opened) == (shared.FAILURES, 1)
            own.start()
            _, took = await timed(until(lambda: link.is_up))
            assert took < 0.3 + shared.CONNECT + SOON
            assert await link.ask(("PING",)) == [b"PONG"]

    with caplog.at_level(logging.WARNING), Redis() as own:
        asyncio.run(killed(own))
    assert [record.getMessage() for record in caplog.records] == [
        "Redis is not asked: it cannot be reached. This server goes on by itself.",
        "Redis answers again.",
    ]


def test_stopped_it_holds_nobody_up_and_what_it_says_later_is_not_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared, "PAUSE", 0.2)

    async def stopped(own: Redis) -> None:
        async with linked(own.url) as link:
            own.suspend()
            replies, took = await timed(
                asyncio.gather(*(link.ask(("ECHO", b"early")) for _ in range(50)))
            )
            assert replies == [None] * 50
            assert took < shared.TIMEOUT + SOON
            await given_up(link)
            own.resume()
            await until(lambda: link.is_up)
            assert await link.ask(("ECHO", b"late")) == [b"late"]

    with Redis() as own:
        asyncio.run(stopped(own))


def test_a_process_that_stood_still_hears_what_has_arrived(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "TIMEOUT", 0.5)

    async def stood() -> None:
        async with linked(redis.url) as link:
            asking = asyncio.create_task(link.ask(("ECHO", "a")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            time.sleep(1)  # noqa: ASYNC251 - that is what it is about
            assert await asking == [b"a"]
            assert link.errors == 0

    asyncio.run(stood())


@pytest.mark.usefixtures("patient")
def test_a_connection_that_redis_has_ended_costs_nothing(redis: Redis) -> None:
    async def ended() -> None:
        async with linked(redis.url) as link:
            for number in range(20):
                redis.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                assert await link.ask(("ECHO", str(number))) == [str(number).encode()]
            assert (link.errors, link.opened) == (0, 0)

    asyncio.run(ended())


def test_a_wrong_password_is_said_and_is_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared, "PAUSE", 0.05)

    async def refused(url: str) -> None:
        async with linked(url, is_up=False) as link:
            await until(lambda: link.errors > 2)
            assert not link.is_up

    with caplog.at_level(logging.DEBUG), Redis(requirepass="right") as own:
        for wrong in (f":wr0ng@127.0.0.1:{own.port}", f"127.0.0.1:{own.port}"):
            asyncio.run(refused(f"redis://{wrong}"))
    said = "Redis is not asked: it refuses the user or the password."
    assert [said in record.getMessage() for record in caplog.records if record.levelno > 20] == [
        True,
        True,
    ]
    assert "wr0ng" not in caplog.text


@pytest.mark.usefixtures("patient")
def test_the_password_and_the_database_of_the_url_are_used() -> None:
    async def asked(url: str) -> Any:
        async with linked(url) as link:
            await link.ask(("SET", "a", "1"))
            return await link.ask(("DBSIZE",))

    with Redis(requirepass="r%3A/#?") as own:
        port = own.port
        assert own.do("SET", "other", "1")
        for url in (
            f"redis://:r%253A%2F%23%3F@127.0.0.1:{port}/3",
            f"unix://:r%253A%2F%23%3F@{own.socket}?db=3",
        ):
            assert asyncio.run(asked(url)) == [1]


@pytest.mark.usefixtures("patient")
def test_it_speaks_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = ["-nodes", "-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *names, *files], check=True, capture_output=True)

    async def asked(url: str) -> Any:
        async with linked(url) as link:
            return await link.ask(("PING",))

    with Redis() as probe:
        tls = probe.port
    settings = {"tls_port": str(tls), "tls_cert_file": str(certificate), "tls_key_file": str(key)}
    with Redis(tls_auth_clients="no", **settings):
        url = f"rediss://127.0.0.1:{tls}?ssl_ca_certs={certificate}"
        assert asyncio.run(asked(url)) == [b"PONG"]


@pytest.mark.usefixtures("patient")
def test_full_it_refuses_and_is_read_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    async def full(own: Redis) -> None:
        async with linked(own.url) as link:
            for _ in range(10):
                assert await link.ask(("SET", "b", b"x"), ("GET", "a")) == [Refusal("OOM"), b"1"]
            assert (link.errors, link.opened) == (10, 0)

    with caplog.at_level(logging.WARNING), Redis() as own:
        own.do("SET", "a", "1")
        own.do("CONFIG", "SET", "maxmemory", "1")
        asyncio.run(full(own))
    assert [record.getMessage() for record in caplog.records] == ["Redis refuses commands: OOM"]


@pytest.mark.usefixtures("patient")
def test_what_nobody_waits_for_is_sent_and_bounded(redis: Redis) -> None:
    async def told() -> None:
        async with linked(redis.url) as link:
            for number in range(300):
                link.tell("SET", f"n{number}", b"x" * 1000)
            assert link.dropped == 0
            for _ in range(2 * shared.UNSENT // 100_000):
                link.tell("SET", "large", b"x" * 100_000)
            assert 0 < link.dropped < 20
            await until(lambda: redis.do("DBSIZE") == 301)
            for _ in range(shared.UNSENT // 100_000):  # there is room again
                link.tell("SET", "again", b"x" * 100_000)
            assert link.dropped < 20
            link.tell("SET", "last", b"1")
        assert redis.do("GET", "last") == b"1", "closing sends what waits"

    asyncio.run(told())


@pytest.mark.usefixtures("patient")
def test_a_script_is_sent_where_it_is_not_known(redis: Redis) -> None:
    async def run() -> None:
        async with linked(redis.url) as link:
            for _ in range(2):
                redis.do("SCRIPT", "FLUSH")
                for _ in range(2):
                    assert await link.run("return {KEYS[1], ARGV[1]}", ["k"], [1.5]) == [
                        b"k",
                        b"1.5",
                    ]
            assert link.errors == 0
            assert await link.run("return redis.error_reply('OH no')", [], []) == Refusal("OH")
        assert await link.run("return 1", [], []) is None

    asyncio.run(run())


def test_closing_waits_for_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def closed(own: Redis) -> None:
        async with linked(own.url) as link:
            own.suspend()
            for number in range(200):
                link.tell("SET", f"n{number}", b"x" * 1000)
            waiting = asyncio.create_task(link.ask(("PING",)))
            await asyncio.sleep(0)
        assert await waiting is None

    with caplog.at_level(logging.ERROR), Redis() as own:
        asyncio.run(closed(own))
    assert not caplog.records


NONSENSE = {
    "no reply": b"hello\r\n",
    "no number": b":many\r\n",
    "a negative length": b"$-7\r\n",
    "a long text": b"$" + b"9" * 400 + b"\r\n",
    "an endless text": b"$99999999999\r\n" + b"x" * 1000,
    "an endless list": b"*99999999999\r\n:1\r\n",
    "lists in lists": b"*1\r\n" * 20_000,
    "bytes": bytes(range(256)) * 10,
    "nothing": b"",
    "an error": b"-\xff\x00\x1b[2J\r\n",
}


class Nonsense(asyncio.Protocol):
    """What knows how to greet and to say PONG, and then says something else; with nothing, it goes."""

    def __init__(self, nonsense: bytes) -> None:
        self.nonsense = nonsense

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        greetings = data.count(b"SETINFO")
        other = b"+PONG\r\n" if b"PING" in data else self.nonsense
        self.transport.write(b"+OK\r\n" * greetings or other)
        if not self.nonsense:
            self.transport.close()


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_what_is_no_redis_hurts_nobody(
    nonsense: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared, "PAUSE", 0.01)

    async def asked() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Nonsense(nonsense), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with linked(f"redis://127.0.0.1:{port}", is_up=bool(nonsense)) as link:
            for _ in range(2 * shared.FAILURES):
                replies = await link.ask(("GETRANGE", "a", 0, 10))
                assert replies in (None, [b""], [Refusal("ERR")])
            await until(lambda: link.errors >= shared.FAILURES or replies == [b""])
        server.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(asked())
    assert "\x1b" not in caplog.text


GOOD = [
    "redis://redis",
    "redis://redis:6380/",
    "redis://user:5ecret@redis/15",
    "rediss://:5ecret@redis.example:6379/0?ssl_cert_reqs=none",
    "redis://[::1]:6379",
    "unix:///run/redis.sock?db=2&password=5ecret",
]
BAD = [
    "",
    "redis",
    "redis:6379",
    "http://:5ecret@redis:6379",
    "redis://",
    "redis://:5ecret@:6379",
    "redis://:5ecret@redis/database",
    "redis://:5ecret@redis:65536",
    "redis://:5ecret@redis:0",
    "redis://:5ecret@redis:port",
    "redis://:5ec#ret5ecret@redis",
    "redis://:5ec/ret5ecret@redis",
    "redis://:5ecret@[::1",
    "redis://:5ecret@redis\u2100/",
    "redis://:5ecret@redis?nonsense=5ecret",
    "redis://:5ecret@redis?db=5ecret",
    "unix://",
]


@pytest.mark.parametrize("url", GOOD)
def test_a_url_is_taken(url: str) -> None:
    shared.check(url)


@pytest.mark.parametrize("url", BAD)
def test_another_url_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(SettingsError, match="PILOTBOAT_REDIS_URL") as caught:
        Link(url)
    error: BaseException | None = caught.value
    assert "5ec" not in str(error)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_no_url_changes_how_long_it_is_waited_for() -> None:
    url = "redis://redis?socket_timeout=60&retry_on_timeout=yes&protocol=3&health_check_interval=1"
    made = shared.connection(url)
    assert (made.socket_timeout, made.socket_connect_timeout) == (None, None)
    assert made.retry._retries == 0
    assert (made.protocol, made.health_check_interval) == (2, 0)
