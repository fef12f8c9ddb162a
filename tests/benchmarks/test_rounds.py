"""A real round, short, with two tiny servers; and what becomes of those that fail."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks import answers, rounds
from benchmarks.answers import Answer, Route
from benchmarks.rounds import Failure, Seat, Visit, fill, interleaved
from benchmarks.servers import SERVERS, Server
from benchmarks.training import Trained

TINY = str(Path(__file__).with_name("tiny.py"))
ONE = Route("/predict", answers.first, answers.named)

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")


def tiny(name: str, *words: str, prepare: tuple[str, ...] = ()) -> Server:
    return Server(name, name, ("{python}", *words), one=ONE, prepare=prepare)


def seat(server: Server, folder: Path) -> Seat:
    records = [{"age": share} for share in (0.75, 1.0, 0.5)]
    told = [Answer("yes", {"no": 1 - one["age"], "yes": one["age"]}) for one in records]
    bundle = folder / "bundles" / "lr" / "1"
    trained = Trained("lr", folder / "lr.joblib", bundle, "plan", records, told, [], [])
    return Seat(server, Path(sys.executable).parent, trained, folder, folder)


@needs_wrk
def test_a_round_measures_who_is_right_and_refuses_who_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "CONNECTIONS", (2,))
    right, wrong = tiny("right", TINY, "{port}", "yes"), tiny("wrong", TINY, "{port}", "no")
    said: list[str] = []
    found = list(interleaved([seat(right, tmp_path), seat(wrong, tmp_path)], 2, 1, said.append))
    first, refused, second = found
    assert isinstance(first, Visit)
    assert isinstance(second, Visit)
    assert (first.round, second.round) == (1, 2)
    assert first.loads[2].requests > 0
    assert first.loads[2].errors == 0
    assert first.loads[2].cpu_ms > 0
    assert first.rows is None
    assert refused == Failure("lr", "wrong", "wrong: row 0: label 'no', not 'yes'")
    assert len(said) == 3


@needs_wrk
@pytest.mark.parametrize("name", ["constant", "router"])
def test_a_ceiling_answers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("gunicorn", "fastapi"):
        pytest.importorskip(package, reason=f"needs {package}")
    monkeypatch.setattr(rounds, "CONNECTIONS", (2,))
    (found,) = interleaved([seat(SERVERS[name], tmp_path)], 1, 1, lambda _text: None)
    assert isinstance(found, Visit), found
    assert found.loads[2].requests > 0
    assert found.loads[2].errors == 0


def test_a_server_that_ends_is_a_failure_and_the_others_go_on(tmp_path: Path) -> None:
    broken = tiny("broken", "-c", "raise SystemExit('no such model')")
    unprepared = tiny("unprepared", "-c", "", prepare=("{python}", "-c", "raise OSError('full')"))
    seats = [seat(broken, tmp_path), seat(unprepared, tmp_path)]
    found = list(interleaved(seats, 2, 1, lambda _text: None))
    assert found == [
        Failure("lr", "broken", "it ended at once: no such model"),
        Failure("lr", "unprepared", "not prepared: OSError: full"),
    ]


def test_a_server_that_never_answers_rightly_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "START_TIMEOUT", 1.0)
    silent = tiny("silent", "-m", "http.server", "{port}", "--bind", "127.0.0.1")
    (found,) = interleaved([seat(silent, tmp_path)], 1, 1, lambda _text: None)
    assert isinstance(found, Failure)
    assert found.reason.startswith("no answer in 1 s")


def test_a_server_inherits_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTBOAT_WORKERS", "7")
    monkeypatch.setenv("WEB_CONCURRENCY", "7")
    placed = seat(tiny("any"), tmp_path)
    made = placed.environment(placed.places(1))
    assert not {"PILOTBOAT_WORKERS", "WEB_CONCURRENCY"} & made.keys()
    assert made["PATH"] == os.environ["PATH"]


def test_only_known_places_are_filled() -> None:
    assert fill('{port} {"a":1}', {"port": "80"}) == '80 {"a":1}'
