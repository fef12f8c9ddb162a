"""Without a server: rows in, probabilities out, through a bundle and through scikit-learn.

python -m benchmarks.inprocess --models lr,forest12 --samples 15

What is compared is `pilotboat.load(bundle).predict(records)`, with whatever engine the bundle has,
and `pipeline.predict_proba(DataFrame(records))`. Time is the processor time of the thread, with one
thread for the libraries below; the two take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import joblib
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

import pilotboat
from benchmarks.answers import TOLERANCE, Record, WrongAnswerError
from benchmarks.cli import positive, say, some
from benchmarks.report import number, table
from benchmarks.training import HEADS, Trained, train

SIZES = (1, 16, 1_000)
"""rows a call"""
BLOCK = 0.05
"""seconds of calls that make one sample"""
Call = Callable[[Sequence[Record]], Any]


@dataclass(frozen=True)
class Timing:
    """Microseconds of processor time a call, sample by sample, of both."""

    model: str
    engine: str
    rows: int
    ours: Sequence[float]
    sklearn: Sequence[float]

    @property
    def ratio(self) -> float:
        """How many times scikit-learn's median is ours."""
        return median(self.sklearn) / median(self.ours)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a Markdown table, or JSON with every sample."""
    given = parser().parse_args(arguments)
    timings = []
    with tempfile.TemporaryDirectory(prefix="bench") as folder, threadpool_limits(1):
        for model in given.models:
            say(f"{model}: training and packing")
            timings += compare(train(model, Path(folder)), given.samples)
    told = [asdict(one) for one in timings]
    sys.stdout.write((json.dumps(told, indent=1) if given.json else markdown(timings)) + "\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        "python -m benchmarks.inprocess",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = list(HEADS)
    told = f"of {', '.join(names)}; default: all"
    made.add_argument("--models", type=some(names), default=names, metavar="A,B", help=told)
    made.add_argument("--samples", type=positive, default=15, help="of each; default: 15")
    made.add_argument("--json", action="store_true", help="every sample, as JSON")
    return made


def compare(trained: Trained, samples: int) -> list[Timing]:
    """Both, for each number of rows. Raises `WrongAnswerError` where they differ."""
    model, fitted = pilotboat.load(trained.bundle), joblib.load(trained.artifact)

    def ours(records: Sequence[Record]) -> Any:
        return model.predict(list(records)).probabilities

    def sklearn(records: Sequence[Record]) -> Any:
        return fitted.predict_proba(pd.DataFrame(list(records)))

    agree(ours, sklearn, trained)
    made = []
    for rows in SIZES:
        batches = cut(trained.records if rows < len(trained.records) else trained.batch, rows)
        pair = turns([partial(over, ours, batches), partial(over, sklearn, batches)], samples)
        made.append(Timing(trained.name, model.engine, rows, *pair))
        say(f"{trained.name}, {rows} rows: {made[-1].ratio:.3g} times")
    return made


def agree(ours: Call, sklearn: Call, trained: Trained) -> None:
    """Raise `WrongAnswerError` unless both say the same, to rows alone and together."""
    for rows in [*cut(trained.records, 1), trained.batch]:
        if np.abs(ours(rows) - sklearn(rows)).max() > TOLERANCE:
            raise WrongAnswerError(f"{trained.name}: {rows[0]}")


def cut(records: Sequence[Record], rows: int) -> list[Sequence[Record]]:
    """Batches of that many rows; what is left over falls away."""
    return [records[at : at + rows] for at in range(0, len(records) - rows + 1, rows)]


def over(call: Call, batches: Sequence[Sequence[Record]], count: int) -> float:
    """Seconds of processor time a call, over so many calls with one batch after the other."""
    turn = cycle(batches)
    before = time.thread_time()
    for _ in range(count):
        call(next(turn))
    return (time.thread_time() - before) / count


def turns(timed: Sequence[Callable[[int], float]], samples: int) -> list[list[float]]:
    """Microseconds a call, by turns: a sample of each, then the next of each."""
    counts = [max(1, round(BLOCK / max(one(3), 1e-9))) for one in timed]
    made: list[list[float]] = [[] for _ in timed]
    for _ in range(samples):
        for found, one, count in zip(made, timed, counts, strict=True):
            found.append(one(count) * 1e6)
    return made


def markdown(timings: Sequence[Timing]) -> str:
    """Median and least of each, and the ratio of the medians."""
    heads = [
        "model",
        "engine",
        "rows",
        "Pilotboat µs",
        "least",
        "scikit-learn µs",
        "least",
        "ratio",
    ]
    lines = []
    for one in timings:
        figures = [median(one.ours), min(one.ours), median(one.sklearn), min(one.sklearn)]
        told = [number(figure) for figure in [*figures, one.ratio]]
        lines.append([one.model, one.engine, f"{one.rows:,}", *told])
    return table(heads, lines)


if __name__ == "__main__":
    sys.exit(main())
