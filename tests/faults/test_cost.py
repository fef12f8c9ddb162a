"""What a request may cost, whatever is in it; and what the metrics cost after many restarts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx

from tests.factories import RECORD
from tests.faults.fleet import Fleet
from tests.faults.load import Plan
from tests.faults.outcome import quantile
from tests.faults.processes import cpu_seconds, kill, until
from tests.faults.stack import Served, loads
from tests.faults.verdict import Verdict, broken, hold, sized, together

MEGABYTE = 2**20
PER_MEGABYTE = 0.25
"""Seconds of processor time that a megabyte of any body may cost."""
TRIES = 3
"""A processor that is shared counts more seconds at times; what is costly is so each time."""


def bodies() -> Iterator[tuple[str, bytes]]:
    """The worst that callers can think of, a megabyte or more each."""
    keys = ",".join(f'"k{number}":{number}' for number in range(100_000))
    yield "100,000 keys", b"{%b}" % keys.encode()
    yield "a string of 9 MB", json.dumps(RECORD | {"sex": "x" * 9 * MEGABYTE}).encode()
    yield "escapes", b'{"sex":"' + b"\\u0041" * (MEGABYTE // 3) + b'"}'
    yield "a number of a million digits", b'{"age":' + b"9" * MEGABYTE + b"}"
    yield "a fraction of a million digits", b'{"age":0.' + b"1" * MEGABYTE + b"}"
    yield "arrays in arrays", b"[" * (2 * MEGABYTE)
    yield "arrays beside arrays", b"[" + b"[]," * MEGABYTE + b"[]]"
    yield "objects in objects", b'{"a":' * (MEGABYTE // 2)
    yield "a million empty records", b'{"instances":[' + b"{}," * 999_999 + b"{}]}"
    yield "a million numbers", b'{"instances":[' + b"1," * 999_999 + b"1]}"
    row = json.dumps(RECORD | {"sex": "neither"})
    yield "10,000 faulty rows", b'{"instances":[' + ",".join([row] * 10_000).encode() + b"]}"
    extra = ",".join(f'"sx{number}":1' for number in range(100_000))
    yield "names that are nearly right", row[:-1].encode() + b"," + extra.encode() + b"}"
    collide = ",".join(f'"{number * (2**61 - 1)}":1' for number in range(1, 50_000))
    yield "keys that may collide", b"{%b}" % collide.encode()
    yield "spaces", b" " * (4 * MEGABYTE) + json.dumps(RECORD).encode()


def costly(fleet: Fleet, defect: str = "") -> Verdict:
    """The processor time of each of these bodies."""
    complaints, worst, count = [], 0.0, 0
    with Served(fleet, defect=defect) as served:
        workers = served.serving()
        for name, body in bodies():
            for path in ("/predict", "/v1/models/titanic:predict"):
                for _ in range(TRIES):
                    before = sum(map(cpu_seconds, workers))
                    headers = {"content-type": "application/json"}
                    reply = served.client.post(path, content=body, headers=headers)
                    used = sum(map(cpu_seconds, workers)) - before
                    rate, count = used / (len(body) / MEGABYTE), count + 1
                    if reply.status_code >= 500 or reply.elapsed.total_seconds() > 20:
                        complaints.append(f"{name} to {path}: {reply.status_code}")
                    if rate <= PER_MEGABYTE:
                        break
                else:
                    complaints.append(f"{name} to {path}: {rate:.2f} s a megabyte")
                worst = max(worst, rate)
    return Verdict(
        "T62",
        "bodies that are made to be costly",
        f"{count} of 1 to 9 MB, one after the other",
        count,
        0,
        note=f"at most {worst * 1000:.0f} ms of a processor for a megabyte",
        complaints=tuple(complaints),
        defect=defect,
    )


def counters(text: str) -> dict[str, float]:
    """The counters on a page of metrics."""
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    found = {}
    for line in text.splitlines():
        sample, _, value = line.rpartition(" ")
        name = sample.partition("{")[0]
        family = re.sub(r"_(bucket|count|sum|total)$", "", name)
        if "counter" in (kinds.get(name), kinds.get(family)) or kinds.get(family) == "histogram":
            found[sample] = float(value)
    return found


def seen(served: Served) -> httpx.Response:
    """The page of metrics, from a worker that lives."""
    with httpx.Client(timeout=30) as client:
        return client.get(f"{served.url}/metrics")


def restarted(fleet: Fleet, defect: str = "") -> Verdict:
    """Workers that end again and again leave no trace in the metrics but their count."""
    times = sized(16, 1000)
    complaints: list[str] = []
    largest = 0
    with Served(fleet, defect=defect) as served:
        plan = Plan(served.port, fleet.asks, connections=2, least=2000, thinks=(0.01,))
        with loads(plan) as (load,):
            before: dict[str, float] = {}
            for _ in range(times):
                served.settle()
                old = served.serving()[0]
                kill(old)
                until(lambda old=old: old not in served.descendants(), 10, "it has ended")  # type: ignore[misc]
                page = seen(served)
                largest = max(largest, len(page.content))
                now = counters(page.text)
                fallen = [name for name in before if now.get(name, 0.0) < before[name]]
                complaints += [f"{name} fell" for name in fallen[:3]]
                before = now
            outcome = load.result()
        served.settle()
        usual = quantile([seen(served).elapsed.total_seconds() for _ in range(20)], 0.5)
        restarts = sum(v for k, v in before.items() if k.startswith("pilotboat_worker_restarts"))
    return Verdict(
        "T54",
        f"{times} workers killed, one after the other",
        "2 connections, and /metrics after each",
        *together([outcome]),
        f"in their hands; /metrics then takes {usual * 1000:.0f} ms and has {largest / 1024:.0f} KiB",
        broken(
            (not complaints, "; ".join(complaints[:5])),
            (largest <= MEGABYTE, f"/metrics has {largest} bytes"),
            (usual <= 0.05, f"/metrics takes {usual:.3f} s"),
            (restarts >= times - 1, f"{restarts} restarts are counted, and {times} were"),
            (outcome.bad <= 2 * times, f"lost: {outcome}"),
        ),
        defect,
    )


def test_no_body_costs_more_than_it_may(quick: Fleet) -> None:
    """T62"""
    hold(costly(quick))


def test_restarts_leave_the_metrics_as_they_were(quick: Fleet) -> None:
    """T54"""
    hold(restarted(quick))
