"""What the fault tests share: models to serve, the answers they must give, and when they run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet, pack_fleet
from tests.faults.verdict import SIZE

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Faults take minutes and want the machine for themselves: a command of their own runs them."""
    mine = [item for item in items if item.path.is_relative_to(HERE)]
    for item in mine:
        item.add_marker(pytest.mark.timeout(1800))
        if os.environ.get(SIZE) not in ("short", "full"):
            item.add_marker(pytest.mark.skip(reason="make test-faults runs it"))


@pytest.fixture(scope="session")
def nginx() -> None:
    """nginx is installed."""
    if shutil.which("nginx") is None:
        pytest.skip("needs nginx")


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A repository with 'titanic', which answers at once and is there at once."""
    return pack_fleet(tmp_path_factory.mktemp("quick"))


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A repository with 'titanic', the default, and 'slow', which takes 5 ms a row."""
    return pack_fleet(tmp_path_factory.mktemp("fleet"), 5.0)
