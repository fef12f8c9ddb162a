from __future__ import annotations

import os

import pytest

pytest.importorskip("gunicorn", reason="needs gunicorn")

from pilotboat.gunicorn import Application, options
from pilotboat.imports import resolve
from pilotboat.operations.access import Access
from pilotboat.settings import read
from pilotboat.worker import Worker


@pytest.mark.parametrize(
    ("host", "bind"),
    [("127.0.0.1", "127.0.0.1:9000"), ("::", "[::]:9000"), ("localhost", "localhost:9000")],
)
def test_the_address_is_written_as_gunicorn_reads_it(host: str, bind: str) -> None:
    assert options(read(host=host, port=9000))["bind"] == bind


def test_settings_reach_gunicorn() -> None:
    made = Application(read(workers=3, log_level="warning"))
    assert made.cfg.workers == 3
    assert made.cfg.loglevel == "warning"
    assert made.cfg.worker_class is Worker
    assert resolve("pilotboat.worker:Worker") is Worker


def test_a_proxy_keeps_its_connections_shorter_than_we_do() -> None:
    assert Application(read(workers=1)).cfg.keepalive > 60


def test_workers_are_not_killed_before_they_have_finished() -> None:
    settings = read(workers=1)
    assert options(settings)["graceful_timeout"] > settings.drain_seconds


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="this machine has no /dev/shm")
def test_heartbeats_are_kept_in_memory() -> None:
    assert Application(read(workers=1)).cfg.worker_tmp_dir == "/dev/shm"


def test_variables_of_gunicorn_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 7 --preload")
    made = Application(read(workers=2))
    assert made.cfg.workers == 2
    assert made.cfg.preload_app is False


def test_every_worker_builds_its_own_application() -> None:
    made = Application(read(workers=1))
    assert isinstance(made.load(), Access)
    assert made.load() is not made.load()
