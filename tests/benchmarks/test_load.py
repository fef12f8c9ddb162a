"""What wrk prints, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.load import Load, LoadError, MissingProgramError

PRINTED = """\
Running 2s test @ http://127.0.0.1:8000/predict
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.22ms    2.01ms  21.60ms   92.14%
Requests/sec:  19011.50
{"requests":38023,"seconds":2.000123,"p50_ms":0.3990,"p99_ms":2.2800,"refused":23,"broken":2}
"""


def test_what_wrk_prints_is_read() -> None:
    made = load.parse(PRINTED)
    assert made == Load(38_023, 2.000123, 0.399, 2.28, refused=23, broken=2)
    assert made.errors == 25


def test_a_refused_request_does_not_count_as_answered() -> None:
    assert load.parse(PRINTED).rate == pytest.approx(38_000 / 2.000123)


def test_output_without_figures_is_an_error() -> None:
    with pytest.raises(LoadError, match="unable to connect"):
        load.parse("unable to connect to 127.0.0.1:1 Connection refused")


def test_without_wrk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingProgramError, match="apt install wrk"):
        load.require()


def test_bodies_are_written_one_a_line(tmp_path: Path) -> None:
    assert load.write([b"{}", b"[]"], tmp_path / "bodies").read_bytes() == b"{}\n[]\n"
