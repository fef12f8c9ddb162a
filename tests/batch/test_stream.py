"""Files in, files out: every row once, in order, or the line at fault."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from pilotboat.batch import stream
from pilotboat.batch.stream import score, whole_file
from pilotboat.batch.tables import MAX_FIELD, MAX_LINE, open_table
from pilotboat.errors import DataError, EnvironmentFault, PilotboatError, RowsError
from pilotboat.runtime.model import Model
from tests.factories import RECORD, passengers

HEADER = "pclass,sex,age,fare,embarked"
ROW = "1,female,22,80.5,C"


def scored(model: Model, text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    sink = io.StringIO(newline="")
    score(model, io.BytesIO(raw), sink)
    return sink.getvalue()


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def fault(model: Model, text: str | bytes) -> PilotboatError:
    with pytest.raises(PilotboatError) as caught:
        scored(model, text)
    return caught.value


def test_columns_pass_through_in_their_order(model: Model) -> None:
    out = table(
        scored(
            model,
            f'id,embarked,{HEADER.removesuffix(",embarked")},note\n7,C,1,female,22,80.5,"a, b"\n',
        )
    )
    assert out[0] == [
        "id", "embarked", "pclass", "sex", "age", "fare", "note",
        "prediction", "probability_no", "probability_yes",
    ]  # fmt: skip
    assert out[1][:7] == ["7", "C", "1", "female", "22", "80.5", "a, b"]
    assert out[1][7] == "yes"


def test_answers_are_those_of_the_same_rows_at_once(model: Model, monkeypatch: Any) -> None:
    frame = passengers().drop(columns="survived")
    monkeypatch.setattr(stream, "PIECE", 70)
    out = table(scored(model, frame.to_csv(index=False)))[1:]
    lines = frame.to_json(orient="records", lines=True)
    records = [orjson.loads(one) for one in scored(model, lines).splitlines()]
    for start in range(0, 300, 70):
        given = model.predict(frame[start : start + 70])
        assert given.probabilities is not None
        piece = out[start : start + 70]
        assert [row[6] for row in piece] == given.predictions.tolist()
        shares = np.array([[float(one) for one in row[7:]] for row in piece])
        assert np.array_equal(shares, given.probabilities)
        some = records[start : start + 70]
        assert [one["probability_yes"] for one in some] == given.probabilities[:, 1].tolist()
        assert [one["prediction"] for one in some] == given.predictions.tolist()


def test_json_lines_pass_through(model: Model) -> None:
    record = {"z": [1, {"a": None}], **RECORD, "note": "Tromsø\n"}
    (line,) = scored(model, json.dumps(record) + "\n\n").splitlines()
    told = orjson.loads(line)
    assert list(told) == [*record, "prediction", "probability_no", "probability_yes"]
    assert {name: told[name] for name in record} == record


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n{ROW}\n",
        f"{HEADER}\n{ROW}",
        f"{HEADER}\r\n{ROW}\r\n",
        f"{HEADER}\r{ROW}\r",
        f"\ufeff{HEADER}\n{ROW}\n",
        f"{HEADER}\n\n{ROW}\n\n",
        '"pclass","sex","age","fare","embarked"\n"1","female","22","80.5","C"\n',
        json.dumps(RECORD),
        "\ufeff" + json.dumps(RECORD) + "\r\n",
    ],
)
def test_line_ends_marks_and_quotes(model: Model, text: str) -> None:
    assert "yes" in scored(model, text)


def test_gaps_and_quoted_line_ends(model: Model) -> None:
    out = table(scored(model, f'{HEADER},note\n1,female,,80.5,C,"two\nlines ""x"""\n'))
    assert out[1][2] == ""
    assert out[1][5] == 'two\nlines "x"'


def test_a_formula_is_only_text(model: Model) -> None:
    out = table(scored(model, f"{HEADER},note\n{ROW},=cmd()\n"))
    assert out[1][5] == "=cmd()"


def test_a_wide_row(model: Model) -> None:
    more = ",".join(f"c{i}" for i in range(5000))
    out = table(scored(model, f"{more},{HEADER}\n{'1,' * 5000}{ROW}\n"))
    assert len(out[1]) == 5000 + 5 + 3


FAULTS: list[tuple[str | bytes, str, str]] = [
    ("", "empty-batch", "empty"),
    ("\ufeff", "empty-batch", "no rows"),
    (f"{HEADER}\n", "empty-batch", "no rows"),
    (f"{ROW}\n", "bad-header", "line 1: the header lacks pclass, sex, age, fare, embarked"),
    (f"{HEADER},age\n{ROW},1\n", "bad-header", "the column 'age' is there twice"),
    ("pclass,sex,aeg,fare,embarked\n" + ROW, "bad-header", "Is 'aeg' meant to be 'age'?"),
    (f"{HEADER},prediction\n{ROW},x\n", "bad-header", "already has a column 'prediction'"),
    (f"{HEADER}\n{ROW}\n1,female,22\n", "wrong-length", "line 3: expected 5 fields, got 3"),
    (f"{HEADER}\n{ROW},9\n", "wrong-length", "line 2: expected 5 fields, got 6"),
    (f'{HEADER}\n1,"fem', "invalid-csv", "line 2"),
    (f'{HEADER}\n1,"female"x,22,80.5,C\n', "invalid-csv", "line 2"),
    (f"{HEADER}\n1,female,\0,80.5,C\n", "invalid-csv", "line 2 holds the character U+0000"),
    (f"{HEADER}\n{ROW}\n1,female,'1,5',80.5,C\n", "wrong-length", "line 3"),
    (f'{HEADER}\n{ROW}\n1,female,"1,5",80.5,C\n', "wrong-type", "line 3, column 'age'"),
    (f"{HEADER}\n1,female,1_000,80.5,C\n", "wrong-type", "line 2, column 'age'"),
    (f"{HEADER}\n1,female, 1 ,80.5,C\n", "wrong-type", "line 2, column 'age'"),
    (f"{HEADER}\n1,female,1e5x,80.5,C\n", "wrong-type", "line 2, column 'age'"),
    (f"{HEADER}\n1,other,22,80.5,C\n", "unknown-category", "line 2, column 'sex'"),
    (f'{HEADER},note\n{ROW},"a\nb"\n9,female,2,2,C,x\n', "unknown-category", "line 4, column 'pclass'"),
    (f"{HEADER},note\n{ROW},Tromsø\n".encode("latin-1"), "invalid-encoding", "not UTF-8"),
    (f"{HEADER}\n{ROW}\n".encode("utf-16"), "invalid-encoding", "not UTF-8"),
    ("{", "invalid-json", "line 1, column"),
    (json.dumps(RECORD) + "\n[1]\n", "wrong-shape", "line 2: expected an object"),
    ("[" + json.dumps(RECORD) + "]", "wrong-shape", "line 1: expected an object"),
    (json.dumps(RECORD | {"age": "22"}), "wrong-type", "line 1, column 'age'"),
    (json.dumps(RECORD) + '\n\n{"age": 1}\n', "missing-field", "line 3, column 'pclass'"),
    (json.dumps(RECORD | {"prediction": 1}), "bad-header", "already has a column"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "words"), FAULTS)
def test_every_fault_names_its_line(model: Model, text: Any, code: str, words: str) -> None:
    error = fault(model, text)
    assert isinstance(error, DataError | RowsError)
    assert error.code == code
    assert words in str(error)


def test_a_field_and_a_line_have_limits(model: Model) -> None:
    long = "x" * (MAX_FIELD + 1)
    assert fault(model, f"{HEADER},note\n{ROW},{long}\n").code == "line-too-long"
    error = fault(model, f"{HEADER}\n{ROW}\n" + "1," * (MAX_LINE // 2 + 1) + "\n")
    assert error.code == "line-too-long"
    assert "line 3" in str(error)


def test_a_header_of_a_million_columns_is_looked_through_once(model: Model) -> None:
    names = ",".join(map(str, range(10**6)))
    assert fault(model, f"{names}\n").code == "bad-header"


def test_a_row_that_the_model_refuses_names_its_line(model: Model) -> None:
    def refuse(rows: Any) -> Any:
        if 80.5 in rows.columns[3]:
            raise ValueError
        return np.array(["no"] * rows.count), np.zeros((rows.count, 2))

    refusing = Model(model.bundle, refuse)
    error = fault(refusing, f"{HEADER}\n\n1,female,22,1,C\n{ROW}\n")
    assert (error.code, str(error).split(":")[0]) == ("values-refused", "line 4")


def test_progress_and_the_count(model: Model, monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "PIECE", 2)
    done: list[int] = []
    text = f"{HEADER}\n" + f"{ROW}\n" * 5
    assert score(model, io.BytesIO(text.encode()), io.StringIO(), done.append) == 5
    assert done == [2, 4, 5]


def test_what_kind_a_file_is(model: Model) -> None:
    names = [
        type(open_table(io.BytesIO(text), model.schema)).__name__
        for text in (HEADER.encode(), b"{}", "\ufeff{}".encode())
    ]
    assert names == ["CsvTable", "JsonTable", "JsonTable"]


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with whole_file(path) as sink:
        sink.write("a\n")
        assert not path.exists()
    assert path.read_text() == "a\n"
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    def fail() -> None:
        with whole_file(tmp_path / "out.csv") as sink:
            sink.write("a\n")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def refused(path: Path, **options: Any) -> EnvironmentFault:
    with pytest.raises(EnvironmentFault) as caught, whole_file(path, **options):
        pass
    return caught.value


def test_a_file_that_is_there_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("kept")
    assert refused(path).code == "output-exists"
    assert "--force" in refused(path).hint
    assert path.read_text() == "kept"
    with whole_file(path, force=True) as sink:
        sink.write("new")
    assert path.read_text() == "new"


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    assert refused(tmp_path).code == "output-unwritable"
    assert refused(tmp_path / "absent" / "out.csv").code == "output-unwritable"
    assert "No such file" in str(refused(tmp_path / "absent" / "out.csv"))


@pytest.mark.skipif(os.name == "nt", reason="needs devices")
def test_a_device_is_written_to_and_never_replaced() -> None:
    before = Path(os.devnull).stat()
    for force in (False, True):
        with whole_file(Path(os.devnull), force=force) as sink:
            sink.write("a\n")
    after = Path(os.devnull).stat()
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
