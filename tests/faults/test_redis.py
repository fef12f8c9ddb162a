"""Redis killed, stopped, full, locked, emptied and poisoned, while requests arrive."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count, cycle
from pathlib import Path

import httpx
import pytest

import pilotboat
from pilotboat.operations.cache import Answers, Local, name
from pilotboat.operations.ring import fresh, line
from tests.faults.fleet import SLOW, Asks, Fleet, doubling, pack_fleet
from tests.faults.leaving import Leaving, leave
from tests.faults.load import Plan
from tests.faults.outcome import Outcome
from tests.faults.processes import until
from tests.faults.stack import Served, loads, put
from tests.faults.verdict import Verdict, broken, hold, sized, together
from tests.http.wire import JSON
from tests.poison import poisons
from tests.redis_server import Redis

FEW = "8192"
"""Bytes for a few answers: nearly all are asked of Redis."""
QUEUE = "5000"
"""Milliseconds that a request may wait: it is about Redis, not about how busy the model is."""
FIRST, OPEN, BACK = 60.0, 2.0, 6.0
"""Promised: milliseconds more at first, and when Redis is asked no more; seconds until it is again."""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A repository with 'slow', which takes 1 ms a row and some more a call."""
    return pack_fleet(tmp_path_factory.mktemp("slow"), 1.0)


def serving(fleet: Fleet, url: str, defect: str = "", keys: str = "") -> Served:
    """A server with that Redis. keys: the file of its API keys."""
    more = {"PILOTBOAT_API_KEYS_FILE": keys} if keys else {}
    made = Served(
        fleet,
        defect=defect,
        PILOTBOAT_REDIS_URL=url,
        PILOTBOAT_CACHE_BYTES=FEW,
        PILOTBOAT_QUEUE_MS=QUEUE,
        PILOTBOAT_BOOT_SECONDS="300",
    )
    made.env.update(more)
    return made


def counted(served: Served, family: str) -> int:
    """The sum of a family of metrics, once every worker has told what it has counted."""
    sums: list[int] = []
    while len(sums) < 4 or sums[-1] != sums[-4]:  # each tells it every second
        page = served.client.get("/metrics").text.splitlines()
        sums.append(int(sum(float(one.split()[-1]) for one in page if one.startswith(family))))
        time.sleep(0.5)
    return sums[-1]


def links(redis: Redis) -> int:
    """Connections that servers have to Redis."""
    with redis.client() as client:
        return len(client.client_list()) - 1


@contextmanager
def again(act: Callable[[], object], seconds: float) -> Iterator[None]:
    """Do something every so often meanwhile."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            act()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass(frozen=True)
class Harm:
    """What happens to Redis. gone: it is not asked any more after a while.

    every: seconds after which it is done once more, as long as it lasts.
    """

    what: str
    do: Callable[[Redis], object]
    undo: Callable[[Redis], object]
    gone: bool = True
    every: float = 0.0


def _lock(redis: Redis) -> None:
    redis.do("CONFIG", "SET", "requirepass", "another")
    redis.settings["requirepass"] = "another"
    _end(redis)


def _unlock(redis: Redis) -> None:
    redis.do("CONFIG", "SET", "requirepass", "")
    del redis.settings["requirepass"]


def _end(redis: Redis) -> None:
    redis.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def _room(size: str) -> Callable[[Redis], object]:
    return lambda redis: redis.do("CONFIG", "SET", "maxmemory", size)


HARMS = {
    "killed": Harm("killed, and started again", Redis.kill, Redis.start),
    "stopped": Harm("stopped with SIGSTOP, and let go on", Redis.suspend, Redis.resume),
    "locked": Harm("given another password", _lock, _unlock),
    "full": Harm("full", _room("1"), _room("0"), gone=False),
    "ended": Harm(
        "told to end connections every 50 ms", _end, lambda _: None, gone=False, every=0.05
    ),
    "emptied": Harm(
        "emptied every 0.2 s",
        lambda redis: redis.do("FLUSHALL"),
        lambda _: None,
        gone=False,
        every=0.2,
    ),
}
numbers = count(1)


def new(many: int, known: int = 0) -> Asks:
    """Requests of rows that nobody has asked for; every second one, if wanted, of one of `known`."""
    old = cycle(range(-known, 0))
    xs = (next(old) if known and at % 2 else next(numbers) for at in range(many))
    return doubling(*(x / 1000 for x in xs))


def is_back(it: Served, redis: Redis) -> bool:
    """Whether each worker has a link, now that there is something to ask."""
    for body, _ in new(4):
        httpx.post(it.url + SLOW, content=body, headers=JSON).raise_for_status()
    return links(redis) >= it.workers


def harmed(fleet: Fleet, harm: Harm, defect: str = "") -> Verdict:
    """Something happens to Redis: no request fails, none waits for long, and it is used again."""
    seconds = sized(3.0, 20.0)
    with Redis() as redis, serving(fleet, redis.url, defect) as it:
        until(lambda: links(redis) >= it.workers, 10, "each worker has a link")
        most = put(Plan(it.port, new(4000), SLOW, connections=16, seconds=3.0)).rate
        rate = most / 2

        def load(seconds: float, known: int = 50) -> Outcome:
            asks = new(int(rate * seconds * 2) + 100, known)
            plan = Plan(it.port, asks, SLOW, connections=64, rate=rate, seconds=seconds)
            return put(replace(plan, timeout=10.0))

        before = load(seconds, known=0)  # as much to compute as without Redis
        harm.do(redis)
        with again(lambda: harm.do(redis), harm.every or 3600):
            first = load(1.0)
            during = load(seconds)
        began = time.monotonic()
        harm.undo(redis)
        try:
            until(lambda: is_back(it, redis), 20, "each worker has a link again")
            back = time.monotonic() - began
        except AssertionError:
            back = float("inf")
        found = counted(it, 'pilotboat_cache_hits_total{place="redis"}')
        after = load(seconds)
        found = counted(it, 'pilotboat_cache_hits_total{place="redis"}') - found
    every = (before, first, during, after)
    usual = max(before.p99_ms, after.p99_ms)
    # What this machine does to any timer, and a tenth of what it takes without any harm.
    noise = max(one.late_p99_ms for one in every) + 0.1 * usual
    least = usual + (OPEN if harm.gone else FIRST) + noise
    slack = sized(5, 1)  # few requests on a busy machine tell little of a percentile
    return Verdict(
        "T32",
        f"Redis {harm.what}",
        f"{rate:.0f} requests/s, half of them repeated",
        *together(every),
        f"p99 {usual:.0f} ms, {first.p99_ms:.0f} ms in the first second, {during.p99_ms:.0f} ms then; "
        f"asked again after {back:.1f} s",
        broken(
            (not any(one.bad or one.turned_away for one in every), f"{first}; {during}; {after}"),
            (
                first.p99_ms <= slack * (usual + FIRST + noise),
                f"first: {first}; usually {usual:.1f} ms",
            ),
            (during.p99_ms <= slack * least, f"then: {during}; usually {usual:.1f} ms"),
            (back <= slack * BACK, f"asked again after {back:.1f} s"),
            (found > 0, "nothing is found in Redis afterwards"),
        ),
        defect,
    )


def left(fleet: Fleet, defect: str = "") -> Verdict:
    """Callers leave while Redis is asked, which takes 10 ms: nobody gets the answer to another."""
    requests, inputs = sized(6000, 200_000), 1000
    with Redis() as redis, redis.delayed(0.005) as url, serving(fleet, url, defect) as it:
        until(lambda: links(redis) >= it.workers, 10, "each worker has a link")
        heard = leave(Leaving(it.port, SLOW, requests, inputs))
        found = counted(it, 'pilotboat_cache_hits_total{place="redis"}')
        strange = counted(it, "pilotboat_cache_rejected_total")
    return Verdict(
        "T33",
        "callers who leave or are cut off while Redis is asked, which takes 10 ms",
        f"{inputs} inputs, 48 connections",
        heard.sent,
        heard.failed + heard.wrong,
        None,
        f"{heard.left} left, {heard.cut} cut off; {found} rows came from Redis; "
        f"{heard.wrong} answers of another input",
        broken(
            (not heard.wrong, f"{heard.wrong} answers of another input: {heard.example}"),
            (not heard.failed, f"{heard.failed} failed: {heard.example}"),
            (not strange, f"{strange} values were those of other keys"),
            (heard.left >= 0.1 * requests, f"only {heard.left} left"),
            (heard.cut >= 0.1 * requests, f"only {heard.cut} were cut off"),
            (found >= 0.2 * requests, f"only {found} rows came from Redis"),
        ),
        defect,
    )


def poisoned(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """Every answer that is looked for in Redis is none."""
    rows, each = sized(600, 10_000), 20
    model = pilotboat.load(fleet.path / "slow", trust=[fleet.trust])
    answers, trap = Answers(model, Local(0), None, 60), home / "trap"
    xs = [float(-x) for x in range(1, rows + 1)]
    with Redis() as redis:
        kinds: set[str] = set()
        with redis.client() as client:
            for at, x in enumerate(xs):
                key = answers.key("predict", [x])
                assert key is not None
                known = poisons(key, bytes.fromhex(model.bundle.digest), trap)
                known |= {"10 MB": bytes(10 * 2**20)} if at % 300 == 0 else {}
                why, value = list(known.items())[-1 if at % 300 == 0 else at % len(known)]
                kinds.add(why)
                if at % 50:
                    client.set(name(key), value)
                else:
                    client.rpush(name(key), value)
        with serving(fleet, redis.url, defect) as it:
            until(lambda: links(redis) >= it.workers, 10, "each worker has a link")
            calls = [xs[at : at + each] for at in range(0, rows, each)]
            asks = tuple(
                (json.dumps({"instances": [{"x": x} for x in call]}), [2 * x for x in call])
                for call in calls
            )
            plan = Plan(it.port, asks, SLOW, connections=4, seconds=0.01, least=len(asks))
            outcome = put(plan)
            strange = counted(it, "pilotboat_cache_rejected_total")
            again = put(plan)
            found = counted(it, 'pilotboat_cache_hits_total{place="redis"}')
    return Verdict(
        "T34",
        f"{len(kinds)} kinds of values in Redis that are no answers",
        f"{rows} rows, {each} a request",
        *together([outcome, again]),
        f"{strange} values were rejected, and replaced",
        broken(
            (not outcome.bad and not again.bad, f"{outcome}; {again}"),
            (strange >= 0.95 * rows, f"only {strange} values were rejected"),
            (found >= 0.9 * rows, f"only {found} were replaced"),
            (not trap.exists(), "code of a value was run"),
        ),
        defect,
    )


def limited(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """Two servers, each with two workers, and a key that may ask so often in all."""
    rate, seconds = 100.0, sized(6.0, 60.0)
    key = fresh("shop")
    file = home / "keys"
    file.write_text(line(key, ["predict"], rate) + "\n")
    file.chmod(0o600)

    def asked(*servers: Served) -> tuple[list[Outcome], float]:
        plan = Plan(0, fleet.asks, connections=16, rate=2 * rate, seconds=seconds)
        plans = [replace(plan, port=one.port, headers=(("X-API-Key", key),)) for one in servers]
        with loads(*plans) as running:
            outcomes = [one.result() for one in running]
        return outcomes, sum(one.ok for one in outcomes)

    with Redis() as redis:
        one = serving(fleet, redis.url, defect, str(file))
        two = serving(fleet, redis.url, defect, str(file))
        with one, two:
            until(lambda: links(redis) >= one.workers + two.workers, 10, "each has a link")
            shared, granted = asked(one, two)
            redis.kill()
            apart, alone = asked(one, two)
            redis.start()
            with suppress(AssertionError):  # who does not ask has none
                until(lambda: links(redis) >= one.workers + two.workers, 10, "each has a link")
            once_more, back = asked(one, two)
    allowed, off = rate * (seconds + 1), sized(0.2, 0.05)
    every = [*shared, *apart, *once_more]
    others = {status for outcome in every for status in outcome.refused} - {"429"}
    return Verdict(
        "T69",
        "a key asks two servers four times as often as it may; Redis is killed, and started again",
        f"{4 * rate:.0f} requests/s of {rate:.0f}",
        *together(every),
        f"{granted / allowed - 1:+.1%} of the limit, {back / allowed - 1:+.1%} at the end; "
        f"{alone / allowed - 1:+.1%} without Redis",
        broken(
            (not any(one.bad for one in every), "; ".join(map(str, every))),
            (not others, f"refused otherwise: {others}"),
            (abs(granted / allowed - 1) <= off, f"{granted} of {allowed:.0f} with Redis"),
            (abs(back / allowed - 1) <= off, f"{back} of {allowed:.0f} with Redis again"),
            (0.95 <= alone / allowed <= 2.1, f"{alone} of {allowed:.0f} without Redis"),
        ),
        defect,
    )


@pytest.mark.parametrize("harm", HARMS)
def test_whatever_happens_to_redis_no_request_fails(slow: Fleet, harm: str) -> None:
    """T32"""
    hold(harmed(slow, HARMS[harm]))


def test_nobody_gets_the_answer_to_another(slow: Fleet) -> None:
    """T33"""
    hold(left(slow))


def test_what_is_no_answer_is_not_believed(slow: Fleet, tmp_path: Path) -> None:
    """T34"""
    hold(poisoned(slow, tmp_path))


def test_servers_share_the_limit_of_a_key(quick: Fleet, tmp_path: Path) -> None:
    """T69"""
    hold(limited(quick, tmp_path))
