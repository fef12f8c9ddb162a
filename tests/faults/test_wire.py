"""Connections that are idle, and those that take their time."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

from tests.faults.attack import ENDLESS_BODY, ENDLESS_HEAD, Dripped, swarm
from tests.faults.fleet import Fleet
from tests.faults.load import Plan
from tests.faults.stack import Proxy, Served, loads
from tests.faults.verdict import Verdict, broken, hold, sized, together


def gaps() -> list[float]:
    """Seconds of idleness, on both sides of every time at which somebody closes a connection."""
    short = [0.5 + 0.25 * step for step in range(sized(14, 30))]
    near = [limit + 0.25 * step for limit in (60, 75) for step in range(-2, 3)]
    return short + sized([], near)


def idled(fleet: Fleet, home: Path, defect: str = "", *, peers: int = 4) -> Verdict:
    """The connections of callers, or those of an nginx each, are idle for the same time every time."""
    with Served(fleet, defect=defect) as served, ExitStack() as stack:
        plans = []
        for number, gap in enumerate(gaps()):
            direct = number % 3 == 0
            proxy = None if direct else stack.enter_context(Proxy(served.port, home, peers=peers))
            plans.append(
                Plan(
                    served.port if proxy is None else proxy.port,
                    fleet.asks,
                    connections=sized(32, 64),
                    close=not direct,  # it is nginx's own connections that are idle
                    seconds=sized(11.0, 160.0),
                    thinks=(gap,),
                )
            )
        outcomes = [load.result() for load in stack.enter_context(loads(*plans))]
    lost = [
        f"idle for {plan.thinks[0]} s: {one}"
        for plan, one in zip(plans, outcomes, strict=True)
        if one.bad
    ]
    requests, bad, _ = together(outcomes)
    return Verdict(
        "T18",
        f"idle connections, {min(gaps())} s to {max(gaps())} s",
        f"{len(plans)} times {plans[0].connections} connections, most through nginx",
        requests,
        bad,
        note="",
        complaints=broken(
            (not lost, "lost: " + "; ".join(lost)),
            (requests >= sized(2000, 20_000), f"too few to tell: {requests}"),
        ),
        defect=defect,
    )


HEAD_SECONDS, BODY_SECONDS = 12, 30
"""Within which a head, and a small body, must have arrived."""


def dripped(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """Senders of a byte every five seconds are closed, and others do not notice them."""
    count = sized(60, 250)
    with Served(fleet, defect=defect) as served, Proxy(served.port, home) as proxy:
        rate = sized(100.0, 400.0)
        plans = [
            Plan(port, fleet.asks, rate=rate, least=1000) for port in (served.port, proxy.port)
        ]
        with loads(*plans) as running:
            heads, bodies, through = asyncio.run(attacked(served.port, proxy.port, count))
            outcomes = [load.result() for load in running]
    slowest = [max(one.seconds for one in group) for group in (heads, bodies, through)]
    statuses = {one.status for group in (heads, bodies) for one in group}
    return Verdict(
        "T19",
        f"{3 * count} senders of a byte every 5 s: of heads, of bodies, and of heads to nginx",
        f"{rate:.0f} requests/s directly and through nginx",
        *together(outcomes),
        f"closed after {slowest[0]:.1f}, {slowest[1]:.1f} and {slowest[2]:.1f} s",
        broken(
            (slowest[0] <= HEAD_SECONDS, f"a slow head is there after {slowest[0]:.1f} s"),
            (slowest[1] <= BODY_SECONDS, f"a slow body is there after {slowest[1]:.1f} s"),
            (slowest[2] <= HEAD_SECONDS, f"nginx keeps a slow head for {slowest[2]:.1f} s"),
            (statuses == {408}, f"slow senders get {sorted(statuses)}"),
            (not any(o.bad or o.turned_away for o in outcomes), f"{outcomes[0]}; {outcomes[1]}"),
        ),
        defect,
    )


async def attacked(direct: int, proxied: int, count: int) -> tuple[list[Dripped], ...]:
    """Slow heads and bodies to the server, and slow heads to nginx."""
    return await asyncio.gather(
        swarm(direct, ENDLESS_HEAD, count, patience=HEAD_SECONDS + 3),
        swarm(direct, ENDLESS_BODY, count, patience=BODY_SECONDS + 3),
        swarm(proxied, ENDLESS_HEAD, count, patience=HEAD_SECONDS + 3),
    )


def test_idle_connections_lose_nothing(quick: Fleet, nginx: None, tmp_path: Path) -> None:
    """T18"""
    hold(idled(quick, tmp_path))


def test_slow_senders_are_closed_and_harm_nobody(quick: Fleet, nginx: None, tmp_path: Path) -> None:
    """T19"""
    hold(dripped(quick, tmp_path))
