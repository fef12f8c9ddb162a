"""Rolls: every worker is replaced by a new one while requests arrive."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet
from tests.faults.load import Plan
from tests.faults.processes import Watch, kill, until
from tests.faults.stack import Proxy, Served, loads
from tests.faults.verdict import Verdict, broken, full, hold, sized, together

CONNECTIONS = 6
PAUSE = (0.01,)
"""Of most callers between two requests, in seconds: a machine that is busy starts no worker."""
MODES = ("direct, new", "direct, kept open", "nginx with one peer", "nginx as shipped")
"""New: a connection for each request."""


def rolled(fleet: Fleet, home: Path, defect: str = "", *, by_signal: bool = False) -> Verdict:
    """Full rolls, one after the other as long as there are requests, on four ways at once."""
    least, seconds = sized(2000, 25_000), sized(8.0, 75.0)
    with (
        Served(fleet, defect=defect) as served,
        Proxy(served.port, home, peers=1) as plain,
        Proxy(served.port, home) as shipped,
    ):
        ports = (served.port, served.port, plain.port, shipped.port)
        plans = plans_of(ports, fleet)
        with Watch(served.master, served.port) as watch, loads(*plans) as running:
            marks: list[float] = []
            faults: list[str] = []
            while len(marks) < 3 or time.monotonic() - running[0].began < seconds:
                marks.append(time.monotonic() - running[0].began)
                faults += roll(served, by_signal=by_signal)
            outcomes = [load.result() for load in running]
    modes = list(zip(MODES, outcomes, strict=True))
    lost = [f"{mode}: {one}" for mode, one in modes if one.bad]
    refused = sum(one.turned_away for one in outcomes)
    told = ", ".join(f"{mode}: {one.sent:,}" for mode, one in modes)
    return Verdict(
        "T05",
        "rolls, one after the other" + (", by SIGHUP" if by_signal else ""),
        f"{CONNECTIONS} connections on each of four ways ({told})",
        *together(outcomes),
        f"{len(marks)} rolls; never fewer than {watch.fewest} workers ready",
        broken(
            (not faults, "; ".join(faults)),
            (not lost, "lost: " + "; ".join(lost)),
            (not refused, f"{refused} refused"),
            (watch.fewest >= served.workers, f"only {watch.fewest} workers were ready"),
            (all(one.sent >= least for one in outcomes), f"too few to tell: {told}"),
        ),
        defect,
        outcomes[1].ticks,
        tuple(marks),
    )


def plans_of(ports: tuple[int, ...], fleet: Fleet) -> list[Plan]:
    """A load for each of the ways, until it is told to end."""
    return [
        Plan(
            port,
            fleet.asks,
            connections=CONNECTIONS,
            close=not place,
            thinks=PAUSE if place != 1 else (),
        )
        for place, port in enumerate(ports)
    ]


def roll(served: Served, *, by_signal: bool) -> list[str]:
    """Replace every worker, and wait until that is done; what was wrong with it."""
    before = set(served.serving())
    if by_signal:
        kill(served.master, signal.SIGHUP)
    else:
        done = served.reload()
        if done.returncode:
            return [f"reload: exit code {done.returncode}, {done.stderr.strip()}"]
    try:
        until(lambda: not before & set(served.descendants()), 60, "the old workers are gone")
        served.settle()
    except AssertionError as error:
        return [str(error)]
    return []


STAGES = {
    "import": "fails when it is imported",
    "hang": "not ready",
    "exit": "ended while",
    "wrong": "golden",
}
"""What a release does when it is loaded, and words of what the operator is told."""
BOOT = 20


def failed(fleet: Fleet, switch: Path, mode: str, defect: str = "") -> Verdict:
    """A roll to a release that cannot serve: the old workers go on."""
    switch.write_text("fine")
    with Served(
        fleet, defect=defect, FAULT_SWITCH=str(switch), PILOTBOAT_BOOT_SECONDS=str(BOOT)
    ) as served:
        before = served.serving()
        plan = Plan(served.port, fleet.asks, connections=CONNECTIONS, least=500, thinks=PAUSE)
        with Watch(served.master, served.port) as watch, loads(plan) as (load,):
            switch.write_text(mode)
            began = time.monotonic()
            done = served.reload()
            took = time.monotonic() - began
            time.sleep(1)
            after, fewest = served.serving(), watch.fewest
            switch.write_text("fine")
            again = served.reload()
            outcome = load.result()
    return Verdict(
        "T06",
        f"a roll to a release that fails: {mode}",
        f"{CONNECTIONS} connections kept open",
        *together([outcome]),
        f"given up after {took:.1f} s",
        broken(
            (done.returncode == 4, f"exit code {done.returncode}: {done.stderr}"),
            (STAGES[mode] in done.stderr, f"reload says: {done.stderr}"),
            (took <= BOOT + 10, f"given up after {took:.1f} s"),
            (after == before, f"workers {before} became {after}"),
            (fewest >= served.workers, f"only {fewest} workers were ready"),
            (not outcome.bad, f"lost: {outcome}"),
            (again.returncode == 0, f"the next roll fails too: {again.stderr}"),
        ),
        defect,
    )


def test_rolls_lose_nothing(quick: Fleet, nginx: None, tmp_path: Path) -> None:
    """T05"""
    hold(rolled(quick, tmp_path))


@pytest.mark.parametrize("mode", sized(["wrong"], list(STAGES)))
def test_a_release_that_fails_is_not_rolled_out(fleet: Fleet, tmp_path: Path, mode: str) -> None:
    """T06"""
    hold(failed(fleet, tmp_path / "switch", mode))


@pytest.mark.skipif(not full(), reason="make test-faults runs it in full")
def test_a_roll_by_signal_loses_nothing(quick: Fleet, nginx: None, tmp_path: Path) -> None:
    """T05"""
    hold(rolled(quick, tmp_path, by_signal=True))
