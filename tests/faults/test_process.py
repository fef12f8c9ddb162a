"""Workers and servers that are killed, stopped or stuck while requests arrive."""

from __future__ import annotations

import signal
import socket
import time
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.faults.fleet import SLOW, Fleet, doubling
from tests.faults.kills import Killer
from tests.faults.load import Plan
from tests.faults.processes import kill, listeners, state, until
from tests.faults.stack import Proxy, Served, loads
from tests.faults.verdict import Verdict, broken, hold, sized, together
from tests.faults.wayward import LAZY, STUCK
from tests.http.wire import answer, connected, request

CONNECTIONS = 32
PAUSE = (0.01,)
"""Of a caller between two requests, in seconds: a machine without a moment to spare starts no worker."""


def killed(fleet: Fleet, defect: str = "") -> Verdict:
    """kill -9 without a proxy: what the worker had in hand is lost, and nothing else."""
    with Served(fleet, defect=defect) as served:
        killer = Killer(served)
        plan = Plan(served.port, fleet.asks, connections=CONNECTIONS, least=2000, thinks=PAUSE)
        with loads(plan) as (load,):
            killer.strike(load, sized(3, 30))
            outcome = load.result()
        alive = served.process.poll() is None
    most = max(killer.backs)
    return Verdict(
        "T01",
        f"kill -9 of a worker, {len(killer.marks)} times, no proxy",
        f"{CONNECTIONS} connections kept open",
        *together([outcome]),
        f"in the hands of the dead workers; another is there after {most:.1f} s at most",
        broken(
            (alive, "the supervisor ended"),
            (outcome.bad <= CONNECTIONS * len(killer.marks), f"lost more than in hand: {outcome}"),
            (not outcome.failed, f"wrong answers: {outcome}"),
            (not outcome.not_accepted, f"connections refused: {outcome}"),
            (most <= served.boot + 1.5, f"another worker after {most:.1f} s"),
        ),
        defect,
    )


def killed_behind_proxy(
    fleet: Fleet, home: Path, defect: str = "", *, peers: int = 4, retry: bool = True
) -> Verdict:
    """kill -9 behind nginx: no request fails."""
    with Served(fleet, defect=defect) as served:
        killer = Killer(served)
        least = sized(2000, 50_000)
        with Proxy(served.port, home, peers=peers, retry=retry) as proxy:
            plan = Plan(proxy.port, fleet.asks, connections=CONNECTIONS, least=least, thinks=PAUSE)
            with loads(plan) as (load,):
                killer.strike(load, sized(3, 30))
                outcome = load.result()
    return Verdict(
        "T02",
        f"kill -9 of a worker, {len(killer.marks)} times, behind nginx",
        f"{CONNECTIONS} connections kept open",
        *together([outcome]),
        "",
        broken(
            (not outcome.bad, f"lost: {outcome}"),
            (not outcome.turned_away, f"refused: {outcome}"),
            (outcome.sent >= least, f"too few to tell: {outcome.sent}"),
        ),
        defect,
        outcome.ticks,
        tuple(killer.marks),
    )


def until_unready(connection: socket.socket) -> float:
    """Seconds until /readyz is 503, asked on a connection that is open; infinite if it never is."""
    began = time.monotonic()
    status = 200
    while status == 200:
        try:
            connection.sendall(request(b"", "/readyz", "GET"))
            status = answer(connection, "GET").status
        except (OSError, HTTPException):
            return float("inf")
    return time.monotonic() - began if status == 503 else float("inf")


UNREAD = "reset on a new connection"
"""What the kernel took in and no worker has seen ends so when the port is closed."""


def stopped(fleet: Fleet, defect: str = "") -> Verdict:
    """SIGTERM under load: what was accepted is answered, and then the server is gone."""
    lazy = doubling(*(LAZY + 3 + one / 100 for one in range(4)))
    with Served(fleet, defect=defect, PILOTBOAT_QUEUE_MS="15000") as served:
        workers = served.serving()
        quick = Plan(served.port, fleet.asks, connections=CONNECTIONS)
        slow = Plan(served.port, lazy, SLOW, connections=4, seconds=0.2)
        with (
            loads(quick) as (load,),
            loads(slow, wait=False) as (late,),
            connected(served.port) as idle,
        ):
            time.sleep(2)
            began = time.monotonic()
            kill(served.master, signal.SIGTERM)
            unready = until_unready(idle)
            code = served.process.wait(timeout=60)
            took = time.monotonic() - began
            outcomes = [load.stop(), late.result()]
        left = [pid for pid in workers if state(pid) not in ("", "Z")]
        listening = listeners(served.port)
    unread = outcomes[0].lost.get(UNREAD, 0)
    requests, lost, _ = together(outcomes)
    return Verdict(
        "T03",
        "SIGTERM",
        f"{CONNECTIONS} connections kept open, and 4 requests that take 3 s",
        requests,
        lost - unread,
        None,
        f"/readyz 503 after {unready * 1000:.0f} ms, gone after {took:.1f} s; {unread} connections were in the kernel's queue",
        broken(
            (unready <= sized(1.0, 0.1), f"/readyz is 503 after {unready:.2f} s"),
            (lost == unread, f"lost: {outcomes[0]}; {outcomes[1]}"),
            (unread <= CONNECTIONS, f"{unread} new connections were reset"),
            (outcomes[0].sent >= 2000, f"too few to tell: {outcomes[0].sent}"),
            (outcomes[0].kept_s <= began - load.began + 0.5, "connections are kept while stopping"),
            (code == 0, f"exit code {code}"),
            (took <= 25, f"took {took:.1f} s"),
            (not left, f"processes left: {left}"),
            (not listening, "the port is still open"),
        ),
        defect,
    )


def drained(fleet: Fleet, defect: str = "") -> Verdict:
    """SIGTERM while a request takes longer than a worker may be silent: it is answered."""
    lazy = doubling(LAZY + HANG + 4)
    with Served(fleet, defect=defect, PILOTBOAT_HANG_SECONDS=str(HANG)) as served:
        plan = Plan(served.port, lazy, SLOW, connections=1, seconds=0.2)
        with loads(plan, wait=False) as (late,):
            time.sleep(1.5)
            for pid in served.serving():
                kill(pid, signal.SIGTERM)
            outcome = late.result()
    return Verdict(
        "T10",
        f"SIGTERM to a worker whose request takes {HANG + 4} s, where it may hang for {HANG} s",
        "that request",
        outcome.sent,
        outcome.bad,
        complaints=broken((outcome.ok == 1, f"it is not answered: {outcome}")),
        defect=defect,
    )


def irreplaceable(fleet: Fleet, switch: Path, defect: str = "") -> Verdict:
    """A worker is killed, and what would replace it cannot start: the other one goes on."""
    switch.write_text("fine")
    with Served(fleet, defect=defect, FAULT_SWITCH=str(switch)) as served:
        switch.write_text("exit")
        victim, other = served.serving()
        plan = Plan(served.port, fleet.asks, connections=8, least=1000, thinks=PAUSE)
        with loads(plan) as (load,):
            kill(victim)
            time.sleep(sized(6, 60))
            alone = served.serving() == [other]
            ready = served.process.poll() is None and served.client.get("/readyz").is_success
            switch.write_text("fine")
            try:
                served.settle()
                back = True
            except AssertionError:
                back = False
            outcome = load.result() if back else load.stop()
    return Verdict(
        "T08",
        "kill -9 of a worker that no other can replace",
        "8 connections kept open",
        *together([outcome]),
        "in the hands of the dead worker",
        broken(
            (alone and ready, "the other worker does not go on"),
            (back, "it is not replaced when that is possible again"),
            (outcome.bad <= plan.connections, f"lost more than in hand: {outcome}"),
        ),
        defect,
    )


def orphaned(fleet: Fleet, defect: str = "") -> Verdict:
    """kill -9 of the supervisor: its workers do not hold the port."""
    with Served(fleet, defect=defect) as served:
        workers = served.serving()
        kill(served.master)
        served.process.wait(timeout=10)
        try:
            took = until(lambda: not any(state(pid) for pid in workers), 10, "the workers are gone")
        except AssertionError:
            took = float("inf")
            for pid in workers:
                kill(pid)
        free = not listeners(served.port)
    return Verdict(
        "T11",
        "kill -9 of the supervisor",
        "none",
        note=f"workers gone after {took:.1f} s",
        complaints=broken(
            (took <= 5, f"workers are there after {took:.1f} s"),
            (free, "the port is not free"),
        ),
        defect=defect,
    )


HANG = 3


def stuck(fleet: Fleet, defect: str = "") -> Verdict:
    """A worker whose interpreter stands still is replaced, and its log says where it stood."""
    with Served(fleet, defect=defect, PILOTBOAT_HANG_SECONDS=str(HANG)) as served:
        before = set(served.serving())
        plan = Plan(served.port, fleet.asks, connections=8, close=True, least=2000, thinks=(0.002,))
        poison = Plan(served.port, doubling(STUCK), SLOW, connections=1, seconds=0.01)
        with loads(plan) as (load,), loads(poison, wait=False) as (one,):
            began = time.monotonic()
            try:
                until(lambda: bool(before - set(served.descendants())), HANG + 10, "it is killed")
                took = time.monotonic() - began
                served.settle()
            except AssertionError:
                took = float("inf")
            outcome = load.result()
            one.process.kill()
        logged = served.logged()
    return Verdict(
        "T09",
        "a worker that stands still",
        "8 connections, each for one request",
        *together([outcome]),
        f"ended after {took:.1f} s of {HANG} s; in its hands",
        broken(
            (took <= HANG + 2, f"ended after {took:.1f} s"),
            ("wayward.py" in logged and "in predict" in logged, f"no stack in the log: {logged}"),
            (outcome.bad <= plan.connections, f"lost more than it had in hand: {outcome}"),
            (outcome.pause_ms <= 1000, f"the other worker stood still too: {outcome}"),
        ),
        defect,
    )


def test_a_killed_worker_takes_only_what_it_had_in_hand(quick: Fleet) -> None:
    """T01"""
    hold(killed(quick))


@pytest.mark.usefixtures("nginx")
def test_behind_nginx_a_killed_worker_takes_nothing(quick: Fleet, tmp_path: Path) -> None:
    """T02"""
    hold(killed_behind_proxy(quick, tmp_path))


def test_a_stop_loses_nothing(fleet: Fleet) -> None:
    """T03"""
    hold(stopped(fleet))


def test_a_long_request_is_finished(fleet: Fleet) -> None:
    """T10"""
    hold(drained(fleet))


def test_a_worker_that_cannot_start_ends_no_other(fleet: Fleet, tmp_path: Path) -> None:
    """T08"""
    hold(irreplaceable(fleet, tmp_path / "switch"))


def test_a_stuck_worker_is_replaced(fleet: Fleet) -> None:
    """T09"""
    hold(stuck(fleet))


def test_no_worker_outlives_its_supervisor(quick: Fleet) -> None:
    """T11"""
    hold(orphaned(quick))
