"""A database that answers and refuses, rows that it cannot take, and what keeping predictions costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pilotboat.operations.segments import PREDICTION
from pilotboat.operations.spool import Spool
from tests.faults.fleet import Fleet
from tests.faults.keeping import (
    Keeping,
    in_database,
    migrate,
    migrated,
    parked,
    patiently,
    repeatedly,
)
from tests.faults.load import Plan
from tests.faults.stack import loads
from tests.faults.verdict import Verdict, broken, hold, sized, together
from tests.postgres import PASSWORD, Postgres
from tests.spooled import prediction

RATE = 100.0
ROLE = "keeper"
FEW = {"max_connections": "8", "superuser_reserved_connections": "4"}
SMALL_DISK = "64m"
MINUTE = 60.0


@dataclass
class Database:
    """A database of a role that is no superuser, which is what an application should be.

    gone: rows that went with a table.
    """

    server: Postgres
    url: str
    admin: str
    gone: int = 0

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """A statement of the superuser."""
        return self.server.query(sql, self.admin)

    def disconnect(self) -> None:
        """End the connections of the shipper."""
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'pilotboat'"
        )


Case = Callable[[Database], AbstractContextManager[None]]


@contextmanager
def owned(disk: Path | None) -> Iterator[Database]:
    """A server with such a database, which has no tables yet. disk: where it is, else with the rest."""
    with Postgres(durable=True, **FEW) as server:
        server.query(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
        where = ""
        if disk is not None:
            server.query(f"CREATE TABLESPACE small LOCATION '{disk}'")
            where = "TABLESPACE small"
        server.query(f"CREATE DATABASE kept OWNER {ROLE} {where}")
        admin = server.url("kept")
        server.query(f"ALTER SCHEMA public OWNER TO {ROLE}", admin)
        yield Database(server, server.url("kept", ROLE), admin)


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """A disk of a few megabytes; None where none can be mounted."""
    home = Path(tempfile.mkdtemp(prefix="small-"))
    home.chmod(0o755)
    disk = home / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(disk)]
    mounted = os.geteuid() == 0 and not subprocess.run(command, check=False).returncode
    try:
        if mounted:
            shutil.chown(disk, "postgres", "postgres")
        yield disk if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)
        shutil.rmtree(home)


@contextmanager
def unmade(base: Database) -> Iterator[None]:
    """Nobody has called `pilotboat store migrate` yet."""
    yield
    migrate(base.url)


@contextmanager
def locked(base: Database) -> Iterator[None]:
    """Somebody else holds the table."""
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg")
    with psycopg.connect(base.admin) as other:
        other.execute("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def dropped(base: Database) -> Iterator[None]:
    """The tables are dropped, and made again."""
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg")
    with psycopg.connect(base.admin) as other:
        other.execute("LOCK TABLE predictions, events IN ACCESS EXCLUSIVE MODE")
        base.gone += other.execute("SELECT count(*) FROM predictions").fetchone()[0]
        other.execute(f"DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION {ROLE}")
    yield
    migrate(base.url)


@contextmanager
def forbidden(base: Database) -> Iterator[None]:
    """The role may write no more."""
    base.run(f"REVOKE INSERT ON ALL TABLES IN SCHEMA public FROM {ROLE}")
    yield
    base.run(f"GRANT INSERT ON ALL TABLES IN SCHEMA public TO {ROLE}")


@contextmanager
def crowded(base: Database) -> Iterator[None]:
    """Others have all the connections."""
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg")
    others = []
    try:
        while True:
            try:
                while True:
                    others.append(psycopg.connect(base.url))
            except psycopg.OperationalError:
                if len(others) == 4:
                    break
                base.disconnect()
        yield
    finally:
        for other in others:
            other.close()


@contextmanager
def outdated(base: Database) -> Iterator[None]:
    """The tables are those of a later release."""
    base.run("UPDATE pilotboat_schema SET version_num = '9' || version_num")
    base.disconnect()
    yield
    base.run("UPDATE pilotboat_schema SET version_num = substr(version_num, 2)")


@contextmanager
def full(base: Database) -> Iterator[None]:
    """Its disk has no room left."""
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg")
    base.run("CREATE TABLE filler (x text); ALTER TABLE filler ALTER x SET STORAGE PLAIN")
    for pages in (64, 1):
        with suppress(psycopg.OperationalError):
            while True:
                rows = "repeat('x', 7000) FROM generate_series"
                base.run(f"INSERT INTO filler SELECT {rows}(1, {pages})")
    yield
    base.run("DROP TABLE filler")


CASES: list[Case] = [
    unmade,
    locked,
    dropped,
    forbidden,
    crowded,
    outdated,
    full,
]


def suffered(
    kept: Keeping, base: Database, case: Case, seconds: float
) -> tuple[str, tuple[str, ...]]:
    """Put one of them to the database, for so long after it was noticed: what is told of it, and what is wrong."""
    name, before, began = case.__name__, len(kept.complaints()), time.monotonic()
    with case(base):
        noticed = patiently(kept.fails)
        time.sleep(seconds)
    back = patiently(lambda: kept.caught_up(30))
    lines = Counter(kept.complaints()[before:])
    minutes = (time.monotonic() - began) / MINUTE
    often = all(count <= 1 + minutes for count in lines.values()) and len(lines) <= 5 + minutes
    return f"{name} {back:.1f} s", broken(
        (noticed < 20, f"{name} is not noticed"),
        (back <= 30, f"{name}: caught up after {back:.0f} s"),
        (bool(lines), f"{name} is not named"),
        (often, f"{name} is named {lines.total()} times: {set(lines)}"),
    )


def refused(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """What operators do to a database, one after the other, each undone after a while."""
    seconds = sized(2, 30)
    told: list[str] = []
    complaints: list[str] = []
    with (
        small_disk() as disk,
        owned(disk) as base,
        Keeping(fleet, home, base.url, defect=defect) as kept,
    ):
        with loads(Plan(kept.port, fleet.asks, rate=RATE)) as (load,):
            for case in CASES:
                if case is full and disk is None:
                    told.append("no small disk could be mounted")
                    continue
                note, wrong = suffered(kept, base, case, seconds)
                told.append(note)
                complaints += wrong
            outcome = load.result()
        patiently(lambda: kept.drained(30))
        rows, different, _ = in_database(base.server, base.admin)
        status = kept.told
    return Verdict(
        "T29",
        "PostgreSQL without tables, locked, its tables dropped and made again, INSERT revoked, without "
        f"a connection left, of a later release, and without room, each for {seconds} s",
        f"{RATE:.0f} requests/s",
        *together([outcome]),
        f"caught up after: {', '.join(told)}",
        (
            *complaints,
            *broken(
                (not outcome.bad and not outcome.turned_away, f"failed: {outcome}"),
                (rows == different, f"{rows} rows, {different} different"),
                (
                    rows + base.gone == outcome.ok,
                    f"{rows} + {base.gone} rows, {outcome.ok} answers",
                ),
                (not status["parked_rows"], f"rows are refused: {status}"),
            ),
        ),
        defect,
    )


def poisons() -> list[tuple[str, bytes, int, int]]:
    """What a database does not take: name, payload, rows of it that are good, rows that are not."""
    head, _, body = prediction("poison", 1).partition(b"\n")
    noise = os.urandom(60_000).hex()
    return [
        ("a NUL", prediction("poison", "x\0y"), 0, 1),
        ("one NUL of 40 rows", prediction("poison", *range(20), "\0", *range(19)), 39, 1),
        ("half a character", prediction("poison", "x\ud800y"), 0, 1),
        ("a text of a megabyte", prediction("poison", "x" * 2**20), 1, 0),
        ("a row number out of range", prediction("poison", 1, row=2**40), 0, 1),
        ("no JSON", head + b"\n" + body[:-9], 0, 1),
        ("no UTF-8", head + b"\n" + body.replace(b"yes", b"\xff\xfe"), 0, 1),
        ("no rows where there should be", head + b"\n[1,2,3]", 0, 1),
        ("nothing", b"", 0, 1),
        ("deep arrays", head + b"\n" + b"[" * 200_000, 0, 1),
        ("a request's id of 120,000 characters", prediction(noise, 1), 0, 1),
    ]


def poisoned(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """One record of a hundred is of a kind that the database cannot take."""
    written: list[tuple[str, bytes, int, int]] = []
    with Postgres(durable=True) as server:
        url = migrated(server)
        with Keeping(fleet, home, url, defect=defect) as kept:
            spool = Spool(kept.spool, 2**29)
            kinds = poisons()

            def poison(number: int) -> None:
                kind = kinds[number % len(kinds)]
                spool.append(PREDICTION, kind[2] + kind[3], kind[1])
                written.append(kind)

            plan = Plan(kept.port, fleet.asks, rate=RATE)
            every = sized(10.0, 100.0) / RATE
            with loads(plan) as (load,), repeatedly(poison, every):
                time.sleep(len(kinds) * every * sized(2, 10))
                outcome = load.result()
            spool.close()
            took = patiently(lambda: kept.drained(30))
            rows, _, _ = in_database(server, url)
            dead = parked(kept)
            status = kept.told
    good = sum(one[2] for one in written)
    bad = sum(one[3] for one in written)
    return Verdict(
        "T30",
        f"{len(written)} records that the database cannot take, of {len(kinds)} kinds",
        f"{RATE:.0f} requests/s",
        *together([outcome]),
        f"all else stored {took:.1f} s after the last request; {len(dead)} parked",
        broken(
            (not outcome.bad and not outcome.turned_away, f"failed: {outcome}"),
            (took < 30, "not all is stored"),
            (rows == outcome.ok + good, f"{rows} rows, of {outcome.ok} answers and {good} more"),
            (len(dead) == bad, f"{len(dead)} are parked, of {bad}"),
            (status["parked_rows"] == bad, f"{status['parked_rows']} are counted, of {bad}"),
            (not status["lost_rows"], f"{status['lost_rows']} are lost"),
            (all(one["reason"] for one in dead), "without a reason"),
            (len(written) > len(kinds), f"only {len(written)} were written"),
        ),
        defect,
    )


def test_what_an_operator_does_to_the_database_costs_nothing(quick: Fleet, tmp_path: Path) -> None:
    """T29"""
    hold(refused(quick, tmp_path))


def test_a_poisonous_row_keeps_no_other_from_the_store(quick: Fleet, tmp_path: Path) -> None:
    """T30"""
    hold(poisoned(quick, tmp_path))
