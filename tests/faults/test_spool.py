"""Writers of the spool and its shipper, killed, failed and delayed at each call of the kernel in turn."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from pilotboat.operations import progress, segments
from tests.faults.acting import ACKNOWLEDGED, Act
from tests.faults.strokes import KILLED, Actors, Stroke
from tests.faults.verdict import Verdict, broken, hold, sized
from tests.postgres import Postgres

ERRORS = ("EIO", "ENOSPC")
OWN = frozenset({"write", "exit_group", "exit"})
"""Calls of the writer that are the test's, or have no error. `write` notes what is acknowledged."""
MOMENT = "150"
"""Milliseconds that a call is delayed: a shipper looks at the spool hundreds of times meanwhile."""
ALSO = ("openat", "flock", "fallocate", "mmap", "ftruncate", "close", "unlink", "rename", "fsync")
"""Calls at which something may fail, or may be seen half done."""
LOOPS = ("close", "mmap")
"""Those that are an event loop's as well, of its sockets and of a thread's stack."""


@dataclass
class Told:
    """What one writer was told: the requests that are kept, and how many are not."""

    kept: list[str] = field(default_factory=list)
    dropped: int | None = None


class Trial:
    """A spool and a store, into which one writer after the other writes. url: of the store; "": a file."""

    def __init__(self, home: Path, actors: Actors, url: str = "", *, rows: int = 300) -> None:
        self.home, self.actors, self.url, self.rows = home, actors, url, rows
        self.marks = (f"w{number}" for number in count())
        self.strokes: dict[str, Stroke | None] = {}
        self.refused: list[str] = []

    def writes(self, stroke: Stroke | None = None, *, synced: bool = False) -> Act:
        """What the next writer does."""
        mark = next(self.marks)
        self.strokes[mark] = stroke
        return Act("write", str(self.home), self.rows, mark, synced=synced)

    @property
    def ships(self) -> Act:
        return Act("ship", str(self.home), url=self.url)

    def ship(self) -> None:
        """Ship everything; that must be possible whatever has happened."""
        code = self.actors.run(self.ships)
        left = segments.names(self.home / "spool")
        if code or left:
            self.refused.append(f"the shipper ends with {code} and leaves {len(left)} segments")

    def told(self) -> dict[str, Told]:
        """What each writer was told."""
        made: dict[str, Told] = defaultdict(Told)
        for line in (self.home / ACKNOWLEDGED).read_text().splitlines():
            words = line.split()
            if len(words) == 1:
                made[line.partition("-")[0]].kept.append(line)
            else:
                made[words[0]].dropped = int(words[1])
        return made

    def stored(self, postgres: Postgres | None = None) -> Counter[str]:
        """How often each request is in the store."""
        query = "SELECT request, count(*) FROM predictions GROUP BY request"
        if postgres is not None:
            return Counter(dict(postgres.query(query, self.url)))
        with closing(sqlite3.connect(self.home / "predictions.db")) as connection:
            return Counter(dict(connection.execute(query)))

    def complaints(self, stored: Counter[str]) -> Iterator[str]:
        """What is not as it was promised."""
        yield from dict.fromkeys(self.refused)
        of: dict[str, set[str]] = defaultdict(set)
        for request, times in stored.items():
            of[request.partition("-")[0]].add(request)
            if times != 1:
                yield f"{request} is there {times} times"
        told = self.told()
        for mark, stroke in self.strokes.items():
            kept = set(told[mark].kept)
            if kept - of[mark]:
                yield f"{len(kept - of[mark])} acknowledged rows are not there: {stroke}"
            if len(of[mark] - kept) > 1:
                yield f"{len(of[mark] - kept)} rows are there that nobody was told of: {stroke}"
            dropped = told[mark].dropped
            if dropped is not None and (of[mark] != kept or len(kept) + dropped != self.rows):
                yield f"{len(kept)} rows are kept and {dropped} are not, of {self.rows}: {stroke}"

    def verdict(
        self, what: str, hits: int, defect: str, postgres: Postgres | None = None
    ) -> Verdict:
        stored = self.stored(postgres)
        acknowledged = sum(len(one.kept) for one in self.told().values())
        where = "PostgreSQL" if self.url else "SQLite"
        complaints = list(self.complaints(stored))
        lost = sum(request not in stored for one in self.told().values() for request in one.kept)
        return Verdict(
            "T31",
            what,
            f"{hits} times, {self.rows} rows each, stored in {where}",
            acknowledged,
            lost,
            note=f"{stored.total()} rows stored",
            complaints=(*complaints[:5], *broken((hits > 0, "nothing was hit"))),
            defect=defect,
        )


def points(calls: Counter[str], names: Iterable[str], whats: Iterable[str]) -> list[Stroke]:
    """Each call in turn; of those that are many some, from the first to the last."""
    most, made = sized(3, 40), []
    for name in names:
        last = calls[name]
        step = max((last - 1) / (most - 1), 1)
        numbers = sorted({min(round(1 + place * step), last) for place in range(min(last, most))})
        made += [Stroke(name, number, what) for what in whats for number in numbers]
    return made


def killed_writers(home: Path, defect: str = "", *, synced: bool = False) -> Verdict:
    """kill -9 of a writer at each call: what was acknowledged is there once."""
    with Actors(defect) as actors:
        trial = Trial(home, actors, rows=sized(300, 1000))
        hits = 0
        calls = actors.calls(trial.writes(synced=synced))
        for stroke in points(calls, calls, ["KILL"]):
            hits += actors.run(trial.writes(stroke, synced=synced), stroke) == KILLED
            trial.ship()
        what = "kill -9 of a writer at each call of the kernel"
        return trial.verdict(f"{what}, {'synced' if synced else 'flushed'}", hits, defect)


def failed_writers(home: Path, defect: str = "") -> Verdict:
    """A disk that fails a writer at each call: nothing breaks, and what is not kept is counted."""
    codes: Counter[int] = Counter()
    with Actors(defect) as actors:
        trial = Trial(home, actors)
        for synced in (False, True):
            calls = actors.calls(trial.writes(synced=synced))
            names = [name for name in ALSO if calls[name] and not (synced and name in LOOPS)]
            for stroke in points(calls, names, ERRORS):
                code = actors.run(trial.writes(stroke, synced=synced), stroke)
                codes[code] += 1
                if code:
                    trial.refused.append(f"the writer ends with {code}: {stroke}")
                trial.ship()
        return trial.verdict("EIO and ENOSPC for a writer at each call", codes.total(), defect)


def slow_writers(home: Path, defect: str = "") -> Verdict:
    """A writer that stands still at each call, while a shipper looks at what it does."""
    hits = 0
    with Actors(defect) as actors, Actors(defect) as others:
        trial = Trial(home, others)
        calls = actors.calls(trial.writes())
        trial.ship()
        for stroke in points(calls, [name for name in calls if name not in OWN], [MOMENT]):
            (home / "open").touch()
            others.begin(trial.ships)
            code = actors.run(trial.writes(stroke), stroke)
            (home / "open").unlink()
            if code or others.end():
                trial.refused.append(f"the writer ends with {code}: {stroke}")
            hits += 1
        trial.ship()
        dropped = sum(one.dropped or 0 for one in trial.told().values())
        if dropped:
            trial.refused.append(f"{dropped} rows are not kept")
        return trial.verdict("a writer that stands still at each call", hits, defect)


def killed_shippers(
    home: Path, defect: str = "", url: str = "", postgres: Postgres | None = None
) -> Verdict:
    """kill -9 of the shipper at each call: nothing is lost, and nothing is there twice."""
    hits = 0
    with Actors(defect) as actors:
        trial = Trial(home, actors, url, rows=sized(300, 1000))
        actors.run(trial.writes())
        trial.ship()
        actors.run(trial.writes())
        calls = actors.calls(trial.ships)
        for stroke in points(calls, calls, ["KILL"]):
            actors.run(trial.writes())
            hits += actors.run(trial.ships, stroke) == KILLED
            trial.ship()
        return trial.verdict(
            "kill -9 of the shipper at each call of the kernel", hits, defect, postgres
        )


def failed_shippers(home: Path, defect: str = "") -> Verdict:
    """A disk that fails the shipper at each call: it may end, and nothing is lost or there twice."""
    hits = 0
    with Actors(defect) as actors:
        trial = Trial(home, actors)
        actors.run(trial.writes())
        trial.ship()
        actors.run(trial.writes())
        calls = actors.calls(trial.ships)
        also = [name for name in (*ALSO, "pwrite64", "fdatasync", "read", "pread64") if calls[name]]
        for stroke in points(calls, also, ERRORS):
            actors.run(trial.writes())
            actors.run(trial.ships, stroke)
            trial.ship()
            hits += 1
        torn = progress.read(home / "spool").get("torn")
        if torn:
            trial.refused.append(f"{torn} records are taken for torn")
        return trial.verdict("EIO and ENOSPC for the shipper at each call", hits, defect)


@pytest.mark.parametrize("durability", ["flushed", "synced"])
def test_what_a_killed_writer_acknowledged_is_stored_once(tmp_path: Path, durability: str) -> None:
    """T31"""
    hold(killed_writers(tmp_path, synced=durability == "synced"))


def test_a_failing_disk_breaks_no_writer(tmp_path: Path) -> None:
    """T31"""
    hold(failed_writers(tmp_path))


def test_a_shipper_leaves_a_slow_writer_alone(tmp_path: Path) -> None:
    """T31"""
    hold(slow_writers(tmp_path))


def test_a_killed_shipper_loses_nothing_and_stores_nothing_twice(tmp_path: Path) -> None:
    """T31"""
    hold(killed_shippers(tmp_path))


def test_nor_with_postgresql(tmp_path: Path, postgres: Postgres) -> None:
    """T31"""
    url = postgres.database()
    migrated(url)
    hold(killed_shippers(tmp_path, url=url, postgres=postgres))


def test_a_failing_disk_loses_nothing_that_a_shipper_has(tmp_path: Path) -> None:
    """T31"""
    hold(failed_shippers(tmp_path))


def migrated(url: str) -> None:
    """Make the tables of a database."""
    store = pytest.importorskip("pilotboat.operations.store").open_store(url)
    store.migrate()
    store.close()
