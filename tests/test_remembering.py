from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

import pilotboat
from pilotboat.operations import segments
from pilotboat.operations.segments import OUTCOME
from pilotboat.remembering import Remembering, Shipping, policy
from pilotboat.runtime.batcher import at_once
from pilotboat.settings import Settings, read
from tests.factories import RECORD
from tests.processes import eventually, is_running


def settings(state: Path, **given: Any) -> Settings:
    return read(state=str(state), **{"prediction_log": True, **given})


def test_what_is_answered_and_what_became_of_it_is_kept(titanic: Path, tmp_path: Path) -> None:
    model = pilotboat.load(titanic / "titanic")
    memory = Remembering(settings(tmp_path, prediction_log_durability="buffered"))
    one = model.one
    assert one is not None

    async def live() -> None:
        async def never(_call: Any) -> Any:
            raise AssertionError

        _, soon = memory.wrap(model, never, at_once(one))
        assert soon is not None
        cells = model.reader.row(RECORD)
        assert cells is not None
        soon(cells, pilotboat.prediction.Asked("a"), lambda _answer: None)
        await memory.keep([{"id": "a", "row": 0, "actual": "yes"}], None)
        memory.close()  # what was only buffered is written

    asyncio.run(live())
    (path,) = segments.names(tmp_path / "spool")
    found, _, whole = segments.read(path)
    assert whole
    assert sorted(one.kind for one in found) == [1, 2]
    counted = memory.counted()
    assert counted["pilotboat_prediction_log_rows_total", ()] == 2
    assert counted["pilotboat_prediction_log_dropped_rows_total", ("newest",)] == 0


def test_outcomes_wait_for_the_disk_where_predictions_do(tmp_path: Path) -> None:
    memory = Remembering(settings(tmp_path, prediction_log_durability="synced"))
    asyncio.run(memory.keep([{"id": "a", "row": 0, "actual": 1}], "ci"))
    memory.close()
    (path,) = segments.names(tmp_path / "spool")
    assert segments.read(path)[0][0].kind == OUTCOME


def test_what_the_shipper_tells_is_what_the_metrics_say(tmp_path: Path) -> None:
    memory = Remembering(settings(tmp_path))
    assert memory.told() == {}
    (tmp_path / "spool").mkdir()
    status = tmp_path / "spool" / "status.json"
    status.write_text("{")
    assert memory.told() == {}
    told = {"stored_rows": 5, "parked_rows": 1, "lag_seconds": 0.5, "waiting_bytes": 100}
    status.write_text(json.dumps(told))
    assert memory.told() == {
        ("pilotboat_prediction_log_stored_rows_total", ()): 5.0,
        ("pilotboat_prediction_log_parked_rows_total", ()): 1.0,
        ("pilotboat_prediction_log_lag_seconds", ()): 0.5,
        ("pilotboat_prediction_log_waiting_bytes", ()): 100.0,
    }


def test_a_policy_is_what_the_settings_say(tmp_path: Path) -> None:
    made = policy(
        settings(
            tmp_path,
            prediction_log_redact=("age=drop", "a=b=hash"),
            prediction_log_redact_key="s3cret",
            prediction_log_sample=0.5,
            trust_idempotency_key=True,
        ),
        tmp_path,
    )
    assert made.redact == (("age", "drop"), ("a=b", "hash"))
    assert (made.key, made.sample, made.once) == (b"s3cret", 0.5, True)


def test_the_key_of_hashes_is_made_once_and_kept_to_ourselves(tmp_path: Path) -> None:
    made = settings(tmp_path / "state", prediction_log_redact=("age=hash",))
    first, second = (policy(made, tmp_path / "state").key for _ in range(2))
    assert first == second
    assert len(first) == 32
    (file,) = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = policy(
        settings(tmp_path / "other", prediction_log_redact=("age=hash",)), tmp_path / "o"
    )
    assert other.key != first


def test_no_key_is_made_where_nothing_is_hashed(tmp_path: Path) -> None:
    policy(settings(tmp_path / "state", prediction_log_redact=("age=drop",)), tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_a_key_that_cannot_be_kept_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    made = settings(tmp_path / "file", prediction_log_redact=("age=hash",))
    assert len(policy(made, tmp_path / "file").key) == 32
    assert "this start alone" in caplog.text


def test_what_ships_is_started_anew_when_it_ends_and_ends_when_it_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shipping = Shipping(settings(tmp_path))
    status = tmp_path / "spool" / "status.json"

    def ships() -> bool:
        shipping.look()
        return status.exists()

    try:
        assert eventually(ships)
        assert shipping.process is not None
        first = shipping.process.pid
        os.kill(first, signal.SIGKILL)
        status.unlink()
        assert eventually(ships)
        assert shipping.process.pid != first
        assert "it is started anew" in caplog.text
        second = shipping.process.pid
    finally:
        shipping.stop()
    assert not is_running(second)
    shipping.stop()  # twice is once
