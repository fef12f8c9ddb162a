"""The server that tests are given does what its methods say."""

from __future__ import annotations

import pytest

from tests.postgres import Postgres

psycopg = pytest.importorskip("psycopg", reason="needs psycopg")


def test_it_keeps_port_and_data_whatever_ends_it() -> None:
    with Postgres() as own:
        url = own.database()
        own.query("CREATE TABLE kept (x int)", url)
        for mode in ("smart", "fast", "immediate"):
            own.stop(mode)
            with pytest.raises(psycopg.OperationalError):
                own.query("SELECT 1")
            own.start()
        own.kill()
        own.start()
        assert own.query("SELECT count(*) FROM kept", url) == [(0,)]
        home = own.home
    assert not home.exists()


def test_suspended_it_accepts_and_never_answers() -> None:
    with Postgres() as own:
        own.suspend()
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(own.url(), connect_timeout=2)
        own.resume()
        assert own.query("SELECT 1") == [(1,)]
