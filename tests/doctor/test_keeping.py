from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pilotboat.doctor import keeping
from pilotboat.operations.store import open_store
from pilotboat.settings import Settings, read


def settings(state: Path, **given: Any) -> Settings:
    return read(state=str(state), **{"prediction_log": True, **given})


def test_there_are_three_checks(tmp_path: Path) -> None:
    assert [one.name for one in keeping.checks(settings(tmp_path), tmp_path)] == [
        "spool",
        "libraries",
        "database",
    ]


def test_room_for_what_waits_is_told(tmp_path: Path) -> None:
    found = keeping.spool(settings(tmp_path / "absent"), tmp_path / "absent")
    assert found.mark == "ok"
    assert "flushed, drop_newest; at most 536,870,912 bytes wait" in found.says


def test_a_disk_that_is_smaller_than_what_may_wait_is_a_warning(tmp_path: Path) -> None:
    found = keeping.spool(settings(tmp_path, prediction_log_max_bytes=2**60), tmp_path)
    assert found.mark == "warning"
    assert "PILOTBOAT_PREDICTION_LOG_MAX_BYTES" in found.remedy


def test_the_libraries_are_there_or_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keeping.library().mark == "ok"
    monkeypatch.setattr(keeping, "find_spec", lambda _name: None)
    found = keeping.library()
    assert found.mark == "fault"
    assert "pilotboat[store]" in found.remedy


def test_a_file_that_is_not_there_yet_is_made_when_it_is_needed(tmp_path: Path) -> None:
    assert keeping.store(settings(tmp_path)).mark == "ok"


def test_a_file_with_its_tables_is_in_order(tmp_path: Path) -> None:
    made = settings(tmp_path)
    store = open_store(made.store_url)
    store.migrate()
    store.close()
    found = keeping.store(made)
    assert (found.mark, found.says) == ("ok", "SQLite, with the schema of this release")


def test_a_database_that_does_not_answer_is_a_warning_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://pilotboat:s3cret@127.0.0.1:1/pilotboat"
    found = keeping.store(settings(tmp_path, database_url=url))
    assert found.mark == "warning"
    assert "s3cret" not in found.says + found.remedy
