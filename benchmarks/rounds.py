"""Rounds: every server in turn, again and again, alone on the machine while it is measured."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from benchmarks import constant, load
from benchmarks.answers import Answer, Record, Route, WrongAnswerError
from benchmarks.load import Load
from benchmarks.process import Process, free_port
from benchmarks.servers import Server
from benchmarks.training import Trained

CONNECTIONS = (1, 16, 64)
START_TIMEOUT = 120.0
"""seconds that a server has to give its first answer"""
ANSWER_TIMEOUT = 60.0
"""seconds for one answer"""
PAUSE = 0.02
"""seconds between two attempts to get a first answer"""
WARM_UP = 1.0
"""seconds of load at 16 connections before any that counts"""
NOT_INHERITED = ("PILOTBOAT_", "WEB_CONCURRENCY", "LOG_LEVEL", "GUNICORN_", "PYTHONPATH")
JSON = {"Content-Type": "application/json"}


class StartError(Exception):
    """A server did not come to answer."""


@dataclass(frozen=True)
class Visit:
    """What one server did in one round.

    start_s: from its start to its first right answer. memory_mb: after the load (PSS). rows: of a
    request for many, a second; None where it has none. loads: by the number of connections.
    load_average: of the machine when it began.
    """

    model: str
    server: str
    round: int
    start_s: float
    memory_mb: float
    rows: float | None
    loads: Mapping[int, Load]
    load_average: float


@dataclass(frozen=True)
class Failure:
    """Why a server was not measured with a model."""

    model: str
    server: str
    reason: str


@dataclass(frozen=True)
class Seat:
    """A server with one model, ready to be started again and again."""

    server: Server
    programs: Path
    trained: Trained
    work: Path
    logs: Path

    @property
    def expected(self) -> Sequence[Answer]:
        """What the records have to be answered with."""
        told = self.trained.answers
        return [told[0]] * len(told) if self.server.constant else told

    def places(self, port: int) -> dict[str, str]:
        """What stands for the names in braces in the server's command and environment."""
        owned = self.server.package is not None
        prepared = self.work / "prepared" / f"{self.server.name}-{self.trained.name}"
        scratch = self.work / "s"
        for folder in (prepared.parent, scratch):
            folder.mkdir(exist_ok=True)
        return {
            "python": str(self.programs / "python"),
            "bin": str(self.programs),
            "port": str(port),
            "spare": str(free_port()),
            "model": str(self.trained.artifact),
            "bundle": str(self.trained.bundle.parent),
            "prepared": str(prepared),
            "scratch": str(scratch),
            "answer": "" if owned else constant.document(self.expected[0], self.trained.name),
        }

    def environment(self, places: Mapping[str, str]) -> dict[str, str]:
        """The variables of the process: ours without what would configure a server."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)
        }
        own = {name: fill(value, places) for name, value in self.server.environment.items()}
        return kept | {"HOME": places["scratch"]} | own

    def prepare(self) -> None:
        """Make what the server reads in place of the joblib file. Raises `StartError`."""
        if not self.server.prepare:
            return
        places = self.places(0)
        done = subprocess.run(  # noqa: S603
            [fill(word, places) for word in self.server.prepare],
            cwd=self.server.folder,
            env=self.environment(places),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StartError(f"not prepared: {done.stderr.strip().rpartition(chr(10))[2]}")

    def start(self, port: int) -> Process:
        """The server, started."""
        places = self.places(port)
        log = self.logs / f"{self.server.name}-{self.trained.name}.log"
        command = [fill(word, places) for word in self.server.command]
        return Process(command, self.server.folder, self.environment(places), log)


def fill(text: str, places: Mapping[str, str]) -> str:
    """`text` with what stands for each {name}; other braces stay."""
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def first_answer(process: Process, client: httpx.Client, seat: Seat) -> float:
    """Seconds until the first right answer. Raises `StartError`, `WrongAnswerError`."""
    began, said = time.monotonic(), "no answer"
    route = seat.server.one
    body = route.body([seat.trained.records[0]])
    while time.monotonic() - began < START_TIMEOUT:
        if process.ended:
            raise StartError(f"it ended at once: {process.said()}")
        try:
            answer = client.post(route.path, content=body)
        except httpx.TransportError:
            time.sleep(PAUSE)
            continue
        if answer.status_code == httpx.codes.OK:
            route.check(answer.content, seat.expected[:1])
            return time.monotonic() - began
        said = f"status {answer.status_code}: {answer.text[:200]}"
        time.sleep(PAUSE)
    raise StartError(f"no answer in {START_TIMEOUT:.0f} s: {said}")


def verify(client: httpx.Client, route: Route, asked: Sequence[tuple[Record, Answer]]) -> None:
    """Ask every row alone. Raises `WrongAnswerError` for the first that is not answered rightly."""
    for row, (record, expected) in enumerate(asked):
        answer = client.post(route.path, content=route.body([record]))
        if answer.status_code != httpx.codes.OK:
            raise WrongAnswerError(f"row {row}: status {answer.status_code}: {answer.text[:200]}")
        route.check(answer.content, [expected])


def visit(seat: Seat, number: int, seconds: float) -> Visit:
    """Start a server, verify its answers, put load on it, stop it.

    Raises `StartError`, `WrongAnswerError`, `LoadError`, `httpx.TransportError`.
    """
    port, busy = free_port(), os.getloadavg()[0]
    base = f"http://127.0.0.1:{port}"
    server, trained = seat.server, seat.trained
    with caller(base) as client, seat.start(port) as process:
        start = first_answer(process, client, seat)
        verify(client, server.one, list(zip(trained.records, seat.expected, strict=True)))
        bodies = [server.one.body([record]) for record in trained.records]
        ones = load.write(bodies, seat.work / "ones")
        load.run(base + server.one.path, ones, 16, WARM_UP)
        loads = {
            count: measured(process, base + server.one.path, ones, count, seconds)
            for count in CONNECTIONS
        }
        rows = batch(process, client, seat, seconds)
        memory = process.memory()
    return Visit(trained.name, server.name, number, start, memory, rows, loads, busy)


def caller(base: str) -> httpx.Client:
    """A client that knows nothing of proxies."""
    return httpx.Client(base_url=base, timeout=ANSWER_TIMEOUT, trust_env=False, headers=JSON)


def measured(process: Process, url: str, bodies: Path, connections: int, seconds: float) -> Load:
    """Load, with the processor time that it cost the server."""
    before = process.cpu()
    made = load.run(url, bodies, connections, seconds)
    if not made.requests:
        raise load.LoadError(f"no request of {connections} connections was answered")
    return replace(made, cpu_ms=(process.cpu() - before) * 1000 / made.requests)


def batch(process: Process, client: httpx.Client, seat: Seat, seconds: float) -> float | None:
    """Rows a second of requests for many, one after the other; None where it has no such form."""
    route, trained = seat.server.many, seat.trained
    if route is None:
        return None
    body = route.body(trained.batch)
    answer = client.post(route.path, content=body)
    if answer.status_code != httpx.codes.OK:
        raise WrongAnswerError(f"many rows: status {answer.status_code}: {answer.text[:200]}")
    route.check(answer.content, trained.batch_answers)
    bodies = load.write([body], seat.work / "many")
    made = measured(process, f"{client.base_url}".rstrip("/") + route.path, bodies, 1, seconds)
    return made.rate * len(trained.batch)


def interleaved(
    seats: Sequence[Seat], rounds: int, seconds: float, say: Callable[[str], None]
) -> Iterator[Visit | Failure]:
    """Each seat in turn, round after round; one that fails is not asked again."""
    failed = set()
    for number in range(1, rounds + 1):
        for seat in seats:
            if seat.server.name in failed:
                continue
            place = f"{seat.trained.name}, round {number} of {rounds}: {seat.server.title}"
            try:
                if number == 1:
                    seat.prepare()
                made = visit(seat, number, seconds)
            except (StartError, WrongAnswerError, load.LoadError, httpx.TransportError) as error:
                failed.add(seat.server.name)
                wrong = "wrong: " if isinstance(error, WrongAnswerError) else ""
                reason = f"{wrong}{error or type(error).__name__}"
                say(f"{place}: {reason}")
                yield Failure(seat.trained.name, seat.server.name, reason)
                continue
            rates = " ".join(f"{one.rate:,.0f}" for one in made.loads.values())
            say(f"{place}: {rates} requests/s")
            yield made
