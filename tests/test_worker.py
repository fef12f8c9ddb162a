from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

pytest.importorskip("uvicorn_worker", reason="needs gunicorn")

from gunicorn.config import Config
from gunicorn.glogging import Logger

from pilotboat.protocol import Protocol
from pilotboat.worker import Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    config = Config()
    config.set("keepalive", 75)
    made = Worker(0, 1, [], None, 30, config, Logger(config))
    yield made
    made.tmp.close()


def test_uvicorn_is_told_what_a_server_needs(worker: Worker) -> None:
    assert worker.config.loop == "uvloop"
    assert worker.config.http is Protocol
    assert worker.config.lifespan == "on"
    assert worker.config.server_header is False
    assert worker.config.ws == "none"
    assert worker.config.timeout_keep_alive == 75


def test_being_told_to_be_quick_stops_uvicorn(
    worker: Worker,
) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    try:
        worker.handle_exit(signal.SIGQUIT, None)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    assert worker.alive is False
