"""The command line: what to measure, and where the figures go."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks import environments, load, process, report, training
from benchmarks.report import Results
from benchmarks.rounds import CONNECTIONS, Failure, Seat, interleaved
from benchmarks.servers import BASELINE, SERVERS, WORKERS, Server

OUT = environments.ENVIRONMENTS / "results"
EPILOG = f"""\
examples:
  python -m benchmarks
  python -m benchmarks --models lr --rounds 1 --seconds 2
  python -m benchmarks --peers pilotboat,bentoml --models lr,hgb --rounds 3 --seconds 4 --out DIR
  python -m benchmarks.inprocess --models lr,forest12

servers: {", ".join(SERVERS)}; '{BASELINE}' is always measured, for the ratios are to it
models:  {"; ".join(f"{name} ({told})" for name, told in training.HEADS.items())}

DIR gets results.json (every sample), results.md, results.svg and the servers' logs. Ctrl-C stops
every server and keeps what was measured. Needs Linux and wrk.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 4 where something is missing to measure with; 130 after Ctrl-C."""
    given = parser().parse_args(arguments)
    try:
        load.require()
    except load.MissingProgramError as error:
        say(f"{error}")
        return 4
    for ending in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores the first
        signal.signal(ending, _interrupt)
    process.adopt()
    given.out.mkdir(parents=True, exist_ok=True)
    results = Results(about(given))
    try:
        measure(results, given)
    except KeyboardInterrupt:
        say("stopped: what was measured is kept")
        return 130
    finally:
        write(results, given.out)
    draw(given.out)
    say(f"results are in {given.out}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Measure Pilotboat beside its peers, with the same fitted pipelines.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, choices in (("peers", list(SERVERS)), ("models", list(training.HEADS))):
        told = "comma-separated; default: all"
        made.add_argument(
            f"--{name}", type=some(choices), default=choices, metavar="A,B", help=told
        )
    made.add_argument("--rounds", type=positive, default=3, help="default: 3")
    told = "of load for each number of connections, whole ones; default: 4"
    made.add_argument("--seconds", type=positive, default=4, help=told)
    made.add_argument("--out", type=Path, default=OUT, metavar="DIR", help=f"default: {_near(OUT)}")
    return made


def some(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """A reader of comma-separated names that are all among the choices."""

    def names(text: str) -> list[str]:
        found = [name.strip() for name in text.split(",") if name.strip()]
        if unknown := [name for name in found if name not in choices]:
            known = ", ".join(choices)
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {known}")
        return found

    return names


def positive(text: str) -> int:
    """A whole number above zero."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("a whole number above zero")
    return value


def measure(results: Results, given: argparse.Namespace) -> None:
    """Install, train, and go round; `results` grows with each visit."""
    chosen = [SERVERS[name] for name in SERVERS if name in {*given.peers, BASELINE}]
    installed: dict[str, Path] = {}
    broken: dict[str, str] = {}
    for server in chosen:
        _install(server, installed, broken)
    logs = given.out / "logs"
    logs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder:
        for model in given.models:
            say(f"{model}: training and packing")
            trained = training.train(model, Path(folder))
            results.engines[model] = trained.engine
            for name, reason in broken.items():
                results.add(Failure(model, name, reason))
            seats = [
                Seat(server, installed[server.name], trained, Path(folder), logs)
                for server in chosen
                if server.name in installed
            ]
            for found in interleaved(seats, given.rounds, given.seconds, say):
                results.add(found)
                write(results, given.out)
            results.versions.update(_versions(chosen, installed))


def _install(server: Server, installed: dict[str, Path], broken: dict[str, str]) -> None:
    try:
        say(f"{server.title}: its environment")
        installed[server.name] = environments.environment(server)
    except environments.InstallError as error:
        say(f"{server.title}: {error}")
        broken[server.name] = str(error)


def _versions(chosen: Sequence[Server], installed: dict[str, Path]) -> dict[str, str]:
    return {
        server.name: environments.version_of(server, installed[server.name])
        for server in chosen
        if server.name in installed and not server.constant
    }


def about(given: argparse.Namespace) -> dict[str, Any]:
    """The circumstances."""
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.machine()} with {os.cpu_count()} cores",
        "Linux": platform.release(),
        "Python": platform.python_version(),
        "scikit-learn": version("scikit-learn"),
        "rounds": given.rounds,
        "seconds": given.seconds,
        "workers": WORKERS,
        "connections": "/".join(map(str, CONNECTIONS)),
    }


def write(results: Results, out: Path) -> None:
    """The JSON and the table, whole or as they were."""
    told = json.dumps(results.document(), indent=1)
    for name, text in (("results.json", told), ("results.md", report.markdown(results))):
        part = out / f".{name}"
        part.write_text(text, encoding="utf-8")
        part.replace(out / name)


def draw(out: Path) -> None:
    """The plot, by an environment of its own; the figures are good without it."""
    try:
        programs = environments.install("plot", environments.PLOT)
        script = str(Path(__file__).with_name("plot.py"))
        names = [str(out / "results.json"), str(out / "results.svg")]
        subprocess.run([str(programs / "python"), script, *names], check=True)  # noqa: S603
    except (environments.InstallError, subprocess.CalledProcessError) as error:
        say(f"no plot: {error}")


def say(text: str) -> None:
    """A line of progress on standard error."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _near(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
