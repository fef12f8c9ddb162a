"""A server that keeps its predictions, what becomes of them, and what it takes meanwhile."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pilotboat.operations import progress, segments
from pilotboat.operations.store import open_store
from tests.factories import PILOTBOAT
from tests.faults.fleet import Fleet
from tests.faults.processes import children, resident, until
from tests.faults.stack import Served
from tests.postgres import Postgres

MEGABYTE = 2**20
COUNT = "SELECT count(*), count(DISTINCT (event, row)), count(DISTINCT request) FROM predictions"


class Keeping(Served):
    """`pilotboat serve` with the prediction log, in `home` and in the database at `url`; "": a file."""

    def __init__(
        self, fleet: Fleet, home: Path, url: str = "", *, defect: str = "", **env: str
    ) -> None:
        self.home, self.database = home / "state", url
        env = {
            "PILOTBOAT_STATE": str(self.home),
            "PILOTBOAT_PREDICTION_LOG": "true",
            "PILOTBOAT_DATABASE_URL": url,
            **env,
        }
        given: dict[str, Any] = {name: value for name, value in env.items() if value}
        super().__init__(fleet, defect=defect, **given)
        self.fleet = fleet

    @property
    def spool(self) -> Path:
        return self.home / "spool"

    @property
    def told(self) -> dict[str, Any]:
        """What the shipper told last."""
        return progress.read(self.spool)

    @property
    def bytes(self) -> int:
        """Of all segments."""
        found = 0
        for path in segments.names(self.spool):
            try:
                found += path.stat().st_size
            except FileNotFoundError:
                continue
        return found

    def drained(self, seconds: float) -> float:
        """Wait until everything is stored; how long that took."""

        def is_over() -> bool:
            told = self.told
            return not told["error"] and not any(
                segments.read(path, told["offsets"].get(path.name, 0), 1)[0]
                for path in segments.names(self.spool)
            )

        return until(partial(ignoring, is_over), seconds, f"all is stored: {self.told}")

    def caught_up(self, seconds: float) -> float:
        """Wait until nothing waits longer than a second; how long that took."""

        def is_over() -> bool:
            told = self.told
            return told.get("time", 0) > began and told["lag_seconds"] < 1 and not told["error"]

        began = time.time()
        return until(is_over, seconds, f"it has caught up: {self.told}")

    def fails(self, seconds: float = 20.0) -> float:
        """Wait until the shipper says that the store cannot be used; how long that took."""
        return until(lambda: bool(self.told.get("error")), seconds, "the shipper notices")

    def complaints(self) -> list[str]:
        """The lines of the log about a store that cannot be used, without their times."""
        lines = [line for line in self.logged().splitlines() if "predictions wait" in line]
        return [line.partition(" ERROR ")[2] for line in lines]

    def counted(self, name: str) -> float:
        """A counter of /metrics, over all its labels."""
        text = self.client.get("/metrics").text
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def processes(self) -> list[int]:
        """The server, its workers and what ships."""
        return [self.master, *children(self.master)]


def patiently(wait: Callable[[], float]) -> float:
    """How long something took; infinite if it did not come."""
    try:
        return wait()
    except AssertionError:
        return float("inf")


def ignoring(true: Callable[[], bool]) -> bool:
    """Whether it is true; not, where what it looks at has just gone."""
    try:
        return true()
    except (FileNotFoundError, KeyError):
        return False


def in_file(kept: Keeping) -> tuple[int, int, int]:
    """Rows in the file, different ones, and different requests."""
    path = kept.home / "predictions.db"
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT count(*), count(DISTINCT hex(event) || row), count(DISTINCT request) FROM predictions"
        rows: tuple[int, int, int] = connection.execute(query).fetchone()
    return rows


def in_database(server: Postgres, url: str) -> tuple[int, int, int]:
    """The same in a database."""
    [(rows, different, requests)] = server.query(COUNT, url)
    return rows, different, requests


def migrated(server: Postgres) -> str:
    """The URL of a new database with its tables."""
    url = server.database()
    store = open_store(url)
    store.migrate()
    store.close()
    return url


def migrate(url: str) -> None:
    """`pilotboat store migrate`, as an operator calls it."""
    done = subprocess.run(
        [*PILOTBOAT, "store", "migrate"],
        env={"PILOTBOAT_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class Sampler:
    """Looks four times a second at the memory of processes together, and at what the shipper tells."""

    def __init__(self, kept: Keeping) -> None:
        self.kept = kept
        self.sizes: list[int] = []
        self.lags: list[float] = []
        self.spools: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._over.wait(0.25):
            try:
                self.sizes.append(sum(map(resident, self.kept.processes())))
            except OSError:  # one has just ended
                continue
            self.lags.append(self.kept.told.get("lag_seconds", 0.0))
            self.spools.append(self.kept.bytes)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()


@contextmanager
def repeatedly(what: Callable[[int], None], every: float) -> Iterator[Callable[[], int]]:
    """Do something every so many seconds, beside the block; yields what says how often it was done."""
    over = threading.Event()
    done = 0

    def go() -> None:
        nonlocal done
        while not over.wait(every):
            what(done)
            done += 1

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    try:
        yield lambda: done
    finally:
        over.set()
        thread.join()


def parked(kept: Keeping) -> list[dict[str, Any]]:
    """What is in dead/."""
    return [json.loads(path.read_bytes()) for path in (kept.spool / "dead").glob("*.json")]
