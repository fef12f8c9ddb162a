"""A limit that servers share, in a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pilotboat.operations.meter import Meter
from pilotboat.operations.quota import Quota, place
from pilotboat.operations.ring import Key
from pilotboat.operations.seat import Seat
from tests.redis_server import Redis

shared = pytest.importorskip("pilotboat.operations.shared", reason="needs redis, the package")


def limited(rate: float) -> Key:
    return Key("ci-4711", b"\xd1", frozenset({"predict"}), rate, 3)


@asynccontextmanager
async def servers(url: str, count: int = 1) -> AsyncIterator[list[Quota]]:
    """So many, each with a link and a meter of its own."""
    links = [shared.Link(url) for _ in range(count)]
    for link in links:
        link.start()
    try:
        async with asyncio.timeout(10):
            while not all(link.is_up for link in links):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        yield [Quota(link, Meter(Seat())) for link in links]
    finally:
        for link in links:
            await link.close()


def granted(url: str, key: Key, times: int, count: int = 1) -> int:
    """How many of so many requests, in turn to each server, are let through."""

    async def asked() -> int:
        async with servers(url, count) as quotas:
            waits = [await quotas[at % count].take(key) for at in range(times)]
        return waits.count(0.0)

    return asyncio.run(asked())


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("rate", "burst"), [(0.01, 1), (0.5, 1), (1, 1), (1.5, 1), (2.5, 2)])
def test_a_second_s_worth_may_come_at_once(redis: Redis, rate: float, burst: int) -> None:
    assert granted(redis.url, limited(rate), 10, count=2) == burst


@pytest.mark.usefixtures("patient")
def test_servers_share_the_limit(redis: Redis) -> None:
    rate, seconds, key = 80.0, 2.0, limited(80.0)  # few enough for a slow machine to ask for

    async def ask(quota: Quota, end: float) -> int:
        count = 0
        while time.monotonic() < end:
            count += not await quota.take(key)
        return count

    async def together() -> tuple[int, float]:
        async with servers(redis.url, 3) as quotas:
            began = time.monotonic()
            counts = await asyncio.gather(*(ask(one, began + seconds) for one in quotas))
            return sum(counts), time.monotonic() - began

    count, took = asyncio.run(together())
    assert count == pytest.approx(rate * (took + 1), rel=0.05)


@pytest.mark.usefixtures("patient")
def test_who_asks_too_often_is_told_when_the_next_may_come(redis: Redis) -> None:
    async def asked() -> None:
        async with servers(redis.url) as (quota,):
            key = limited(0.25)
            assert await quota.take(key) == 0
            assert await quota.take(key) == pytest.approx(4, abs=0.5)
            assert await quota.take(key) == pytest.approx(4, abs=0.5), "what is refused is free"
            assert 3000 < redis.do("PTTL", place(key)) <= 4000
            assert await quota.take(limited(50)) == 0, "a higher rate holds at once"

    asyncio.run(asked())


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("poison", ["", "x", "nan", "-nan", "inf", "-inf", "9e99", "-5", b"\xff\0"])
def test_what_others_have_written_locks_nobody_out(redis: Redis, poison: str | bytes) -> None:
    key = limited(100)
    redis.do("SET", place(key), poison)
    assert granted(redis.url, key, 200) >= 100


@pytest.mark.usefixtures("patient")
def test_another_kind_of_value_is_replaced(redis: Redis) -> None:
    key = limited(1)
    redis.do("LPUSH", place(key), "1")
    assert granted(redis.url, key, 3) == 1
    assert redis.do("TYPE", place(key)) == b"string"


def test_redis_knows_nothing_of_a_key(redis: Redis) -> None:
    key = limited(1)
    granted(redis.url, key, 1)
    (name,) = redis.do("KEYS", "*")
    assert name.decode() == place(key)
    assert b"ci-4711" not in name
    assert key.digest not in name
    assert place(key) != place(Key("ci-4712", b"", frozenset(), 1))


def test_without_redis_the_limit_is_each_server_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "PAUSE", 0.1)

    async def asked(own: Redis) -> None:
        async with servers(own.url, 2) as quotas:
            key = limited(5)
            for at in range(20):
                await quotas[at % 2].take(key)
            own.kill()
            for quota in quotas:
                waits = [await quota.take(key) for _ in range(20)]
                assert waits.count(0.0) <= 5, "what it has let through counts on"
                assert max(waits) <= 0.2 + 1e-6
                assert not quota.link.is_up
            own.start()
            async with asyncio.timeout(10):
                while not all(quota.link.is_up for quota in quotas):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            granted = [not await quotas[at % 2].take(key) for at in range(20)]
            assert 5 <= sum(granted) < 10, "they share it again"

    with Redis() as own:
        asyncio.run(asked(own))


@pytest.mark.usefixtures("patient")
def test_a_server_that_is_left_alone_knows_what_it_has_let_through() -> None:
    async def asked(own: Redis) -> None:
        async with servers(own.url, 2) as (one, two):
            key = limited(0.01)
            assert await one.take(key) == 0
            assert await two.take(key) > 90
            own.kill()
            assert await one.take(key) > 90
            assert await two.take(key) == 0
            assert await two.take(key) > 90

    with Redis() as own:
        asyncio.run(asked(own))


@pytest.mark.parametrize("reply", [None, b"0", -1, 10**18, [], "OOM"])
def test_what_is_no_wait_is_not_believed(reply: Any) -> None:
    class Link:
        async def run(self, *_: Any) -> Any:
            return reply

    quota = Quota(Link(), Meter(Seat()))  # type: ignore[arg-type]
    key = limited(2)
    waits = [asyncio.run(quota.take(key)) for _ in range(3)]
    assert waits[:2] == [0, 0]
    assert 0 < waits[2] <= 0.5
