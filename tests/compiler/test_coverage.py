"""Every model of the catalogue, compiled and proved; docs/coverage.md is what came of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pilotboat.compiler import specs
from pilotboat.errors import CompileError
from pilotboat.imports import resolve
from pilotboat.plan import Answers
from tests.compiler.models import MODELS, Compiled, Model, compiled, fitted, holds, quiet, rows_of

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
WRITE = bool(os.environ.get("PILOTBOAT_WRITE_DOCS"))
ALONE = 10
NOTHING = "-"
BOUNDS = {"0": 0.0, "≤ 1e-15": 1e-15, "≤ 1e-12": 1e-12}
SLACK = 4
"""Another processor rounds otherwise: a bound is printed with so much to spare."""
HEADER = """\
# What is compiled

Each of these models was fitted, compiled to a [plan](plan.md) and proved, as `pilotboat pack` does;
`make proof` does it again and writes this page. *Rows compared* were made to break the plan, and of
them *refused by both* are those that scikit-learn does not answer. Numbers differ on those rows by no
more than the rule of the proof allows; the *largest difference* is what remains of it on the rows of
training. *scikit-learn's own* is its answer to a row alone beside its answer to the same row among
others.

| model | family | compiled, or why not | rows compared | refused by both | labels wrong | largest difference | scikit-learn's own |
| --- | --- | --- | ---: | ---: | ---: | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    """A row of the page."""

    name: str
    family: str
    verdict: str
    rows: str = NOTHING
    refused: str = NOTHING
    wrong: str = NOTHING
    largest: str = NOTHING
    own: str = NOTHING

    def line(self) -> str:
        cells = (self.name, self.family, self.verdict, self.rows, self.refused, self.wrong)
        return f"| {' | '.join(one.replace('|', '') for one in (*cells, self.largest, self.own))} |"


@pytest.fixture(scope="module")
def page() -> Iterator[dict[str, Row]]:
    """The rows of the page, by the names of the models; with PILOTBOAT_WRITE_DOCS those to write."""
    if WRITE:
        made: dict[str, Row] = {}
        yield made
        assert list(made) == [model.name for model in MODELS], "a part cannot be written"
        PAGE.write_text(
            HEADER + "".join(f"{row.line()}\n" for row in made.values()), encoding="utf-8"
        )
        return
    lines = PAGE.read_text(encoding="utf-8").split("| --- |", 1)[1].splitlines()[1:]
    rows = [Row(*line.strip("| ").split(" | ")) for line in lines]
    yield {row.name: row for row in rows}


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_model(model: Model, page: dict[str, Row]) -> None:
    with quiet():
        estimator = fitted(model)
    rows = rows_of(estimator, model)
    try:
        made = compiled(estimator, rows)
        proof = made.prove()
    except (CompileError, ValueError) as error:
        _hold(Row(model.name, model.family, _why(error)), page)
        return
    largest, own = _differences(made)
    assert proof.labels_wrong == 0
    assert proof.rows > proof.refused
    if proof.exact:
        assert proof.largest_difference == largest == 0.0
    assert largest <= BOUNDS["≤ 1e-12"]
    counts = str(proof.rows), str(proof.refused), str(proof.labels_wrong)
    shown = "0" if proof.exact else _bound(largest), _bound(own)
    _hold(Row(model.name, model.family, "compiled", *counts, *shown), page)


def _hold(row: Row, page: dict[str, Row]) -> None:
    """Compare what is the same on every machine: the numbers need only be within their bounds."""
    if WRITE:
        page[row.name] = row
        return
    wanted = page.get(row.name)
    assert wanted is not None, "make proof writes it into docs/coverage.md"
    said = [(one.family, one.verdict, one.wrong, one.largest == NOTHING) for one in (row, wanted)]
    assert said[0] == said[1], "make proof writes it into docs/coverage.md"


def _why(error: Exception) -> str:
    if not isinstance(error, CompileError):
        return f"the plan failed with {type(error).__name__}"  # as packing says
    if error.facts:
        return error.detail
    return "refused by the proof"


def _bound(largest: float) -> str:
    if largest == 0:
        return "0"
    return next((text for text, bound in BOUNDS.items() if largest * SLACK <= bound), "> 1e-12")


def _differences(made: Compiled) -> tuple[float, float]:
    """On the rows of training: of the plan from scikit-learn, and of that from itself."""
    with quiet():
        wanted, got = made.ask(made.rows), made.plan.many()(made.rows.columns)
        largest, own = _largest(wanted, got), 0.0
        for number in range(0, made.rows.count, max(1, made.rows.count // ALONE)):
            alone = made.ask(made.rows.take(number, number + 1))
            own = max(own, _largest(alone, _cut(wanted, number)))
            one = made.plan.one()([column[number] for column in made.rows.columns])
            answered = np.array([one[0]]), None if one[1] is None else np.array([one[1]])
            largest = max(largest, _largest(alone, answered))
    return largest, own


def _cut(answers: Answers, number: int) -> Answers:
    row = slice(number, number + 1)
    return answers[0][row], None if answers[1] is None else answers[1][row]


def _largest(wanted: Answers, got: Answers) -> float:
    if wanted[1] is None and wanted[0].dtype.kind == "f":
        return float(np.abs(wanted[0] - got[0]).max())
    assert wanted[0].tolist() == got[0].tolist()
    if wanted[1] is None or got[1] is None:
        return 0.0
    return float(np.abs(wanted[1] - got[1]).max())


def test_the_page_names_every_model_once(page: dict[str, Row]) -> None:
    names = [model.name for model in MODELS]
    assert len(set(names)) == len(names)
    if not WRITE:
        gone = set(page) - set(names)  # types that this version of scikit-learn does not have
        assert [name for name in page if name not in gone] == names


def test_every_type_is_in_the_catalogue() -> None:
    with quiet():
        kinds = {type(one) for model in MODELS for one in holds(fitted(model))}
    seen = {f"{kind.__module__}:{kind.__qualname__}" for kind in kinds}
    assert sorted(name for name in specs() if name not in seen and _is_there(name)) == []


def _is_there(name: str) -> bool:
    """Whether this version of scikit-learn has the type."""
    try:
        resolve(name)
    except (ImportError, AttributeError):
        return False
    return True
