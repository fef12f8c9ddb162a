from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pilotboat import serve
from pilotboat.operations.access import Access
from pilotboat.serve import Reload, build, configure_logging
from pilotboat.settings import exported, read
from tests.factories import RECORD, damaged
from tests.http.wire import inside


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_the_application_is_built_without_a_look_at_the_repository(tmp_path: Path) -> None:
    assert isinstance(build(read(repository=str(tmp_path / "nothing"))), Access)


def test_what_is_served_is_logged(titanic: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), inside(repository=str(titanic)) as ask:
        assert ask("POST", "/predict", json=RECORD).status_code == 200
    assert "titanic 1 is served by plan, the default" in caplog.text


@pytest.mark.parametrize("part", ["titanic", "titanic/1"])
def test_a_model_or_a_bundle_alone_can_be_served(titanic: Path, part: str) -> None:
    with inside(repository=str(titanic / part)) as ask:
        assert ask("GET", "/v1/models").json() == {"models": ["titanic"]}
        assert ask("POST", "/predict", json=RECORD).json()["model"] == "titanic"


def test_an_empty_repository_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with inside(repository=str(tmp_path)):
        assert f"There is no model in '{tmp_path}'" in caplog.text


def test_what_is_not_served_is_logged(
    titanic: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged(titanic / "titanic" / "1", tmp_path / "broken")
    with inside(repository=str(tmp_path)):
        assert "not ready: broken: 'golden.jsonl' is not the file" in caplog.text
    assert "There is no model" not in caplog.text


def test_settings_reach_where_they_count(titanic: Path) -> None:
    few = {"max_rows": 1, "max_text": 1, "max_body_bytes": 1024, "unknown_fields": "ignore"}
    with inside(repository=str(titanic), model="titanic", **few) as ask:
        assert ask("POST", "/predict", json=RECORD | {"more": 1}).status_code == 200
        assert ask("POST", "/predict", json={"instances": [RECORD] * 2}).status_code == 413
        assert ask("POST", "/predict", content=b" " * 2000).status_code == 413


def test_a_life_cut_off_ends_like_any_other(
    titanic: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app: Any = build(read(repository=str(titanic)))
    sent: list[str] = []

    async def live() -> None:
        asked = iter(["lifespan.startup"])
        started = asyncio.Event()

        async def receive() -> dict[str, Any]:
            for kind in asked:
                return {"type": kind}
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Any) -> None:
            sent.append(message["type"])
            started.set()

        task = asyncio.create_task(app({"type": "lifespan"}, receive, send))
        await started.wait()
        task.cancel()
        await task

    asyncio.run(live())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert "Traceback" not in caplog.text


@pytest.mark.usefixtures("logging_as_it_was")
def test_the_application_of_a_child_reads_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = read(repository=str(tmp_path), log_level="error")
    for variable, value in exported(made).items():
        monkeypatch.setenv(variable, value)
    assert isinstance(serve.reloaded(), Access)
    assert logging.getLogger().level == logging.ERROR


@pytest.mark.usefixtures("logging_as_it_was")
def test_a_line_of_the_log_names_its_level(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    logging.getLogger("pilotboat.test").info("said")
    logging.getLogger("pilotboat.test").debug("not said")
    assert capfd.readouterr().err.endswith("INFO pilotboat.test: said\n")


def reload(repository: Path) -> Reload:
    config = uvicorn.Config("pilotboat.serve:reloaded", factory=True, reload_delay=0.0)
    return Reload(config, print, [], repository)


def test_a_bundle_that_appears_changes_or_goes_is_noticed(tmp_path: Path) -> None:
    watch = reload(tmp_path)
    assert watch.should_restart() is None
    bundle = tmp_path / "model" / "1" / "bundle.json"
    bundle.parent.mkdir(parents=True)
    bundle.touch()
    assert watch.should_restart() == [bundle]
    assert watch.should_restart() is None
    os.utime(bundle, (1, 1))
    assert watch.should_restart() == [bundle]
    bundle.unlink()
    assert watch.should_restart() == [bundle]
    assert watch.should_restart() is None


def test_what_is_only_being_written_is_not(tmp_path: Path) -> None:
    watch = reload(tmp_path)
    draft = tmp_path / "model" / ".draft-1" / "bundle.json"
    draft.parent.mkdir(parents=True)
    draft.touch()
    (tmp_path / "model" / "notes.txt").touch()
    assert watch.should_restart() is None


def test_the_source_is_watched_too(tmp_path: Path) -> None:
    watched = {path for path, _ in reload(tmp_path).files()}
    assert Path(serve.__file__) in watched
