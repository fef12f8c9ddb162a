from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("uvicorn_worker", reason="needs gunicorn")

from gunicorn.glogging import Logger

from pilotboat.gunicorn import Application
from pilotboat.protocol import Connection
from pilotboat.settings import read
from pilotboat.worker import Worker
from tests.factories import Server
from tests.processes import children, eventually, is_running


@pytest.fixture
def worker() -> Iterator[Worker]:
    application = Application(read(workers=1))
    config = application.cfg
    made = Worker(0, 1, [], application, 30, config, Logger(config))
    yield made
    made.tmp.close()


def test_uvicorn_is_told_what_a_server_needs(worker: Worker) -> None:
    assert worker.config.loop == "uvloop"
    assert worker.config.http is Connection
    assert worker.config.lifespan == "on"
    assert worker.config.server_header is False
    assert worker.config.ws == "none"
    assert worker.config.timeout_keep_alive == 75
    assert worker.config.timeout_graceful_shutdown == 20
    assert worker.config.callback_notify is None


def test_being_told_to_be_quick_stops_uvicorn(worker: Worker) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    try:
        worker.handle_exit(signal.SIGQUIT, None)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    assert worker.alive is False


def test_a_worker_goes_when_its_supervisor_has_gone(titanic: Path) -> None:
    with Server(titanic, "--workers", "2") as made:
        workers = children(made.process.pid)
        made.process.kill()
        made.process.wait()
        assert workers
        assert eventually(lambda: not any(map(is_running, workers)), 60)
