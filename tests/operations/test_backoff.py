"""Waits get longer, up to a bound, and complaints are few."""

from __future__ import annotations

import time

import pytest

from pilotboat.operations.backoff import EVERY, FIRST, KINDS, LONGEST, Backoff, Complaints


def test_waits_double_up_to_the_longest_and_begin_anew() -> None:
    backoff = Backoff()
    waits = [backoff.failed() for _ in range(12)]
    for number, wait in enumerate(waits):
        most = min(FIRST * 2**number, LONGEST)
        assert most / 2 <= wait <= most
    backoff.reset()
    assert backoff.failed() <= FIRST


def test_two_that_fail_together_do_not_come_back_together() -> None:
    assert len({Backoff().failed() for _ in range(50)}) > 1


def test_the_same_is_said_once_a_minute_and_what_is_new_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    complaints = Complaints()
    assert complaints.due("a")
    assert complaints.due("b")
    assert not complaints.due("a")
    now[0] += EVERY
    assert complaints.due("a")


def test_texts_that_are_always_new_are_few_too(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    complaints = Complaints()
    said = 0
    for number in range(10_000):
        now[0] += 0.1
        said += complaints.due(f"process {number} is in the way")
    minutes = 10_000 * 0.1 / EVERY
    assert said <= KINDS * (minutes + 1)
