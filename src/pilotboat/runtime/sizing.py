"""How many workers of how many threads: from what the process may use, not from what the machine has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

from pilotboat.cgroup import Allowed
from pilotboat.runtime.capacity import MIB, Need

NUMERIC = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""What numeric libraries read, once, when they are imported: how many threads they start."""
MOST = 256
"""As many workers as the setting may name."""

Asked = int | Literal["auto"]


@dataclass(frozen=True, slots=True)
class Sizing:
    """Workers, the threads of each, why so many of either, and what speaks against it."""

    workers: int
    threads: int
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        each = " each" if self.workers > 1 else ""
        return (
            f"{_count(self.workers, 'worker')} of {_count(self.threads, 'thread')}{each}: "
            f"{'; '.join(self.reasons)}"
        )


def plan(
    allowed: Allowed,
    need: Need,
    *,
    supervised: bool,
    workers: Asked = "auto",
    threads: Asked = "auto",
    environ: Mapping[str, str],
) -> Sizing:
    """As many workers as processors, fewer where memory carries no more; what is asked for wins.

    supervised: whether a process of its own starts them; else there is one worker.
    """
    reasons = [_processors(allowed)]
    made: int
    if not supervised:
        made = 1
        reasons.append("one process without a supervisor")
    elif workers == "auto":
        wanted = min(max(1, ceil(allowed.processors)), MOST)
        made = carried(allowed, need, wanted)
        if made < wanted:
            reasons.append(_memory(allowed, need, made + 1))
    else:
        made = workers
        reasons.append("as many workers as asked for")
    given = numeric(environ)
    if threads != "auto":
        each = threads
        reasons.append("as many threads as asked for")
    elif given:
        variable, each = given
        reasons.append(f"threads by {variable}")
    else:
        each = max(1, int(allowed.processors / made))
    against = tuple(_warnings(allowed, need, made, each, supervised=supervised))
    return Sizing(made, each, tuple(reasons), against)


def carried(allowed: Allowed, need: Need, wanted: int) -> int:
    """How many workers the memory carries, of those that are wanted; at least one."""
    if allowed.memory is None:
        return wanted
    fit = (one for one in range(wanted, 1, -1) if need.of(one, supervised=True) <= allowed.memory)
    return next(fit, 1)


def numeric(environ: Mapping[str, str]) -> tuple[str, int] | None:
    """The first of `NUMERIC` that the environment sets to a number, and that number."""
    for name in NUMERIC:
        text = environ.get(name, "").strip()
        if text.isdecimal() and int(text):
            return name, int(text)
    return None


def variables(sizing: Sizing, environ: Mapping[str, str], *, asked: bool) -> dict[str, str]:
    """What to set before a numeric library is imported. asked: the threads; then nothing else counts."""
    missing = [name for name in NUMERIC if asked or not environ.get(name, "").strip()]
    return dict.fromkeys(missing, str(sizing.threads))


def _processors(allowed: Allowed) -> str:
    if allowed.quota is not None and allowed.quota <= allowed.affinity:
        return f"{_number(allowed.quota)} by the control group's quota"
    return f"{_number(allowed.affinity)} by affinity"


def _memory(allowed: Allowed, need: Need, more: int) -> str:
    by = "available" if allowed.limit is None else "allowed"
    have = (allowed.memory or 0) // MIB
    wanted = need.of(more, supervised=True) // MIB
    return f"{have} MiB of memory {by}, {more} workers need about {wanted} MiB"


def _warnings(
    allowed: Allowed, need: Need, workers: int, threads: int, *, supervised: bool
) -> list[str]:
    found = []
    busy = workers * threads
    if allowed.processors < 1:
        fewer = "" if workers == 1 else f" The {workers} workers share it: one would do."
        found.append(
            f"Only {allowed.processors:.2g} of a processor is allowed here: "
            f"starting and answering take long.{fewer}"
        )
    elif busy > ceil(allowed.processors):
        what = _count(workers, "worker") if threads == 1 else f"{workers} x {threads} threads"
        found.append(f"{what} for {_number(allowed.processors)}: they wait for each other.")
    needed = need.of(workers, supervised=supervised)
    if allowed.limit is None and allowed.available is not None and needed > allowed.available:
        found.append(
            f"{_count(workers, 'worker')} need about {needed // MIB} MiB of memory, "
            f"and {allowed.available // MIB} MiB are available."
        )
    return found


def _number(processors: float) -> str:
    return f"{processors:.3g} processor{'' if processors == 1 else 's'}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
