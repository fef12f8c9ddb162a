from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing.sharedctypes import Synchronized

import pytest

from pilotboat.operations import meter, ring
from pilotboat.operations.meter import Meter, whole_seconds
from pilotboat.operations.ring import Key
from pilotboat.operations.seat import METERS, Seat


def limited(rate: float, index: int = 0) -> Key:
    return Key("ci", b"", frozenset({"predict"}), rate, index)


class Clock:
    """A clock that goes only when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(meter, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_second_s_worth_may_come_at_once_and_then_the_rate(clock: Clock) -> None:
    counting, key = Meter(Seat()), limited(100)
    assert sum(not counting.take(key) for _ in range(150)) == 100
    clock.now += 0.5
    assert sum(not counting.take(key) for _ in range(150)) == 50
    for _ in range(1000):
        clock.now += 0.01
        assert counting.take(key) == 0
    assert counting.take(key) == pytest.approx(0.01, abs=1e-6)


def test_who_asks_too_often_is_told_when_the_next_may_come(clock: Clock) -> None:
    counting, key = Meter(Seat()), limited(0.25)
    assert counting.take(key) == 0
    assert counting.take(key) == pytest.approx(4)
    clock.now += 3
    assert counting.take(key) == pytest.approx(1)  # what is refused counts for nothing
    clock.now += 1
    assert counting.take(key) == 0


@pytest.mark.parametrize(("rate", "burst"), [(0.1, 1), (1, 1), (1.5, 1), (2.5, 2), (10, 10)])
def test_any_rate_lets_at_least_one_through(clock: Clock, rate: float, burst: int) -> None:
    counting, key = Meter(Seat()), limited(rate)
    assert sum(not counting.take(key) for _ in range(20)) == burst


def test_a_long_rest_earns_no_more_than_a_second_s_worth(clock: Clock) -> None:
    counting, key = Meter(Seat()), limited(10)
    clock.now += 86_400
    assert sum(not counting.take(key) for _ in range(50)) == 10


def test_what_is_given_back_may_be_taken_again(clock: Clock) -> None:
    counting, key = Meter(Seat()), limited(1)
    assert counting.take(key) == 0
    counting.give_back(key)
    assert counting.take(key) == 0
    assert counting.take(key) > 0


def test_what_others_have_let_through_counts_here_and_no_more_than_it_could(clock: Clock) -> None:
    counting, key = Meter(Seat()), limited(4)
    for _ in range(3):
        counting.count(key)
    assert [counting.take(key) for _ in range(2)] == [0, pytest.approx(0.25)]
    for _ in range(100):
        counting.count(key)
    clock.now += 0.25
    assert counting.take(key) == 0
    slow = limited(0.1, 1)
    counting.count(slow)
    assert counting.take(slow) == pytest.approx(10)


def test_each_key_has_a_meter_of_its_own() -> None:
    assert ring.MOST == METERS
    counting = Meter(Seat())
    assert [counting.take(limited(0.001, index)) for index in range(METERS)] == [0] * METERS
    assert counting.take(limited(0.001, METERS - 1)) > 0


@pytest.mark.parametrize(("wait", "said"), [(1e-6, 1), (1, 1), (1.01, 2), (4, 4)])
def test_a_wait_is_said_in_whole_seconds(wait: float, said: int) -> None:
    assert whole_seconds(wait) == said


RATE, SECONDS, PACE = 500.0, 3.0, 30e-6
"""PACE: seconds that a worker needs for the least of requests, a refusal."""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_processes_share_the_limit() -> None:
    """Three as fast as workers are: together they get the burst and the rate, and at the end one each."""
    # In a process of its own: forked from one with threads, as the tests' is, some never end.
    sharing = "from tests.operations.test_meter import share; print(share())"
    granted = int(subprocess.check_output([sys.executable, "-c", sharing], timeout=60))
    assert 0.9 * RATE * (SECONDS + 1) < granted <= RATE * (SECONDS + 1) + 3


def share() -> int:
    """How many requests three processes let through together."""
    seat, key = Seat(), limited(RATE)
    fork = multiprocessing.get_context("fork")
    slots = fork.Value("i", 0)
    with fork.Pool(3, _join, (slots, seat, key)) as pool:
        return sum(pool.map(_ask, [time.monotonic() + 0.5] * 3, chunksize=1))


def _join(slots: Synchronized[int], seat: Seat, key: Key) -> None:
    global joined  # noqa: PLW0603 - what a process of the pool has
    with slots:
        slot, slots.value = slots.value, slots.value + 1
    joined = (Meter(replace(seat, slot=slot)), key)


def _ask(begin: float) -> int:
    counting, key = joined
    granted = 0
    while time.monotonic() < begin:
        time.sleep(0.001)
    while (now := time.monotonic()) < begin + SECONDS:
        granted += not counting.take(key)
        while time.monotonic() < now + PACE:
            pass
    return granted


joined: tuple[Meter, Key]
