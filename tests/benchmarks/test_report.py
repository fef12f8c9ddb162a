"""Ratios and tables."""

# ruff: noqa: RUF001 - signs for people
from __future__ import annotations

import json

import pytest

from benchmarks import plot, report
from benchmarks.report import Results
from tests.benchmarks.samples import load, results


def test_a_ratio_is_to_the_tutorial_in_the_same_round() -> None:
    assert results().ratios("lr", "pilotboat", report.rate(1)) == [50, 100, 40]
    assert results().ratios("lr", "fastapi", report.rate(16)) == [1, 1, 1]


def test_a_round_without_the_tutorial_gives_no_ratio() -> None:
    made = results()
    made.visits = [one for one in made.visits if (one.server, one.round) != ("fastapi", 2)]
    assert made.ratios("lr", "pilotboat", report.rate(1)) == [50, 40]


def test_a_server_without_a_form_for_many_rows_has_no_ratio() -> None:
    assert results().ratios("lr", "pilotboat", report.rows) == []


def test_spread_is_the_median_and_the_ends() -> None:
    assert report.spread([50, 100, 40]) == "50 (40–100)"
    assert report.spread([]) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [(38_023.4, "38,023"), (100.4, "100"), (99.96, "100"), (7.876, "7.88"), (0.0415, "0.0415")],
)
def test_numbers_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert report.number(value) == text


def test_the_table_has_every_server_and_says_why_one_is_missing() -> None:
    text = report.markdown(results())
    line = next(line for line in text.splitlines() if line.startswith("| Pilotboat 0.1.0 |"))
    assert line.startswith("| Pilotboat 0.1.0 | 5,000 | 50 (40–100) | 10,000 | 50 (40–100) | – |")
    assert "| tutorial (FastAPI, DataFrame) | 100 | 1 (1–1) |" in text
    assert "| Ray Serve, 2 replicas, batching | it ended at once: a\\|b c |" in text
    assert "Pilotboat's engine: plan." in text


def test_every_row_of_a_table_has_as_many_cells() -> None:
    rows = [line for line in report.markdown(results()).split("\n\n")[3].splitlines() if line]
    assert {line.count(" | ") for line in rows} == {rows[0].count(" | ")}


def test_a_model_that_nothing_could_serve_has_its_reasons_alone() -> None:
    made = Results({}, failures=results().failures)
    assert "not measured" in report.markdown(made)


def test_refused_requests_are_counted() -> None:
    made = results()
    made.visits[0].loads.update({16: load(10, refused=3)})  # type: ignore[attr-defined]
    assert "| 3 |" in report.markdown(made)


def test_the_plot_s_bars_are_the_same_ratios() -> None:
    document = json.loads(json.dumps(results().document()))
    found = plot.ratios(document, "fastapi")
    assert found == {"lr": {"fastapi": [1, 1, 1], "pilotboat": [50, 100, 40]}}
