"""A real PostgreSQL for tests, from Debian's packages: `postgres` is shared, `Postgres` is one's own.

def test_it_is_stored(database: str) -> None: ...              # an empty database's URL
def test_it_is_shared(postgres: Postgres) -> None: ...         # leave it running
with Postgres() as own: own.stop(); own.start()                # to stop, kill, suspend
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pytest

from tests.processes import children, eventually, is_running

PASSWORD = "correct-horse"  # noqa: S105 - of servers that live as long as a test
STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "30",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "timezone": "Asia/Seoul",  # whoever takes UTC for granted, finds out
    "log_timezone": "UTC",
    "autovacuum": "off",
    "jit": "off",
}
CARELESS = {"fsync": "off", "full_page_writes": "off"}
"""Quick: what is committed outlives the server, not the machine."""
numbers = count(1)


def programs() -> Path | None:
    """The directory of the newest PostgreSQL's programs, or None."""
    known = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(known, key=lambda path: float(path.parts[4]), default=None)
    found = newest or shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class Postgres:
    """A server with a directory and a port of its own, which both stay while it is stopped.

    durable: with fsync, as it would be used. settings: of postgresql.conf, and more. Its superuser
    is `postgres` with `PASSWORD`; `url()` is his.
    """

    def __init__(self, *, durable: bool = False, **settings: str) -> None:
        where = programs()
        if where is None:
            pytest.skip("needs postgres")
        self.programs = where
        self.home = Path(tempfile.mkdtemp(prefix="postgres-", dir=_roomy()))
        self.port = _free_port()
        self.settings = SETTINGS | ({} if durable else CARELESS) | settings
        self.process: subprocess.Popen[bytes] | None = None
        self._stopped: list[int] = []
        self._as_postgres = _as_postgres()
        if self._as_postgres:
            shutil.chown(self.home, "postgres", "postgres")
        try:
            self._initialize()
        except BaseException:
            shutil.rmtree(self.home, ignore_errors=True)
            raise

    def _initialize(self) -> None:
        secret = self.home / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = [
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
            "--wal-segsize=1",
        ]
        subprocess.run(
            [*self._program("initdb"), f"--pwfile={secret}", *options],
            check=True,
            cwd=self.home,
            capture_output=True,
        )

    def _program(self, name: str) -> list[str]:
        """The start of a command line."""
        return [*self._as_postgres, str(self.programs / name), "-D", str(self.home / "data")]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None:
            self.stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)

    def start(self) -> None:
        """Start it, on the same port and directory as before, and wait until it answers."""
        assert self.process is None, "it runs"
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._program("postgres"), f"--port={self.port}", *options],
                cwd=self.home,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        pid = self.home / "data" / "postmaster.pid"
        ready = eventually(lambda: self.process is None or _is_ready(pid, self.process.pid), 60)
        assert ready, self.logged()

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """`pg_ctl stop -m MODE`, and wait until it is gone."""
        assert self.process is not None, "it does not run"
        self.resume()
        self.process.send_signal(STOPS[mode])
        self._gone(children(self.process.pid))

    def kill(self) -> None:
        """`kill -9` of its first process; the others follow by themselves."""
        assert self.process is not None, "it does not run"
        others = children(self.process.pid)
        self.process.kill()
        self._gone(others)

    def _gone(self, others: list[int]) -> None:
        assert self.process is not None
        self.process.wait(60)
        self.process = None
        assert eventually(lambda: not any(map(is_running, others)), 60), "it does not end"

    def suspend(self) -> None:
        """SIGSTOP all of it: the kernel accepts connections, and nobody ever answers."""
        assert self.process is not None, "it does not run"
        self.process.send_signal(signal.SIGSTOP)  # first: it makes the others
        self._stopped = [self.process.pid, *children(self.process.pid)]
        for one in self._stopped[1:]:
            os.kill(one, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on, if it is suspended."""
        for one in self._stopped:
            if is_running(one):
                os.kill(one, signal.SIGCONT)
        self._stopped = []

    def url(
        self, database: str = "postgres", user: str = "postgres", password: str = PASSWORD
    ) -> str:
        """postgresql://USER:PASSWORD@127.0.0.1:PORT/DATABASE"""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def query(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement by itself, as superuser; its rows. database: a name, or a URL."""
        psycopg = pytest.importorskip("psycopg", reason="needs psycopg")
        url = database if "://" in database else self.url(database)
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []

    def database(self, like: str = "template1") -> str:
        """The URL of a new database: empty, or a copy of another, which nobody may be connected to."""
        name = f"test_{os.getpid()}_{next(numbers)}"
        self.query(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove such a database, whoever is connected to it."""
        self.query(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def logged(self) -> str:
        """What it has logged."""
        return (self.home / "log").read_text(errors="replace")


def _roomy() -> str | None:
    """A directory in memory, if that has room: a disk would be most of what tests wait for."""
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > 2 * 2**30
    return str(memory) if roomy else None


def _as_postgres() -> list[str]:
    """What to put in front of a command: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, to run PostgreSQL as another than root")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _free_port() -> int:
    """A port that nothing listens on and that no client is given while the server is stopped."""
    while True:
        port = random.randint(15_000, 30_000)  # noqa: S311 - below what the kernel hands out
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _is_ready(status: Path, pid: int) -> bool:
    """What pg_ctl waits for: the last line of postmaster.pid."""
    if not is_running(pid):
        raise AssertionError("PostgreSQL ended at once")
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server that all tests share: leave it running, and take a `database` each."""
    with Postgres() as running:
        yield running


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty database of one's own."""
    url = postgres.database()
    yield url
    postgres.drop(url)
