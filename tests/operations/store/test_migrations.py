"""The schema: made once, by one process, to what queries expect."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pilotboat.errors import StoreUnavailableError
from pilotboat.operations.store import first, open_store
from pilotboat.operations.store.schema import FIRST, SCHEMA, VERSIONS
from tests.operations.store.records import prediction

migrations = pytest.importorskip("pilotboat.operations.store.migrations", reason="needs alembic")
tables = pytest.importorskip("pilotboat.operations.store.tables", reason="needs sqlalchemy")
script = pytest.importorskip("alembic.script", reason="needs alembic")
migration = pytest.importorskip("alembic.migration", reason="needs alembic")
autogenerate = pytest.importorskip("alembic.autogenerate", reason="needs alembic")
sqlalchemy = pytest.importorskip("sqlalchemy", reason="needs sqlalchemy")


def test_the_newest_migration_is_the_schema() -> None:
    found = script.ScriptDirectory.from_config(migrations.config())
    assert found.get_heads() == [SCHEMA]
    assert found.get_base() == FIRST
    assert [one.revision for one in found.walk_revisions()] == sorted(
        (one.revision for one in found.walk_revisions()), reverse=True
    ), "they are compared as text"


def test_a_file_made_without_alembic_is_as_with_it(tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path / 'light.db'}")) as store:
        store.check()
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'heavy.db'}")
    with engine.begin() as connection:
        migrations.apply(connection)
    engine.dispose()
    assert _made(tmp_path / "light.db") == _made(tmp_path / "heavy.db")
    assert len(_made(tmp_path / "light.db")[0]) > 10


def _made(path: Path) -> tuple[list[tuple[str, str]], list[tuple[str]]]:
    with closing(sqlite3.connect(path)) as connection:
        told = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        version = connection.execute(f"SELECT * FROM {VERSIONS}").fetchall()  # noqa: S608
        return [(name, "".join((sql or "").split())) for name, sql in told], version


def test_the_tables_are_those_that_queries_know(url: str) -> None:
    with closing(open_store(url)) as store:
        store.check()
        with store._asked(None) as connection:
            context = migration.MigrationContext.configure(
                connection,
                opts={
                    "version_table": VERSIONS,
                    "compare_type": "postgresql" in url,
                    "include_object": _ours,
                },
            )
            assert autogenerate.compare_metadata(context, tables.metadata) == []


def _ours(_thing: object, name: str, kind: str, _reflected: bool, _other: object) -> bool:
    """Whether queries have to know it: not partitions, nor indexes, which are the migrations' alone."""
    return kind != "index" and not name.startswith("predictions_")


def test_migrating_again_changes_nothing(url: str) -> None:
    with closing(open_store(url)) as store:
        assert store.migrate() == SCHEMA
        store.write([prediction()])
        assert store.migrate() == SCHEMA
        assert store.version() == SCHEMA
        assert store.status().predictions == 1


def test_several_migrate_at_once(database: str) -> None:
    def migrate(_: int) -> str:
        with closing(open_store(database)) as store:
            return store.migrate()

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(migrate, range(5))) == [SCHEMA] * 5


def test_a_migration_is_done_or_not(database: str) -> None:
    """A table of somebody else's is in the way: nothing is made, and his is left alone."""
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg")
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE outcomes (mine int)")
    with closing(open_store(database)) as store:
        with pytest.raises(StoreUnavailableError, match="has another table of that name"):
            store.migrate()
        assert store.version() == ""
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert found.fetchall() == [("outcomes",)]


def test_both_dialects_have_the_same_statements() -> None:
    theirs, ours = first.statements("postgresql"), first.statements("sqlite")
    assert len(theirs) == len(ours)
    assert not any(word in " ".join(ours) for word in ("uuid", "jsonb", "timestamptz", "PARTITION"))
