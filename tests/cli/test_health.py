from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_main import one_line
from tests.factories import Server, free_port


@contextmanager
def answering(reply: bytes) -> Iterator[int]:
    """A port on which the first caller gets these bytes, whatever it asks."""

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_server_that_is_ready_is_healthy(pilotboat: Command, server: Server) -> None:
    said = pilotboat("health", "--port", str(server.port))
    assert (said.code, said.out, said.err) == (0, "healthy\n", "")


def test_the_server_is_found_by_the_settings(
    pilotboat: Command, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTBOAT_PORT", str(server.port))
    for host in ("0.0.0.0", "127.0.0.1", ""):
        monkeypatch.setenv("PILOTBOAT_HOST", host)
        assert pilotboat("health").code == 0


def test_a_port_that_kubernetes_made_is_ignored(
    pilotboat: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTBOAT_PORT", "tcp://10.0.0.1:80")
    said = pilotboat("health")
    assert said.code == 0 or "port 8000" in said.err


def test_a_server_that_is_not_ready_says_why(pilotboat: Command, tmp_path: Path) -> None:
    """L08"""
    with Server(tmp_path, wait_for="/livez") as empty:
        said = pilotboat("health", "--port", str(empty.port))
    assert said.code == 4
    assert "503" in said.err
    assert "There is no model here yet." in said.err
    one_line(said.err)


def test_nobody_is_not_healthy(pilotboat: Command) -> None:
    port = free_port()
    said = pilotboat("health", "--port", str(port))
    assert said.code == 4
    assert f"127.0.0.1 port {port}: Connection refused" in said.err
    one_line(said.err)


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull",
        b"HTTP/1.1 503 Busy\r\ncontent-length: 1\r\n\r\n7",
        b"",
    ],
)
def test_who_is_not_pilotboat_is_not_healthy(pilotboat: Command, reply: bytes) -> None:
    """L08"""
    with answering(reply) as port:
        said = pilotboat("health", "--port", str(port))
    assert said.code == 4
    assert "not Pilotboat" in said.err
    one_line(said.err)


def test_who_does_not_answer_in_time_is_not_healthy(pilotboat: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        said = pilotboat("health", "--port", str(port), "--timeout", "0.1")
    assert said.code == 4
    assert "time" in said.err.lower()
    one_line(said.err)


def test_a_host_that_does_not_exist_is_said(pilotboat: Command) -> None:
    said = pilotboat("health", "--host", "no host", "--timeout", "1")
    assert said.code == 4
    one_line(said.err)
