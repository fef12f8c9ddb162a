from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from pilotboat.cgroup import Allowed
from pilotboat.runtime.capacity import MIB, Need
from pilotboat.runtime.sizing import MOST, NUMERIC, Sizing, carried, plan, variables

SMALL = Need(40 * MIB, 0, 0)
LARGE = Need(150 * MIB, 850 * MIB, 500 * MIB)


def planned(allowed: Allowed, need: Need = SMALL, **given: Any) -> Sizing:
    options: dict[str, Any] = {"supervised": True, "environ": {}}
    return plan(allowed, need, **(options | given))


@pytest.mark.parametrize(
    ("affinity", "quota", "workers", "threads"),
    [
        (8, None, 8, 1),
        (8, 2.0, 2, 1),
        (8, 2.1, 3, 1),
        (2, 8.0, 2, 1),
        (8, 0.5, 1, 1),
        (1, None, 1, 1),
        (1000, None, MOST, 3),
    ],
)
def test_as_many_workers_as_processors(
    affinity: int, quota: float | None, workers: int, threads: int
) -> None:
    """F16"""
    made = planned(Allowed(affinity, quota))
    assert (made.workers, made.threads) == (workers, threads)


@pytest.mark.parametrize(
    ("memory", "workers", "threads"),
    [(64 * 1024, 8, 1), (4600, 4, 2), (3000, 2, 4), (1800, 1, 8), (100, 1, 8)],
)
def test_fewer_where_memory_carries_no_more(memory: int, workers: int, threads: int) -> None:
    """What they leave of the processors goes to the threads."""
    made = planned(Allowed(8, None, memory * MIB), LARGE)
    assert (made.workers, made.threads) == (workers, threads)
    assert planned(Allowed(8, None, None, memory * MIB), LARGE).workers == workers
    if workers < 8:
        assert f"{memory} MiB of memory allowed, {workers + 1} workers need about" in str(made)


def test_memory_that_nobody_knows_does_not_count() -> None:
    assert carried(Allowed(8), LARGE, 8) == 8


def test_what_is_asked_for_wins() -> None:
    made = planned(Allowed(4, 2.0), workers=3, threads=2)
    assert (made.workers, made.threads) == (3, 2)
    assert made.warnings == ("3 x 2 threads for 2 processors: they wait for each other.",)
    assert str(made) == (
        "3 workers of 2 threads each: 2 processors by the control group's quota; "
        "as many workers as asked for; as many threads as asked for"
    )


def test_more_workers_than_processors_is_a_warning() -> None:
    assert planned(Allowed(4, 1.5), workers=2).warnings == ()
    assert planned(Allowed(4, 1.5), workers=3).warnings == (
        "3 workers for 1.5 processors: they wait for each other.",
    )


def test_without_a_supervisor_there_is_one_worker_with_every_processor() -> None:
    made = planned(Allowed(4), supervised=False)
    assert str(made) == (
        "1 worker of 4 threads: 4 processors by affinity; one process without a supervisor"
    )


LONG = "starting and answering take long."


@pytest.mark.parametrize(
    ("quota", "workers", "said"),
    [
        (0.1, "auto", [f"Only 0.1 of a processor is allowed here: {LONG}"]),
        (0.25, 2, [f"Only 0.25 of a processor is allowed here: {LONG} The 2 workers share it: one would do."]),
        (1.0, "auto", []),
        (None, 1, []),
    ],
)  # fmt: skip
def test_less_than_a_processor_is_a_warning(
    quota: float | None, workers: Any, said: list[str]
) -> None:
    """D06"""
    assert list(planned(Allowed(2, quota), workers=workers).warnings) == said


def test_one_worker_is_planned_for_less_than_a_processor() -> None:
    """D06"""
    made = planned(Allowed(8, 0.1))
    assert (made.workers, made.threads) == (1, 1)


def test_more_than_is_available_is_a_warning_where_nothing_is_limited() -> None:
    made = planned(Allowed(4, None, None, 100 * MIB), workers=2)
    assert made.warnings == ("2 workers need about 120 MiB of memory, and 100 MiB are available.",)


@pytest.mark.parametrize(
    ("environ", "threads", "why"),
    [
        ({"OMP_NUM_THREADS": "3"}, 3, "threads by OMP_NUM_THREADS"),
        ({"MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": ""}, 1, "threads by MKL_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "2,1"}, 4, "as many workers as asked for"),
        ({"OMP_NUM_THREADS": "0"}, 4, "as many workers as asked for"),
    ],
)
def test_threads_that_the_environment_names(
    environ: dict[str, str], threads: int, why: str
) -> None:
    made = planned(Allowed(4), workers=1, environ=environ)
    assert made.threads == threads
    assert made.reasons[-1] == why


def test_variables_that_are_there_stay_unless_threads_are_asked_for() -> None:
    environ = {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": ""}
    made = Sizing(1, 3, ())
    assert variables(made, environ, asked=False) == dict.fromkeys(NUMERIC[1:], "3")
    assert variables(made, environ, asked=True) == dict.fromkeys(NUMERIC, "3")


def test_planning_imports_no_numeric_library() -> None:
    """F16: they read their variables when they are imported."""
    code = (
        "import sys, pilotboat.cli.serve, pilotboat.runtime.sizing\n"
        "print(*{'numpy', 'scipy', 'sklearn', 'pandas', 'onnxruntime'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
