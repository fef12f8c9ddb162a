"""Everything at once: predictions and what became of them, through nginx, while a worker dies and the
database is away. In the end the store holds what was answered, once.
"""

from __future__ import annotations

import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.factories import PILOTBOAT, clean_environment
from tests.faults.fleet import Fleet
from tests.faults.processes import kill, until
from tests.faults.stack import Proxy, Served
from tests.faults.verdict import Verdict, broken, hold, sized
from tests.postgres import Postgres

CALLERS = 8
AWAY = partial(sized, 3, 30)
"""Seconds that the database is away."""
COUNTS = """
SELECT count(*), count(DISTINCT request) FROM predictions
"""
JOINED = """
SELECT count(*) FROM predictions p
WHERE EXISTS (SELECT 1 FROM outcomes o WHERE o.request = p.request AND o."row" = p."row")
"""
Ask = Callable[[str], list[tuple[Any, ...]]]


@dataclass
class Crowd:
    """Callers that ask for predictions and say at once what became of each."""

    port: int
    body: str
    wanted: int
    answered: list[str] = field(default_factory=list)
    told: int = 0
    failed: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def call(self) -> None:
        """One of them."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30) as client:
            while next(self.numbers) < self.wanted:
                try:
                    self._once(client)
                except httpx.TransportError as error:
                    self.failed.append(repr(error))

    def _once(self, client: httpx.Client) -> None:
        reply = client.post(
            "/predict", content=self.body, headers={"Content-Type": "application/json"}
        )
        if reply.status_code != httpx.codes.OK:
            self.failed.append(reply.text)
            return
        self.answered.append(reply.json()["id"])
        reply = client.post("/v1/feedback", json={"id": reply.json()["id"], "actual": "yes"})
        if reply.status_code == httpx.codes.ACCEPTED:
            self.told += 1
        else:
            self.failed.append(reply.text)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """They call; in the end all are done."""
        threads = [threading.Thread(target=self.call) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        yield
        for thread in threads:
            thread.join()

    def reach(self, share: float) -> None:
        """Wait until so many have been answered."""
        until(lambda: len(self.answered) >= share * self.wanted, 300, f"{share:.0%} answered")


def whole(
    fleet: Fleet,
    home: Path,
    ask: Ask,
    away: Callable[[], None] = lambda: None,
    defect: str = "",
    *,
    url: str = "",
) -> Verdict:
    """away: takes the database at `url` away for a while, and brings it back; "": SQLite."""
    served = Served(
        fleet,
        defect=defect,
        PILOTBOAT_PREDICTION_LOG="true",
        PILOTBOAT_DATABASE_URL=url,
        PILOTBOAT_TRUST_IDEMPOTENCY_KEY="true",
        PILOTBOAT_STATE=str(home / "state"),
    )
    with (
        served,
        Proxy(served.port, home) as proxy,
    ):
        crowd = Crowd(proxy.port, fleet.asks[0][0], sized(2_000, 10_000))
        with crowd.calling():
            crowd.reach(0.2)
            kill(served.serving()[0])
            crowd.reach(0.4)
            away()
            crowd.reach(0.7)
            kill(served.serving()[0])
        until(lambda: ask(COUNTS)[0][0] >= len(crowd.answered), 60, "everything is stored")
        time.sleep(1)  # what is one too many would come now
        ((rows, requests),) = ask(COUNTS)
        until(lambda: ask(JOINED)[0][0] >= crowd.told, 60, "every outcome is there")
        ((joined,),) = ask(JOINED)
    answered = len(crowd.answered)
    where = f"PostgreSQL away for {AWAY()} s" if url else "SQLite"
    return Verdict(
        "R2" if url else "R1",
        f"2 workers killed behind nginx, {where}",
        f"{CALLERS} callers, predictions and outcomes",
        2 * crowd.wanted,
        len(crowd.failed),
        None,
        f"{answered:,} answered, {rows:,} stored, {joined:,} with their outcomes",
        broken(
            (not crowd.failed, f"failed: {crowd.failed[:3]}"),
            (answered == crowd.wanted, f"answered: {answered}"),
            (len(set(crowd.answered)) == answered, "an id came twice"),
            (rows == requests == answered, f"{answered} answered, {rows} stored of {requests}"),
            (joined == crowd.told == answered, f"{joined} of {answered} with outcomes"),
        ),
        defect,
    )


def from_file(state: Path) -> Ask:
    """Ask the SQLite that the server fills."""

    def ask(sql: str) -> list[tuple[Any, ...]]:
        try:
            place = f"file:{state / 'predictions.db'}?mode=ro"
            with closing(sqlite3.connect(place, uri=True)) as store:
                return store.execute(sql).fetchall()
        except sqlite3.OperationalError:  # not there yet
            return [(0, 0)]

    return ask


def migrate(url: str) -> None:
    """`pilotboat store migrate`."""
    subprocess.run(
        [*PILOTBOAT, "store", "migrate"],
        env=clean_environment(PILOTBOAT_DATABASE_URL=url),
        check=True,
        capture_output=True,
    )


@pytest.mark.usefixtures("nginx")
def test_sqlite_holds_what_was_answered(quick: Fleet, tmp_path: Path) -> None:
    hold(whole(quick, tmp_path, from_file(tmp_path / "state")))


def without_postgres(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """The same with PostgreSQL, which is stopped for a while."""
    with Postgres(durable=True) as database:
        migrate(database.url())

        def away() -> None:
            database.stop()
            time.sleep(AWAY())
            database.start()

        return whole(fleet, home, database.query, away, defect, url=database.url())


@pytest.mark.usefixtures("nginx")
def test_postgresql_holds_what_was_answered_though_it_was_away(
    quick: Fleet, tmp_path: Path
) -> None:
    hold(without_postgres(quick, tmp_path))
