"""Each fault test is put to a server with a defect that it is there for, and must fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import (
    test_cost,
    test_faces,
    test_framing,
    test_memory,
    test_overload,
    test_process,
    test_redis,
    test_rolls,
    test_spool,
    test_store,
    test_store_faults,
    test_store_room,
    test_wire,
)
from tests.faults.fleet import Fleet
from tests.faults.test_store_room import overflowed
from tests.faults.verdict import SIZE, Verdict, full, goes_red


@dataclass(frozen=True)
class Given:
    """What a fault may need: the fleets and a directory of its own."""

    quick: Fleet
    fleet: Fleet
    home: Path

    @property
    def switch(self) -> Path:
        return self.home / "switch"


Fault = Callable[[Given, str], Verdict]
ONE_PEER, NO_RETRY = "nginx-with-one-peer", "nginx-without-retries"
"""Defects of nginx's file in place of the server."""
FAULTS: list[tuple[str, str, Fault]] = [
    ("T01", "not-replaced", lambda g, d: test_process.killed(g.quick, d)),
    ("T02", ONE_PEER, lambda g, _: test_process.killed_behind_proxy(g.quick, g.home, peers=1)),
    ("T02", NO_RETRY, lambda g, _: test_process.killed_behind_proxy(g.quick, g.home, retry=False)),
    ("T03", "stock-protocol", lambda g, d: test_process.stopped(g.fleet, d)),
    ("T05", "ungated-roll", lambda g, d: test_rolls.rolled(g.quick, g.home, d, by_signal=True)),
    ("T05", "stock-protocol", lambda g, d: test_rolls.rolled(g.quick, g.home, d)),
    (
        "T06",
        "unchecked-newcomer",
        lambda g, d: test_rolls.failed(g.fleet, g.switch, "wrong", d),
    ),
    ("T08", "halt-at-once", lambda g, d: test_process.irreplaceable(g.fleet, g.switch, d)),
    ("T09", "hang-unnoticed", lambda g, d: test_process.stuck(g.fleet, d)),
    ("R2", "forgotten-batches", lambda g, d: test_memory.without_postgres(g.quick, g.home, d)),
    ("T10", "no-heartbeat-while-draining", lambda g, d: test_process.drained(g.fleet, d)),
    ("T11", "no-look-at-the-supervisor", lambda g, d: test_process.orphaned(g.quick, d)),
    ("T18", "short-keep-alive", lambda g, d: test_wire.idled(g.quick, g.home, d, peers=1)),
    ("T19", "no-deadlines", lambda g, d: test_wire.dripped(g.quick, g.home, d)),
    ("T24", "no-head-limits", lambda g, d: test_framing.framed(g.quick, g.home, d)),
    (
        "T32",
        "redis-awaited",
        lambda g, d: test_redis.harmed(g.fleet, test_redis.HARMS["stopped"], d),
    ),
    ("T33", "replies-left-behind", lambda g, d: test_redis.left(g.fleet, d)),
    ("T34", "values-unchecked", lambda g, d: test_redis.poisoned(g.fleet, g.home, d)),
    ("T26", "forgotten-batches", lambda g, d: test_store.stopped(g.quick, g.home, d)),
    ("T27", "stale-connection", lambda g, d: test_store.killed(g.quick, g.home, d)),
    ("T28", "endless-tries", lambda g, d: test_store.stuck(g.quick, g.home, d)),
    ("T29", "complaint-a-try", lambda g, d: test_store_faults.refused(g.quick, g.home, d)),
    ("T30", "parked-batches", lambda g, d: test_store_faults.poisoned(g.quick, g.home, d)),
    ("T31", "kept-too-late", lambda g, d: test_spool.killed_writers(g.home, d)),
    ("T31", "broken-by-disk", lambda g, d: test_spool.failed_writers(g.home, d)),
    ("T31", "held-by-nobody", lambda g, d: test_spool.slow_writers(g.home, d)),
    ("T31", "removed-too-early", lambda g, d: test_spool.killed_shippers(g.home, d)),
    ("T31", "forgotten-events", lambda g, d: test_spool.killed_shippers(g.home, d)),
    ("T35", "uncounted-drops", lambda g, d: overflowed(g.quick, g.home, "drop_newest", d)),
    ("T35", "unbounded-spool", lambda g, d: overflowed(g.quick, g.home, "drop_oldest", d)),
    ("T36", "slow-store", lambda g, d: test_store_room.costly(g.quick, g.home, d)),
    ("T41", "ready-without-models", lambda g, d: test_faces.unready(g.home, "none", d)),
    ("T46", "no-admission", lambda g, d: test_overload.overloaded(g.fleet, d)),
    ("T47", "slow-models-on-the-loop", lambda g, d: test_overload.burst(g.fleet, d)),
    ("T53", "standing-still", lambda g, d: test_overload.batched(g.quick, d)),
    ("T54", "forgotten-counts", lambda g, d: test_cost.restarted(g.quick, d)),
    ("T62", "costly-check", lambda g, d: test_cost.costly(g.quick, d)),
    ("T66", "open-by-name", lambda g, d: test_faces.crossed(g.quick, g.home, d)),
    ("T68", "told-server", lambda g, d: test_faces.leaky(g.fleet, d)),
    ("T69", "limits-apart", lambda g, d: test_redis.limited(g.quick, g.home, d)),
]


@pytest.fixture
def given(quick: Fleet, fleet: Fleet, nginx: None, tmp_path: Path) -> Given:
    return Given(quick, fleet, tmp_path)


@pytest.mark.skipif(not full(), reason="make test-faults runs it in full")
@pytest.mark.parametrize(
    ("fault", "defect", "made"), FAULTS, ids=[f"{fault}-{defect}" for fault, defect, _ in FAULTS]
)
def test_goes_red(
    fault: str, defect: str, made: Fault, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIZE, "short")
    try:
        verdict = made(given, defect)
    except AssertionError as error:  # it did not come to the end
        verdict = Verdict(fault, "", "", complaints=(str(error),))
    assert verdict.id == fault
    goes_red(verdict, defect)
