"""`pilotboat store`"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pilotboat.cli.store import store as group
from pilotboat.operations.segments import Record
from pilotboat.operations.store import Query, open_store
from tests.cli.conftest import Command
from tests.cli.test_main import one_line
from tests.factories import PILOTBOAT, clean_environment
from tests.operations.store.records import NOON, outcome, prediction, spread
from tests.postgres import PASSWORD
from tests.test_imports import modules_after

pytest.importorskip("sqlalchemy", reason="needs sqlalchemy")

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
Fill = Callable[..., None]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory, and no settings but that."""
    for name in list(os.environ):
        if name.startswith("PILOTBOAT_") and "TEST" not in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("PILOTBOAT_STATE", str(tmp_path))
    return tmp_path


@pytest.fixture
def fill(state: Path) -> Fill:
    """Puts records into the store of the state directory."""

    def fill(*records: Record) -> None:
        with closing(open_store(f"sqlite:///{state / 'predictions.db'}")) as opened:
            opened.write(records)

    return fill


def found(state: Path) -> list[dict[str, Any]]:
    with closing(open_store(f"sqlite:///{state / 'predictions.db'}", read_only=True)) as opened:
        return opened.find(Query(limit=1000)).items


@pytest.mark.parametrize("name", ["status", "export", "prune", "migrate"])
def test_nothing_there_is_told(pilotboat: Command, state: Path, name: str) -> None:
    more = ["--older-than", "1d"] if name == "prune" else []
    said = pilotboat("store", name, *more)
    if name == "migrate":
        assert said.code == 0
        return
    assert said.code == 4
    assert "predictions.db is not there yet. It begins with the first prediction." in said.err
    one_line(said.err)
    assert not list(state.iterdir()), "nothing was made"


def test_help_names_every_command_and_has_examples(pilotboat: Command) -> None:
    said = pilotboat("store", "--help")
    assert said.code == 0
    for name in ("status", "export", "prune", "migrate", "ship"):
        assert re.search(rf"^  {name} ", said.out, re.MULTILINE), name
    for name in group.commands:
        assert "Examples:" in pilotboat("store", name, "--help").out


def test_what_is_elsewhere_is_found(pilotboat: Command) -> None:
    assert "--once" in pilotboat("store", "ship", "--help").out


def test_what_ships_imports_nothing_heavy_before_it_begins() -> None:
    code = "from pilotboat.cli.main import main\ntry: main(['store', 'ship', '--help'])\nexcept SystemExit: pass"
    assert not modules_after(code) & {"sqlalchemy", "alembic", "psycopg", "pyarrow", "numpy"}


def test_an_unknown_command_is_told(pilotboat: Command) -> None:
    said = pilotboat("store", "shop")
    assert said.code == 2
    one_line(said.err)


def test_status_for_people(pilotboat: Command, state: Path, fill: Fill) -> None:
    fill(*spread(3), prediction(version="2"), outcome({"id": "r", "actual": 1}))
    said = pilotboat("store", "status")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith(f"SQLite in {state / 'predictions.db'}: schema 0001, 0.")
    assert [line.split(maxsplit=1) for line in lines[1:]] == [
        ["predictions", f"{4:12}  2026-11-28T12:00:00.123Z to 2026-11-28T12:00:02.123Z".strip()],
        ["outcomes", "1"],
        ["model", "titanic, versions 1, 2"],
        ["shipper", "has not run with this PILOTBOAT_STATE"],
    ]


def test_status_tells_of_the_shipper(pilotboat: Command, state: Path, fill: Fill) -> None:
    fill(prediction())
    told = {
        "time": time.time() - 7,
        "pid": 1,
        "stored_rows": 1234,
        "parked_rows": 2,
        "torn": 0,
        "lag_seconds": 3.25,
        "waiting_bytes": 4096,
        "error": "PostgreSQL is away.",
    }
    (state / "spool").mkdir()
    (state / "spool" / "status.json").write_text(json.dumps(told))
    lines = pilotboat("store", "status").out.splitlines()
    assert lines[-2].endswith(
        "lag 3.2 s, 4,096 bytes waiting, 1,234 rows stored, 2 parked (7 s ago)"
    )
    assert lines[-1].strip() == "PostgreSQL is away."
    made = json.loads(pilotboat("store", "status", "--json").out)
    assert made["shipper"]["lag_seconds"] == 3.25
    assert (made["predictions"], made["schema"]) == (1, "0001")
    assert made["models"] == {"titanic": ["1"]}
    assert made["size"] > 0
    assert made["store"].startswith("SQLite in ")


def test_an_export_is_a_file_that_is_whole(pilotboat: Command, state: Path, fill: Fill) -> None:
    fill(*spread(12), outcome({"id": "r", "actual": 1}))
    file = state / "out.csv"
    said = pilotboat("store", "export", "-o", file)
    assert said.code == 0
    assert said.err == f"12 predictions: {file}\n"
    with file.open(newline="") as opened:
        assert len(list(csv.DictReader(opened))) == 12
    again = pilotboat("store", "export", "-o", file)
    assert again.code == 4
    assert "--force" in again.err
    assert pilotboat("store", "export", "-o", file, "--force").code == 0
    assert [one.name for one in state.iterdir() if "predictions.db" not in one.name] == ["out.csv"]


def test_an_export_to_a_pipe(state: Path, fill: Fill) -> None:
    fill(*spread(5, inputs={"ä": ["한"]}))
    done = subprocess.run(
        [*PILOTBOAT, "store", "export"],
        env=clean_environment(PILOTBOAT_STATE=str(state), LC_ALL="C"),
        capture_output=True,
        check=True,
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert [row["ä"] for row in rows] == ["한"] * 5
    assert done.stderr == b"5 predictions: -\n"


def test_an_export_of_some(pilotboat: Command, fill: Fill) -> None:
    fill(
        *(
            prediction(f"{model} {day}", model=model, version=str(day), time=NOON + DAY * day)
            for model in ("titanic", "house")
            for day in range(1, 4)
        )
    )

    def ids(*options: str) -> list[str]:
        said = pilotboat("store", "export", *options)
        assert said.code == 0, said.err
        return [row["id"] for row in csv.DictReader(io.StringIO(said.out))]

    assert ids("--model", "house") == ["house 1", "house 2", "house 3"]
    assert ids("--model", "house", "--version", "2") == ["house 2"]
    assert ids("--model", "house", "--since", "2026-11-30") == ["house 2", "house 3"]
    assert ids("--model", "house", "--until", "2026-11-30T12:00:00.123Z") == ["house 1"]
    assert ids("--model", "house", "--since", "2026-12-01T00:00:00+09:00") == ["house 3"]
    assert len(ids("--json-inputs")) == 6
    said = pilotboat("store", "export")
    assert said.code == 2
    assert "predictions of house, titanic" in said.err
    one_line(said.err)


def test_an_export_as_parquet(pilotboat: Command, state: Path, fill: Fill) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    fill(*spread(5))
    assert pilotboat("store", "export", "-o", state / "a.parquet").code == 0
    assert pilotboat("store", "export", "--format", "parquet", "-o", state / "b.bin").code == 0
    assert parquet.read_table(state / "a.parquet").num_rows == 5
    assert (state / "b.bin").read_bytes() == (state / "a.parquet").read_bytes()


def test_parquet_without_its_library_is_told(
    pilotboat: Command, state: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(prediction())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pilotboat.operations.store.parquet", raising=False)
    said = pilotboat("store", "export", "-o", state / "a.parquet")
    assert said.code == 4
    assert 'pip install "pilotboat[parquet]"' in said.err
    assert not (state / "a.parquet").exists()


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--since", "yesterday"], 2, "'yesterday' is no time."),
        (["--model", "nobody's"], 3, "no such prediction"),
        (["-o", "nowhere/a.csv"], 4, "cannot be written"),
    ],
)
def test_an_export_that_cannot_be(
    pilotboat: Command, state: Path, fill: Fill, options: list[str], code: int, says: str
) -> None:
    fill(prediction())
    said = pilotboat("store", "export", *options)
    assert (said.code, said.out) == (code, "")
    assert says in said.err
    one_line(said.err)


def test_a_failed_export_leaves_nothing(pilotboat: Command, state: Path, fill: Fill) -> None:
    fill(prediction(inputs={"x": [1]}), prediction(model="house"))
    assert pilotboat("store", "export", "-o", state / "a.csv").code == 2
    assert sorted(one.name for one in state.iterdir() if "db" not in one.name) == []


def test_an_export_on_a_terminal_shows_progress(state: Path, fill: Fill) -> None:
    fill(*spread(20))
    said = _on_a_terminal(state, "store", "export", "-o", str(state / "a.csv"))
    assert "exporting" in said
    assert "100%" in said
    assert "20 predictions" in said


def test_parquet_is_not_for_terminals(state: Path, fill: Fill) -> None:
    fill(prediction())
    said = _on_a_terminal(state, "store", "export", "--format", "parquet")
    assert "Parquet is not for terminals. Say -o FILE.parquet." in said


def test_prune_on_a_terminal_counts(state: Path, fill: Fill) -> None:
    fill(*spread(20))
    said = _on_a_terminal(state, "store", "prune", "--older-than", "1h")
    assert "20 predictions removed" in said


def _on_a_terminal(state: Path, *arguments: str) -> str:
    """What a command shows on a terminal of its own."""
    if not hasattr(os, "openpty"):
        pytest.skip("there are no pseudo-terminals")
    terminal, side = os.openpty()
    try:
        done = subprocess.Popen(
            [*PILOTBOAT, *arguments],
            env=clean_environment(PILOTBOAT_STATE=str(state)),
            stdin=side,
            stdout=side,
            stderr=side,
        )
        os.close(side)
        said = b""
        while True:
            try:
                said += os.read(terminal, 65_536)
            except OSError:  # the last one who could write has gone
                break
        done.wait(60)
        return said.decode()
    finally:
        os.close(terminal)


def test_prune_removes_what_is_old(pilotboat: Command, state: Path, fill: Fill) -> None:
    fill(
        *(prediction(f"{days}", time=NOW - DAY * days) for days in (1, 20, 40, 60)),
        outcome({"id": "60", "actual": 1}, time=NOW - DAY * 50),
    )
    said = pilotboat("store", "prune", "--older-than", "30d", "--dry-run")
    assert said.code == 0
    assert said.out.startswith("2 predictions and 1 outcomes would be removed, older than 20")
    assert len(found(state)) == 4
    said = pilotboat("store", "prune", "--older-than", "30d", "--vacuum")
    assert said.out.startswith("2 predictions and 1 outcomes were removed, older than 20")
    assert [one["id"] for one in found(state)] == ["1", "20"]
    assert pilotboat("store", "prune", "--older-than", "2w").code == 0
    assert [one["id"] for one in found(state)] == ["1"]


def test_prune_takes_its_age_from_the_settings(
    pilotboat: Command, state: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(prediction("new", time=NOW), prediction("old", time=NOW - DAY * 3))
    said = pilotboat("store", "prune")
    assert said.code == 2
    assert "Say --older-than 90d, or set PILOTBOAT_RETENTION_DAYS." in said.err
    one_line(said.err)
    monkeypatch.setenv("PILOTBOAT_RETENTION_DAYS", "2")
    assert pilotboat("store", "prune").code == 0
    assert [one["id"] for one in found(state)] == ["new"]


@pytest.mark.parametrize("age", ["", "90", "d", "0d", "-1d", "1y", "1.5d", "999999w", "²d"])
def test_an_age_that_is_none_removes_nothing(
    pilotboat: Command, state: Path, fill: Fill, age: str
) -> None:
    fill(prediction())
    said = pilotboat("store", "prune", f"--older-than={age}")
    assert said.code == 2
    assert "is no age. Ages are 90d, 12h or 4w." in said.err
    one_line(said.err)
    assert len(found(state)) == 1


def test_no_age_is_older_than_the_calendar(pilotboat: Command, state: Path, fill: Fill) -> None:
    fill(prediction())
    assert pilotboat("store", "prune", "--older-than", "99999w").code == 0
    assert len(found(state)) == 1


def test_migrate_says_what_it_did(
    pilotboat: Command, state: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTBOAT_DATABASE_URL", database)
    said = pilotboat("store", "status")
    assert said.code == 4
    assert "has no tables yet. Run 'pilotboat store migrate'." in said.err
    assert PASSWORD not in said.err
    first, second = pilotboat("store", "migrate"), pilotboat("store", "migrate")
    assert re.fullmatch(r"PostgreSQL at .*: schema 0001 was made\n", first.out)
    assert re.fullmatch(r"PostgreSQL at .*: schema 0001 is up to date\n", second.out)
    assert pilotboat("store", "status").code == 0
    said = pilotboat("store", "prune", "--older-than", "1d", "--vacuum")
    assert said.code == 0, said.err


def test_a_database_url_in_a_file(
    pilotboat: Command, state: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = state / "url"
    file.write_text(f"{database}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PILOTBOAT_DATABASE_URL_FILE", str(file))
    assert pilotboat("store", "migrate").code == 0


def test_a_database_that_is_away_is_told(
    pilotboat: Command, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTBOAT_DATABASE_URL", f"postgresql://u:{PASSWORD}@127.0.0.1:1/db")
    for name in ("status", "export", "migrate"):
        said = pilotboat("store", name)
        assert said.code == 4
        assert "127.0.0.1:1, database 'db' cannot be reached: Connection refused." in said.err
        assert PASSWORD not in said.err
        one_line(said.err)
