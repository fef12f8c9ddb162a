"""Golden rows find what answers otherwise; the baseline describes what training saw."""

from __future__ import annotations

import json
import math
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pilotboat
from pilotboat.bundle import baseline, golden
from pilotboat.bundle.archive import open_bundle
from pilotboat.bundle.manifest import BASELINE, GOLDEN
from pilotboat.errors import BundleError
from pilotboat.rows import Reader, Rows
from pilotboat.schema import Field, Schema
from tests.bundle.test_archive import V1, resealed

SCHEMA = Schema(
    (
        Field("size", "number", nullable=True),
        Field("deck", "category", categories=("A", "B", "C"), closed=True),
    ),
    (Field("prediction", "category", categories=("no", "yes"), closed=True),),
    probabilities=True,
)
PLAIN = Schema(SCHEMA.inputs, (Field("prediction", "number"),))


def rows_of(count: int) -> Rows:
    cells: list[dict[str, Any]] = [{"size": float(i), "deck": "ABC"[i % 3]} for i in range(count)]
    cells[-1]["size"] = None
    return Reader(SCHEMA).records(cells)


def answer(rows: Rows) -> Any:
    numbers = np.array([0.0 if one is None else one for one in rows.columns[0]])
    shares = 1 / (1 + np.exp(10 - numbers))
    return np.where(shares > 0.5, "yes", "no"), np.column_stack([1 - shares, shares])


def regress(rows: Rows) -> Any:
    return answer(rows)[1][:, 1] * 1000, None


@pytest.fixture
def written(tmp_path: Path) -> Path:
    rows = rows_of(20)
    labels, shares = answer(rows)
    golden.write(tmp_path, rows, labels.tolist(), shares.tolist())
    return tmp_path


def plant(path: Path, row: int, change: Any) -> None:
    lines = [json.loads(line) for line in (path / GOLDEN).read_text().splitlines()]
    change(lines[row])
    (path / GOLDEN).write_text("".join(json.dumps(line) + "\n" for line in lines))


def nudge(difference: float) -> Any:
    def change(line: dict[str, Any]) -> None:
        line["probabilities"][0] += difference

    return change


def test_what_was_written_is_answered(written: Path) -> None:
    proof = golden.verify(written, SCHEMA, answer)
    assert proof == {"rows": 20, "labels_wrong": 0, "largest_difference": 0.0}


def test_a_wrong_label_is_found(written: Path) -> None:
    plant(written, 7, lambda line: line.update(prediction="yes"))
    with pytest.raises(BundleError, match=r"golden row 7 .*the prediction differs") as caught:
        golden.verify(written, SCHEMA, answer)
    assert caught.value.code == "golden-mismatch"


@pytest.mark.parametrize("row", [0, 9, 19])
def test_a_small_difference_is_found(written: Path, row: int) -> None:
    plant(written, row, nudge(1e-6))
    with pytest.raises(BundleError, match=f"golden row {row} .*the probability differs"):
        golden.verify(written, SCHEMA, answer)


def test_another_rounding_is_accepted(written: Path) -> None:
    plant(written, 9, nudge(1e-12))
    assert 0 < golden.verify(written, SCHEMA, answer)["largest_difference"] < 1e-9


def test_numbers_of_a_regression(tmp_path: Path) -> None:
    rows = rows_of(20)
    golden.write(tmp_path, rows, regress(rows)[0].tolist(), None)
    assert golden.verify(tmp_path, PLAIN, regress)["rows"] == 20
    plant(tmp_path, 12, lambda line: line.update(prediction=line["prediction"] * (1 + 1e-6)))
    with pytest.raises(BundleError, match="golden row 12"):
        golden.verify(tmp_path, PLAIN, regress)
    plant(tmp_path, 12, lambda line: line.update(prediction="a word"))
    with pytest.raises(BundleError) as caught:
        golden.verify(tmp_path, PLAIN, regress)
    assert caught.value.code == "golden-unreadable"


def test_an_answer_of_another_shape(written: Path) -> None:
    def three(rows: Rows) -> Any:
        labels, shares = answer(rows)
        return labels, np.column_stack([shares, shares[:, 0]])

    with pytest.raises(BundleError, match=r"the shape \(20, 3\), not \(20, 2\)"):
        golden.verify(written, SCHEMA, three)


def test_an_answer_that_depends_on_the_other_rows(written: Path) -> None:
    def uneven(rows: Rows) -> Any:
        labels, shares = answer(rows)
        return labels, shares + 0.01 * (rows.count == 1)

    with pytest.raises(BundleError, match="golden row 0"):
        golden.verify(written, SCHEMA, uneven)


def test_an_answer_that_is_no_number(written: Path) -> None:
    def broken(rows: Rows) -> Any:
        labels, shares = answer(rows)
        shares[5 % rows.count] = np.nan
        return labels, shares

    with pytest.raises(BundleError, match="golden row"):
        golden.verify(written, SCHEMA, broken)


@pytest.mark.parametrize("text", ["", "{", '{"record": {}}', '{"record": {"size": "x"}}'])
def test_golden_rows_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / GOLDEN).write_text(text)
    with pytest.raises(BundleError) as caught:
        golden.verify(tmp_path, SCHEMA, answer)
    assert caught.value.code == "golden-unreadable"


def test_a_bundle_whose_golden_rows_were_altered_is_not_served(tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(V1, tmp_path / "1"))
    packed = open_bundle(bundle).manifest.written_with["scikit-learn"]
    if packed.split(".")[:2] != version("scikit-learn").split(".")[:2]:
        pytest.skip("another scikit-learn may not read what this one packed")
    other = {"inner": "outer", "outer": "inner"}
    plant(bundle, 3, lambda line: line.update(prediction=other[line["prediction"]]))
    resealed(bundle)
    with pytest.raises(BundleError) as caught:
        pilotboat.load(bundle, allow_version_skew=True)
    assert caught.value.code == "golden-mismatch"


def test_every_category_and_a_gap_are_among_them() -> None:
    rows = rows_of(1000)
    numbers = golden.pick(rows)
    kept = rows.pick(numbers)
    assert len(numbers) == golden.COUNT
    assert numbers == sorted(set(numbers))
    assert set(kept.columns[1]) == {"A", "B", "C"}
    assert None in kept.columns[0]
    assert golden.pick(rows_of(3)) == [0, 1, 2]


def test_invented_rows_fit_their_schema() -> None:
    schema = Schema(
        (
            Field("number", "number", minimum=5.0, maximum=6.0),
            Field("integer", "integer", nullable=True),
            Field("flag", "boolean"),
            Field("text", "text"),
            Field("deck", "category", categories=("A", "B"), closed=True, nullable=True),
        ),
        SCHEMA.outputs,
    )
    rows = golden.invented(schema)
    again = Reader(schema).records(rows.records())
    assert again.columns == rows.columns
    assert golden.invented(schema).columns == rows.columns
    assert all(5 <= one <= 6 for one in rows.columns[0] if isinstance(one, float))
    assert [None in column for column in rows.columns] == [False, True, False, False, True]


NUMBER = Field("x", "number")


def test_the_baseline_of_numbers() -> None:
    told = baseline.column(NUMBER, [None, *map(float, range(101))])
    assert (told["count"], told["gaps"]) == (102, 1)
    assert told["mean"] == 50.0
    assert told["quantiles"] == {
        "0.0": 0.0, "0.01": 1.0, "0.05": 5.0, "0.25": 25.0, "0.5": 50.0,
        "0.75": 75.0, "0.95": 95.0, "0.99": 99.0, "1.0": 100.0,
    }  # fmt: skip
    assert sum(told["counts"]) == 101
    assert len(told["edges"]) == baseline.BINS + 1


def test_the_baseline_of_a_constant() -> None:
    told = baseline.column(NUMBER, [3.0] * 5)
    assert (told["edges"], told["counts"], told["deviation"]) == ([3.0, 3.0], [5], 0.0)


def test_the_baseline_of_nothing() -> None:
    assert baseline.column(NUMBER, [None, None]) == {"count": 2, "gaps": 2}


def test_the_baseline_of_huge_numbers() -> None:
    told = baseline.column(NUMBER, [-1.7e308, 1.7e308, 1.7e308])
    assert told["deviation"] is None
    json.dumps(told, allow_nan=False)
    told = baseline.column(NUMBER, [1e-310, 2e-310])
    json.dumps(told, allow_nan=False)


def test_the_baseline_of_words() -> None:
    told = baseline.column(Field("x", "category"), ["b", "a", "b", None])
    assert told == {"count": 4, "gaps": 1, "values": [["b", 2], ["a", 1]]}
    assert baseline.column(Field("x", "text"), ["ab", "abcd"])["characters"]["mean"] == 3.0
    assert baseline.column(Field("x", "boolean"), [True, False, True])["values"][0] == [True, 2]


def test_the_baseline_of_several_targets() -> None:
    outputs = (Field("prediction_0", "number"), Field("prediction_1", "number"))
    rows = Rows(Schema(PLAIN.inputs, outputs), rows_of(4).columns, 4)
    told = baseline.describe(rows, np.array([[1.0, 5.0]] * 4))
    assert told["rows"] == 4
    assert told["outputs"]["prediction_1"]["mean"] == 5.0
    assert set(told["inputs"]) == {"size", "deck"}


def test_the_baseline_of_a_bundle_describes_all_its_rows() -> None:
    told = json.loads((V1 / BASELINE).read_text())
    assert told["rows"] == 60
    assert told["inputs"]["length"]["gaps"] == 7
    assert {label for label, _ in told["outputs"]["prediction"]["values"]} == {"inner", "outer"}
    assert math.isfinite(told["inputs"]["length"]["mean"])
