"""An outage that is longer than the spool, and what it costs to keep every prediction."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pilotboat
from tests.factories import RECORD
from tests.faults.fleet import Asks, Fleet
from tests.faults.keeping import (
    MEGABYTE,
    Keeping,
    Sampler,
    in_database,
    in_file,
    migrated,
    patiently,
)
from tests.faults.load import Plan
from tests.faults.outcome import Outcome, quantile
from tests.faults.processes import until
from tests.faults.stack import Served, put
from tests.faults.verdict import Verdict, broken, hold, sized, together
from tests.postgres import Postgres

MANY = 20
"""Rows of one request, so that a spool is full soon."""
PATH = "/v1/models/titanic:predict"
CONNECTIONS = 16
DROPPED = "pilotboat_prediction_log_dropped_rows_total"
COSTS = 0.4
"""Share of the throughput of the fastest model that keeping predictions may cost, where the callers, the
workers and what stores them have two processors together, and use them up."""


def tables(fleet: Fleet) -> Asks:
    """Requests of many rows."""
    model = pilotboat.load(fleet.path / "titanic" / "1")
    made = []
    for age in (4.0, 22.0, 61.0):
        rows = [RECORD | {"age": age + row} for row in range(MANY)]
        made.append((json.dumps({"instances": rows}), model.predict(rows).predictions.tolist()))
    return tuple(made)


def overflowed(fleet: Fleet, home: Path, policy: str, defect: str = "") -> Verdict:
    """An outage in which more comes than may wait."""
    most = sized(2, 16) * MEGABYTE
    rate = sized(250.0, 500.0)
    with Postgres(durable=True) as server:
        url = migrated(server)
        room = {
            "PILOTBOAT_PREDICTION_LOG_MAX_BYTES": str(most),
            "PILOTBOAT_PREDICTION_LOG_WHEN_FULL": policy,
        }
        with Keeping(fleet, home, url, defect=defect, **room) as kept:
            warm = put(Plan(kept.port, tables(fleet), PATH, rate=50.0, seconds=2))
            server.stop("fast")
            seconds = 3 * most / (rate * MANY * 110)  # a row takes some 110 bytes
            plan = Plan(kept.port, tables(fleet), PATH, rate=rate, seconds=seconds)
            with Sampler(kept) as sampler:
                outcome = put(plan)
            others = [
                kept.client.get(path).status_code for path in ("/livez", "/readyz", PATH[:18])
            ]
            server.start()
            patiently(lambda: kept.drained(60))
            rows, different, _ = in_database(server, url)
            answered = (outcome.ok + warm.ok) * MANY
            counts = patiently(
                lambda: until(lambda: rows + kept.counted(DROPPED) == answered, 5, "counted")
            )
            dropped = kept.counted(DROPPED)
    grown = max(sampler.sizes) - min(sampler.sizes[:4])
    rejects = policy == "reject_503"
    return Verdict(
        "T35",
        f"an outage that is three times as long as {most // MEGABYTE} MiB last, {policy}",
        f"{rate:.0f} requests/s of {MANY} rows",
        *together([outcome]),
        f"{rows:,} rows stored, {dropped:,.0f} dropped and counted, {outcome.turned_away:,} requests "
        f"refused; at most {max(sampler.spools) / MEGABYTE:.1f} MiB; memory +{grown / MEGABYTE:.1f} MiB",
        broken(
            (not outcome.bad, f"failed: {outcome}"),
            (rows == different, f"{rows} rows, {different} different"),
            (counts < 5, f"{rows} rows and {dropped:.0f} dropped, of {answered} answered"),
            (max(sampler.spools) <= most, f"the spool has {max(sampler.spools)} bytes"),
            (grown <= 16 * MEGABYTE, f"memory +{grown / MEGABYTE:.0f} MiB"),
            (bool(outcome.turned_away) == rejects, f"refused: {outcome}"),
            (bool(dropped) != rejects, f"dropped: {dropped}"),
            (set(outcome.refused) <= {"503"}, f"refused: {outcome}"),
            (set(others) == {200}, f"others are refused: {others}"),
        ),
        defect,
    )


def costly(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """As many requests as there can be: each is kept, soon, and not at the cost of many."""
    seconds = sized(4, 20)
    rates: dict[bool, list[float]] = {False: [], True: []}
    outcomes = []
    with Keeping(fleet, home, defect=defect) as kept, Served(fleet, defect=defect) as plain:
        for _ in range(sized(2, 6)):
            for keeps, served in ((False, plain), (True, kept)):
                outcome = closed(served, fleet, seconds)
                rates[keeps].append(outcome.rate)
                outcomes += [outcome] if keeps else []
        with Sampler(kept) as sampler:
            outcomes.append(closed(kept, fleet, sized(6, 600)))
        patiently(lambda: kept.drained(60))
        rows, different, _ = in_file(kept)
    usual, keeping = (quantile(rates[keeps], 0.5) for keeps in (False, True))
    cost = 1 - keeping / usual
    lag = quantile(sampler.lags, 0.99)
    requests, lost, _ = together(outcomes)
    right = sum(one.ok for one in outcomes)
    return Verdict(
        "T36",
        "every prediction is kept, in SQLite",
        f"{CONNECTIONS} connections without a pause, {outcomes[-1].rate:.0f} requests/s",
        requests,
        lost,
        None,
        f"stored after {lag:.1f} s (p99); {usual:.0f} requests/s without, {keeping:.0f} with: "
        f"{cost:.0%} of the throughput",
        broken(
            (rows == different == right, f"{rows} rows, {different} different, {right} answers"),
            (lag <= sized(8, 2), f"stored after {lag:.1f} s"),
            (cost <= sized(0.5, COSTS), f"it costs {cost:.0%}"),
        ),
        defect,
    )


def closed(served: Served, fleet: Fleet, seconds: float) -> Outcome:
    return put(Plan(served.port, fleet.asks, connections=CONNECTIONS, seconds=seconds))


@pytest.mark.parametrize("policy", ["drop_newest", "drop_oldest", "reject_503"])
def test_an_outage_that_is_too_long_costs_what_was_promised(
    quick: Fleet, tmp_path: Path, policy: str
) -> None:
    """T35"""
    hold(overflowed(quick, tmp_path, policy))


def test_keeping_every_prediction_costs_little(quick: Fleet, tmp_path: Path) -> None:
    """T36"""
    hold(costly(quick, tmp_path))
