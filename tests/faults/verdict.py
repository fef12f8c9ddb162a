"""What a fault did, in the form that the report shows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from tests.faults.outcome import Outcome

SIZE = "PILOTBOAT_TEST_FAULTS"
"""short: a few thousand requests for each fault. full: the promised numbers."""
T = TypeVar("T")
ROOT = Path(__file__).parents[2]
RESULTS = Path(os.environ.get("PILOTBOAT_FAULTS_RESULTS") or ROOT / ".tools" / "faults.jsonl")


@dataclass(frozen=True)
class Verdict:
    """One row of the fault table. complaints: what broke a promise; none: it holds.

    id: of the table in docs/faults.md. lost: requests without a complete, right answer, which were not
    refused as they may be. ticks and marks: a timeline, and the seconds at which the fault struck.
    """

    id: str
    fault: str
    load: str
    requests: int = 0
    lost: int = 0
    pause_ms: float | None = None
    note: str = ""
    complaints: tuple[str, ...] = ()
    defect: str = ""
    ticks: tuple[tuple[int, int, int, float], ...] = ()
    marks: tuple[float, ...] = ()


def full() -> bool:
    """Whether the promised numbers are wanted."""
    return os.environ.get(SIZE) == "full"


def sized(short: T, long: T) -> T:
    """The number for the size that is run."""
    return long if full() else short


def broken(*checks: tuple[bool, str]) -> tuple[str, ...]:
    """The words of the checks that do not hold."""
    return tuple(words for holds, words in checks if not holds)


def together(outcomes: Iterable[Outcome]) -> tuple[int, int, float]:
    """Requests, those without a right answer, and the longest pause, over several loads."""
    every = list(outcomes)
    return sum(o.sent for o in every), sum(o.bad for o in every), max(o.pause_ms for o in every)


def record(verdict: Verdict) -> None:
    """Add a row to the results."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(asdict(verdict)) + "\n")


def hold(verdict: Verdict) -> None:
    """Every promise is kept."""
    record(verdict)
    assert not verdict.complaints, "; ".join(verdict.complaints)


def goes_red(verdict: Verdict, defect: str) -> None:
    """The test notices the defect that was built in."""
    record(replace(verdict, defect=defect))
    assert verdict.complaints, f"{verdict.id} does not notice {defect}"
