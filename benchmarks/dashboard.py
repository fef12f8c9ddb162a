"""The Grafana dashboard without Grafana: its queries, asked of a real Prometheus that scrapes a server.

python -m benchmarks.dashboard RESULTS.json: serves three models with two workers under a load that
changes, with faults among it, and writes what every panel would show. `benchmarks/panels.py` draws that.
"""

# ruff: noqa: S311 - nothing is secret
from __future__ import annotations

import asyncio
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from sklearn.ensemble import RandomForestClassifier
from tests import factories

import pilotboat
from benchmarks.process import PROC, free_port, processes

DASHBOARD = Path(__file__).parents[1] / "deploy" / "grafana" / "pilotboat.json"
SCRAPE, STEP, WINDOW = 1, 2, "15s"
"""Seconds between two scrapes and between two points; what stands for Grafana's $__rate_interval."""
CONFIG = """
global: {{scrape_interval: {seconds}s, scrape_timeout: {seconds}s}}
scrape_configs:
  - job_name: pilotboat
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""

Series = dict[str, Any]
"""As Prometheus answers: metric (its labels) and values ([seconds, text] each), or one value."""


def panels() -> list[dict[str, Any]]:
    """The dashboard's panels."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def queries(panel: dict[str, Any]) -> list[str]:
    """A panel's PromQL, with its variables replaced as Grafana would."""
    variables = {"$__rate_interval": WINDOW, "$job": ".*"}
    found = []
    for target in panel["targets"]:
        query = target["expr"]
        for name, value in variables.items():
            query = query.replace(name, value)
        found.append(query)
    return found


@dataclass
class Prometheus:
    """A real Prometheus that scrapes the server on a port every second. Runs when entered."""

    scraped: int
    port: int = field(default_factory=free_port)

    def __enter__(self) -> Self:
        self.folder = tempfile.TemporaryDirectory()
        home = Path(self.folder.name)
        (home / "config.yml").write_text(CONFIG.format(seconds=SCRAPE, port=self.scraped))
        self.process = subprocess.Popen(  # noqa: S603
            [
                shutil.which("prometheus") or "prometheus",
                f"--config.file={home / 'config.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=error",
            ]
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        try:
            wait_for(f"http://127.0.0.1:{self.port}/-/ready")
        except TimeoutError:
            self.__exit__(None, None, None)
            raise
        return self

    def ask(self, query: str) -> list[Series]:
        """What a query finds now."""
        return self._asked("query", query=query)

    def over(self, query: str, begin: float, end: float) -> list[Series]:
        """What it finds every `STEP` seconds between two times."""
        return self._asked("query_range", query=query, start=begin, end=end, step=STEP)

    def _asked(self, kind: str, **parameters: Any) -> list[Series]:
        response = self.client.get(f"/api/v1/{kind}", params=parameters)
        response.raise_for_status()
        found: list[Series] = response.json()["data"]["result"]
        return found

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(timeout=30)
        self.folder.cleanup()


def record(prometheus: Prometheus, begin: float, end: float) -> list[dict[str, Any]]:
    """What every panel shows between two times."""
    shown = []
    for panel in panels():
        found = [prometheus.over(query, begin, end) for query in queries(panel)]
        shown.append({"panel": panel, "found": found})
    return shown


def wait_for(url: str) -> None:
    """Return when it answers 200; raise `TimeoutError` after a minute."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(httpx.TransportError):
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer")


@contextmanager
def served(repository: Path, **settings: str) -> Iterator[tuple[int, int]]:
    """`pilotboat serve` over a repository: its port and its process."""
    port = free_port()
    command = [sys.executable, "-m", "pilotboat", "serve", str(repository), "--port", str(port)]
    made = {f"PILOTBOAT_{name}": value for name, value in settings.items()}
    with subprocess.Popen(  # noqa: S603
        command, env=os.environ | made, stdout=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz")
            yield port, process.pid
        finally:
            process.terminate()


GOOD = {"pclass": 1, "sex": "female", "age": 22.0, "fare": 80.5, "embarked": "C"}
HOUSE = {"area": 80.0, "rooms": 3, "garden": True}
REQUESTS: tuple[tuple[float, str, str, Any], ...] = (
    (60, "POST", "/predict", GOOD),
    (18, "POST", "/v1/models/titanic:predict", {"instances": [GOOD] * 12}),
    (14, "POST", "/v1/models/house:predict", {"instances": [HOUSE]}),
    (8, "POST", "/v1/models/forest:predict", {"instances": [GOOD]}),
    (3, "GET", "/v1/models/titanic", None),
    (2, "POST", "/predict", GOOD | {"sex": "unheard of"}),
    (0.7, "POST", "/predict", {"pclass": 1}),
    (0.6, "GET", "/nothing/here", None),
)
"""How often each comes, of about a hundred."""


async def load(port: int, seconds: float) -> None:
    """Requests that come and go in waves."""
    begin = time.monotonic()
    async with client_of(port) as client, asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(caller(client, begin, seconds, number))


async def burst(port: int, after: float, seconds: int) -> None:
    """More for the slow model than it can answer, after a while."""
    await asyncio.sleep(after)
    async with client_of(port) as client, asyncio.TaskGroup() as group:
        for _ in range(seconds):
            for _ in range(160):
                group.create_task(asked(client, *REQUESTS[3][1:]))
            await asyncio.sleep(1)


async def loss(supervisor: int, after: float) -> None:
    """A worker ends as for want of memory, after a while."""
    await asyncio.sleep(after)
    children = [one.pid for one in processes() if one.parent == supervisor]
    commands = {pid: PROC.joinpath(f"{pid}/cmdline").read_bytes() for pid in children}
    os.kill(next(pid for pid in children if b"\0ship\0" not in commands[pid]), signal.SIGKILL)


async def day(port: int, supervisor: int, seconds: float) -> None:
    """All of that."""
    await asyncio.gather(
        load(port, seconds),
        burst(port, seconds * 0.45, int(seconds / 15)),
        loss(supervisor, seconds * 0.75),
    )


def client_of(port: int) -> httpx.AsyncClient:
    """A client of many connections."""
    limits = httpx.Limits(max_connections=300)
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits)


async def caller(client: httpx.AsyncClient, begin: float, seconds: float, number: int) -> None:
    """One caller: the higher its number, the rarer it comes."""
    weights = [one[0] for one in REQUESTS]
    while (at := time.monotonic() - begin) < seconds:
        _, *request = random.choices(REQUESTS, weights)[0]
        await asked(client, *request)
        busy = 0.55 + 0.45 * math.sin(at / seconds * 9 - 1.5)
        await asyncio.sleep(random.expovariate(1) * 0.004 * (1 + number) / busy)


async def asked(client: httpx.AsyncClient, method: str, path: str, document: Any) -> None:
    """One request; a worker that is killed takes the connection with it."""
    with suppress(httpx.TransportError):
        await client.request(method, path, json=document, timeout=20)


def pack(repository: Path) -> None:
    """Two models that are compiled, and one that scikit-learn answers, slowly."""
    factories.pack_titanic(repository)
    factories.pack_house(repository)
    pilotboat.pack(
        factories.fitted(RandomForestClassifier(n_estimators=50, random_state=0)),
        data=factories.passengers(),
        target="survived",
        name="forest",
        repository=repository,
        engine="sklearn",
    )


def main(target: str, seconds: float = 180) -> None:
    """Record `seconds` of load."""
    with tempfile.TemporaryDirectory() as home:
        pack(Path(home))
        settings = {"WORKERS": "2", "MODEL": "titanic", "LOG_LEVEL": "warning", "QUEUE_MS": "60"}
        settings |= {"PREDICTION_LOG": "true", "STATE": f"{home}/.state"}
        # What was answered before would be no load for the slow model.
        settings["CACHE_BYTES"] = "0"
        with served(Path(home), **settings) as (port, pid), Prometheus(port) as prometheus:
            time.sleep(2 * SCRAPE)
            begin = time.time()
            asyncio.run(day(port, pid, seconds))
            time.sleep(2 * SCRAPE)
            found = record(prometheus, begin + 10, time.time())
    Path(target).write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
