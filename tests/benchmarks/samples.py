"""Visits with figures that are easy to calculate with."""

from __future__ import annotations

from benchmarks.load import Load
from benchmarks.report import Results
from benchmarks.rounds import Failure, Visit


def load(rate: float, cpu_ms: float = 1.0, refused: int = 0) -> Load:
    """Two seconds of so many requests a second."""
    requests = round(rate * 2) + refused
    return Load(requests, 2.0, 1.5, 9.5, refused=refused, broken=0, cpu_ms=cpu_ms)


def visit(server: str, number: int, rate: float, rows: float | None = None) -> Visit:
    """Twice the rate at 16 connections."""
    loads = {1: load(rate), 16: load(rate * 2, cpu_ms=1000 / rate)}
    return Visit("lr", server, number, 2.0, 300.0, rows, loads, 0.5)


def results() -> Results:
    """Three rounds of two servers, and one that could not be started."""
    made = Results({"Python": "3.13"}, {"pilotboat": "0.1.0"}, {"lr": "plan"})
    for number, (base, own) in enumerate([(100, 5_000), (50, 5_000), (100, 4_000)], 1):
        made.add(visit("fastapi", number, base, rows=10_000))
        made.add(visit("pilotboat", number, own))
    made.add(Failure("lr", "ray", "it ended at once: a|b\nc"))
    return made
