"""More requests than can be answered."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

from tests.faults.attack import flood, idle, probed
from tests.faults.fleet import SLOW, Fleet, doubling
from tests.faults.load import Plan
from tests.faults.outcome import Outcome, quantile
from tests.faults.stack import Served, loads, put
from tests.faults.verdict import Verdict, broken, hold, sized, together

ROWS = doubling(*range(1, 10))


def capacity(served: Served) -> Outcome:
    """What the slow model can do at most, with as many callers as keep it busy."""
    return put(Plan(served.port, ROWS, SLOW, connections=16, seconds=sized(3.0, 10.0)))


def overloaded(fleet: Fleet, defect: str = "") -> Verdict:
    """Five times the capacity: as much is answered as ever, and the rest is refused at once."""
    with Served(fleet, defect=defect) as served:
        most = capacity(served)
        seconds = sized(4.0, 60.0)
        plan = Plan(served.port, ROWS, SLOW, connections=400, rate=5 * most.rate, seconds=seconds)
        over = put(replace(plan, timeout=5.0))
        after = put(replace(plan, connections=16, rate=most.rate / 2, seconds=4.0))
    good = over.ok / seconds
    others = over.bad or set(over.refused) - {"503"}
    late = [tick for tick in after.ticks[20:] if tick[1] or tick[2]]
    return Verdict(
        "T46",
        "five times the capacity",
        f"{plan.rate or 0:.0f} requests/s where {most.rate:.0f} can be answered",
        over.sent,
        over.bad,
        over.pause_ms,
        f"{good:.0f} answered a second; the rest refused, p99 {over.refused_p99_ms:.0f} ms",
        broken(
            (good >= 0.9 * most.rate, f"only {good:.0f} of {most.rate:.0f} a second: {over}"),
            (not others, f"more than 503: {over}"),
            (over.refused_p99_ms <= 50, f"refusals take {over.refused_p99_ms:.0f} ms"),
            (not over.unsent, f"{over.unsent} were never taken"),
            (not late, f"not back to normal after 2 s: {after}"),
        ),
        defect,
    )


def burst(fleet: Fleet, defect: str = "") -> Verdict:
    """A burst, a flood of connections and idle ones at once: the server says that it is alive."""
    with Served(fleet, defect=defect) as served:
        rate = sized(1500.0, 4000.0)
        plan = Plan(served.port, ROWS, SLOW, connections=400, rate=rate, seconds=5, timeout=5.0)
        good = Plan(served.port, fleet.asks, connections=4, rate=200.0, seconds=6, least=1000)
        with loads(plan, good) as (load, other):
            took = probed(
                served.port,
                "/livez",
                [
                    partial(idle, served.port, sized(500, 5000), 5.0),
                    partial(flood, served.port, sized(300, 2000), 5.0),
                ],
            )
            outcome, usual = load.result(), other.result()
        alive = served.process.poll() is None and len(served.serving()) == served.workers
    worst = quantile(took, 0.99) * 1000
    others = outcome.bad or usual.bad or set(outcome.refused) - {"503"}
    return Verdict(
        "T47",
        f"a burst, {sized(300, 2000)} connections opened a second, {sized(500, 5000)} idle ones",
        f"{rate:.0f} requests/s to a slow model, 200 to another",
        *together([outcome, usual]),
        f"/livez p99 {worst:.0f} ms over {len(took)} probes",
        broken(
            (alive, "a worker is gone"),
            (worst <= 200, f"/livez p99 is {worst:.0f} ms"),
            (not others, f"{outcome}; {usual}"),
            (usual.ok >= 0.9 * usual.sent, f"the other model suffers: {usual}"),
        ),
        defect,
    )


def batched(fleet: Fleet, defect: str = "") -> Verdict:
    """A large batch next to single rows."""
    row = json.loads(fleet.asks[0][0])
    body = json.dumps({"instances": [row] * 10_000})
    answer = [fleet.asks[0][1]] * 10_000
    with Served(fleet, defect=defect, workers=1) as served:  # the batch has nowhere else to go
        single = Plan(served.port, fleet.asks, connections=16, rate=300.0, seconds=sized(7.0, 30.0))
        path = "/v1/models/titanic:predict"
        asks = ((body, answer),)
        seconds = single.seconds
        large = Plan(served.port, asks, path, connections=1, seconds=seconds, thinks=(0.25,))
        before = put(single)
        with loads(single, large) as (one, other):
            during, batches = one.result(), other.result()
    bound = 3 * before.p99_ms + 20
    return Verdict(
        "T53",
        "batches of 10,000 rows, about three a second",
        f"{single.rate:.0f} single rows a second, one worker",
        *together([during, batches]),
        f"p99 of single rows {during.p99_ms:.0f} ms, {before.p99_ms:.0f} ms without; "
        f"{batches.ok} batches",
        broken(
            (not during.bad and not batches.bad, f"{during}; {batches}"),
            (
                during.p99_ms <= bound or not batches.ok,
                f"p99 {during.p99_ms:.0f} ms where {bound:.0f} ms are allowed",
            ),
        ),
        defect,
    )


def test_overload_is_refused_and_costs_nothing(fleet: Fleet) -> None:
    """T46"""
    hold(overloaded(fleet))


def test_a_burst_leaves_the_server_alive(fleet: Fleet) -> None:
    """T47"""
    hold(burst(fleet))


def test_a_large_batch_leaves_room_for_single_rows(fleet: Fleet) -> None:
    """T53"""
    hold(batched(fleet))
