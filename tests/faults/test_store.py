"""A database that is stopped, killed, stuck, full, locked or wrong, while predictions are kept."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.fleet import Fleet
from tests.faults.keeping import (
    MEGABYTE,
    Keeping,
    Sampler,
    in_database,
    migrated,
    patiently,
)
from tests.faults.load import Plan
from tests.faults.outcome import Outcome
from tests.faults.relay import Relay
from tests.faults.stack import loads
from tests.faults.verdict import Verdict, broken, hold, sized, together
from tests.postgres import Postgres

RATE = 200.0
"""Requests a second."""
TRY = 10.0
"""Seconds after which a try is given up."""
NOTICED = 2.0
"""Seconds from there until one reads of it: the status is written every second."""


@contextmanager
def durable() -> Iterator[Postgres]:
    """A server that forgets nothing when it is killed."""
    with Postgres(durable=True) as server:
        yield server


def kept_exactly(
    kept: Keeping, server: Postgres, url: str, load: Outcome
) -> tuple[tuple[bool, str], ...]:
    """What has to hold of a load whose predictions are all stored."""
    rows, different, requests = in_database(server, url)
    told = kept.told
    return (
        (not load.bad and not load.turned_away, f"failed: {load}"),
        (rows == load.ok, f"{rows} rows, and {load.ok} answers"),
        (rows == different == requests, f"{rows} rows, {different} different, {requests} requests"),
        (not told["parked_rows"] and not told["lost_rows"], f"refused: {told}"),
        (not told["torn"] and not told["damaged"], f"damaged: {told}"),
    )


def stopped(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """`pg_ctl stop -m fast` and a start half a minute later."""
    away = sized(6, 30)
    with durable() as server:
        url = migrated(server)
        with Keeping(fleet, home, url, defect=defect) as kept:
            plan = Plan(kept.port, fleet.asks, rate=RATE)
            with loads(plan) as (load,):
                time.sleep(sized(4, 20))
                usual = load.result()
            with loads(plan) as (load,):
                time.sleep(2)
                with Sampler(kept) as before:
                    time.sleep(1)
                with Sampler(kept) as meanwhile:
                    server.stop("fast")
                    time.sleep(away)
                    server.start()
                    back = patiently(lambda: kept.caught_up(30))
                    time.sleep(2)
                outcome = load.result()
            patiently(lambda: kept.drained(30))
            both = (usual, outcome)
            grown = max(meanwhile.sizes) - max(before.sizes)
            exactly = kept_exactly(kept, server, url, added(usual, outcome))
    return Verdict(
        "T26",
        f"PostgreSQL stopped for {away} s",
        f"{RATE:.0f} requests/s",
        *together(both),
        f"caught up {back:.1f} s after the start; memory +{grown / MEGABYTE:.1f} MiB; p99 "
        f"{outcome.p99_ms:.0f} ms, {usual.p99_ms:.0f} ms before",
        broken(
            *exactly,
            (max(meanwhile.lags) > away / 2, f"it was never behind: {max(meanwhile.lags)}"),
            (back <= 30, f"caught up after {back:.0f} s"),
            (grown <= 16 * MEGABYTE, f"memory +{grown / MEGABYTE:.0f} MiB"),
            (outcome.p99_ms <= 1.2 * usual.p99_ms + sized(200, 5), f"{outcome} after {usual}"),
        ),
        defect,
        outcome.ticks,
        (2.0, 2.0 + away),
    )


def added(one: Outcome, other: Outcome) -> Outcome:
    """What two loads together have of good and bad answers."""
    counts: dict[str, Any] = {}
    for name in ("refused", "failed", "lost"):
        mine, theirs = getattr(one, name), getattr(other, name)
        counts[name] = {key: mine.get(key, 0) + theirs.get(key, 0) for key in {*mine, *theirs}}
    return replace(one, sent=one.sent + other.sent, ok=one.ok + other.ok, **counts)


def killed(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """`pg_ctl stop -m immediate` and kill -9, at any moment, again and again."""
    times = sized(4, 20)
    chance = random.Random(27)  # noqa: S311 - no secret
    with durable() as server:
        url = migrated(server)
        with Keeping(fleet, home, url, defect=defect) as kept:
            plan = Plan(kept.port, fleet.asks, rate=RATE)
            marks = []
            with loads(plan) as (load,):
                for number in range(times):
                    time.sleep(chance.uniform(0.5, sized(2, 50)))
                    marks.append(time.monotonic() - load.began)
                    if number % 2:
                        server.kill()
                    else:
                        server.stop("immediate")
                    server.start()
                time.sleep(1)
                outcome = load.result()
            took = patiently(lambda: kept.drained(30))
            exactly = kept_exactly(kept, server, url, outcome)
    return Verdict(
        "T27",
        f"PostgreSQL killed {times} times",
        f"{RATE:.0f} requests/s",
        *together([outcome]),
        f"all stored {took:.1f} s after the last request",
        broken(*exactly, (took < 30, "not all is stored")),
        defect,
        outcome.ticks,
        tuple(marks),
    )


def stuck(fleet: Fleet, home: Path, defect: str = "", *, by: str = "suspended") -> Verdict:
    """A PostgreSQL that accepts and never answers, or a network that swallows what it is given."""
    away = sized(16, 60)
    with durable() as server, Relay(server.port) as relay:
        direct = migrated(server)
        url = direct.replace(f":{server.port}/", f":{relay.port}/")
        with Keeping(fleet, home, url, defect=defect) as kept:
            plan = Plan(kept.port, fleet.asks, rate=RATE)
            with loads(plan) as (load,):
                time.sleep(2)
                with Sampler(kept) as before:
                    time.sleep(1)
                with Sampler(kept) as meanwhile:
                    begun = time.monotonic()
                    (server.suspend if by == "suspended" else relay.swallow)()
                    noticed = patiently(lambda: kept.fails(away))
                    time.sleep(max(0.0, begun + away - time.monotonic()))
                    (server.resume if by == "suspended" else relay.deliver)()
                    back = patiently(lambda: kept.caught_up(30))
                outcome = load.result()
            patiently(lambda: kept.drained(30))
            grown = max(meanwhile.sizes) - max(before.sizes)
            exactly = kept_exactly(kept, server, direct, outcome)
    what = "suspended" if by == "suspended" else "behind a network that swallows everything"
    return Verdict(
        "T28",
        f"PostgreSQL {what} for {away} s",
        f"{RATE:.0f} requests/s",
        *together([outcome]),
        f"given up after {noticed:.1f} s; caught up after {back:.1f} s; memory "
        f"+{grown / MEGABYTE:.1f} MiB",
        broken(
            *exactly,
            (noticed <= TRY + NOTICED, f"given up after {noticed:.1f} s"),
            (back <= 30, f"caught up after {back:.0f} s"),
            (grown <= 16 * MEGABYTE, f"memory +{grown / MEGABYTE:.0f} MiB"),
        ),
        defect,
        outcome.ticks,
    )


def test_a_database_that_is_stopped_costs_nothing(quick: Fleet, tmp_path: Path) -> None:
    """T26"""
    hold(stopped(quick, tmp_path))


def test_a_database_that_is_killed_loses_nothing(quick: Fleet, tmp_path: Path) -> None:
    """T27"""
    hold(killed(quick, tmp_path))


@pytest.mark.parametrize("by", ["suspended", "swallowed"])
def test_a_database_that_does_not_answer_is_given_up(quick: Fleet, tmp_path: Path, by: str) -> None:
    """T28"""
    hold(stuck(quick, tmp_path, by=by))
