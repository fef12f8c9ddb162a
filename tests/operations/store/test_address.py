"""Where a store is, without telling how to get in."""

from __future__ import annotations

import pytest

from pilotboat.errors import UsageError
from pilotboat.operations.store import address, open_store


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@db:5432/log", "PostgreSQL at db:5432, database 'log'"),
        ("postgres://u:secret@db/log", "PostgreSQL at db, database 'log'"),
        ("postgresql+psycopg://u:secret@db/log", "PostgreSQL at db, database 'log'"),
        (" postgresql://u:secret@db/log\n", "PostgreSQL at db, database 'log'"),
        ("postgresql://u:s%40e%2Fcret@db/log", "PostgreSQL at db, database 'log'"),
        ("postgresql://u@a:1,b:2/log?sslmode=require", "PostgreSQL at a:1,b:2, database 'log'"),
        ("postgresql://u:secret@[::1]:5432/log", "PostgreSQL at [::1]:5432, database 'log'"),
        ("postgresql:///log", "PostgreSQL at this machine, database 'log'"),
        ("postgresql://u:secret@db", "PostgreSQL at db"),
        ("sqlite:////var/lib/predictions.db", "SQLite in /var/lib/predictions.db"),
        ("sqlite:///predictions.db", "SQLite in predictions.db"),
        ("sqlite:////a b/100%/ä?.db", "SQLite in /a b/100%/ä?.db"),
    ],
)
def test_what_is_shown_is_no_secret(url: str, shown: str) -> None:
    found = address.parse(url)
    assert found.shown == shown
    assert "cret" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret",
        "sqlite://",
        "sqlite:///",
        "mysql://u:secret@db/log",
        "https://u:secret@db/log",
        "postgresql:u:secret@db/log",
        "postgresql://u:se@cret@db/log",
        "postgresql://u:se/cret@db/log",
        "postgresql://u:se?cret@db/log",
        "postgresql://u:se#cret@db/log",
        "postgresql://u:secret@db:port/log",
        "postgresql://u:secret@[db/log",
        "postgresql://u:%zzsecret@db/log",
        "postgresql://u:secret@db/log?secret",
        "postgresql://u:secret@db/log?secret=1",
    ],
)
def test_a_url_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    assert "Expected postgresql://USER:PASSWORD@HOST/NAME or sqlite:////PATH." in str(caught.value)
    assert caught.value.__cause__ is None
