"""A store of each kind, ready to be written to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pilotboat.operations.store import open_store
from tests.postgres import Postgres

if TYPE_CHECKING:
    from pilotboat.operations.store.store import Store

for name in ("sqlalchemy", "alembic", "psycopg"):
    pytest.importorskip(name, reason=f"needs {name}")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'predictions.db'}"


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """The name of a database with the tables in it, to be copied."""
    url = postgres.database()
    with closing(open_store(url)) as opened:
        opened.migrate()
    return url.rpartition("/")[2]


@pytest.fixture
def postgres_url(postgres: Postgres, migrated: str) -> Iterator[str]:
    """The URL of a database of one's own with the tables in it."""
    url = postgres.database(migrated)
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a store, of each kind in turn."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(open_store(url)) as opened:
        yield opened
