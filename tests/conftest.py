"""Fixtures that many tests share, and what a missing program means."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import Server, pack_titanic
from tests.postgres import database, postgres
from tests.redis_server import patient, redis, redis_server

__all__ = ["database", "patient", "postgres", "redis", "redis_server"]

STRICT = "PILOTBOAT_TEST_STRICT"
CONTAINERS = "PILOTBOAT_TEST_CONTAINERS"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of containers build images for minutes, and are run by a command of their own."""
    if not os.environ.get(CONTAINERS):
        skip = pytest.mark.skip(reason="make test-docker runs it, with a Docker engine")
        for item in items:
            if item.get_closest_marker("docker"):
                item.add_marker(skip)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where every program is installed, a skip for want of one is a failure."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if os.environ.get(STRICT) and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        if "needs " in reason:
            report.outcome = "failed"
            report.longrepr = f"{STRICT} is set, yet: {reason}"
    return report  # type: ignore[return-value]


@pytest.fixture(scope="session")
def titanic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one model, 'titanic', of mixed columns with gaps."""
    repository = tmp_path_factory.mktemp("repository")
    pack_titanic(repository)
    return repository


@pytest.fixture(scope="session")
def server(titanic: Path) -> Iterator[Server]:
    """A real server process over that repository."""
    with Server(titanic) as running:
        yield running
