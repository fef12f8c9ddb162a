"""A real Redis for tests: `redis` is shared by all tests of a session, `Redis` is one's own.

def test_it_is_kept(redis: Redis) -> None: ...                 # empty; leave it running
with Redis() as own: own.kill(); own.start()                   # to stop, kill, suspend
"""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import pytest

from tests.delay import Delay
from tests.processes import eventually

if TYPE_CHECKING:
    from redis import Redis as Client


class Redis:
    """A server with a directory and a port of its own, which it keeps while it is stopped.

    settings: of redis.conf, and more, with _ for -. A Unix socket is at `socket`. What is stopped
    forgets: nothing is written to disk.
    """

    def __init__(self, **settings: str) -> None:
        if shutil.which("redis-server") is None:
            pytest.skip("needs redis")
        pytest.importorskip("redis", reason="needs redis, the package")
        self.port = _free_port()
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self.home = Path(tempfile.mkdtemp(prefix="redis-"))
        self.socket = self.home / "socket"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it answers."""
        assert self.process is None, "it runs"
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.home),
            "unixsocket": str(self.socket),
            "save": "",
            "appendonly": "no",
            "logfile": str(self.home / "log"),
            **{name.replace("_", "-"): value for name, value in self.settings.items()},
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        self.process = subprocess.Popen(
            ["redis-server", *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        assert eventually(self.answers, 30), (self.home / "log").read_text()

    def answers(self) -> bool:
        """Whether it answers."""
        from redis import RedisError  # noqa: PLC0415 - it may not be installed

        with self.client() as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False

    def stop(self) -> None:
        """End it as an operator would, and wait until it is gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        assert self.process is not None, "it does not run"
        self.resume()
        self.process.send_signal(number)
        self.process.wait(30)
        self.process = None

    def suspend(self) -> None:
        """SIGSTOP: the kernel accepts connections, and nobody ever answers."""
        assert self.process is not None, "it does not run"
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on, if it is suspended."""
        assert self.process is not None, "it does not run"
        self.process.send_signal(signal.SIGCONT)

    @property
    def url(self) -> str:
        """redis://[:PASSWORD@]127.0.0.1:PORT"""
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """The same by way of another port of the loopback address."""
        password = self.settings.get("requirepass")
        user = "" if password is None else f":{quote(password, safe='')}@"
        return f"redis://{user}127.0.0.1:{port}"

    def client(self) -> Client:
        """A client of one's own, to be closed."""
        from redis import Redis as Client  # noqa: PLC0415 - it may not be installed

        return Client.from_url(self.url, socket_timeout=10)

    def do(self, *command: str | bytes | float) -> Any:
        """What it replies to one command."""
        with self.client() as client:
            return client.execute_command(*command)

    @contextmanager
    def delayed(self, seconds: float) -> Iterator[str]:
        """A URL of it by which every byte arrives so much later, in either direction."""
        with Delay(self.port, seconds) as delay:
            yield self.url_at(delay.port)


def _free_port() -> int:
    """A port that nothing listens on and that no client is given while the server is stopped."""
    while True:
        port = random.randint(10_000, 15_000)  # noqa: S311 - below what the kernel hands out
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    with Redis() as running:
        yield running


@pytest.fixture
def redis(redis_server: Redis) -> Redis:
    """A server that all tests share, emptied: leave it running."""
    redis_server.do("FLUSHALL")
    redis_server.do("SCRIPT", "FLUSH")
    return redis_server


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not about time, this machine may take some."""
    shared = pytest.importorskip("pilotboat.operations.shared", reason="needs redis, the package")
    for name in ("TIMEOUT", "CONNECT"):
        monkeypatch.setattr(shared, name, 5.0)
