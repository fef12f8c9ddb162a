"""The examples do what their READMEs say."""

from __future__ import annotations

import csv
import json
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import pilotboat

joblib = pytest.importorskip("joblib")
pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[2] / "examples"
TARGETS = {"titanic": "survived", "diabetes": "progression", "reviews": "sentiment"}


def train(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLES / name / "train.py", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every example, trained once: name -> the folder it was written to."""
    folders = {}
    for name in TARGETS:
        folders[name] = tmp_path_factory.mktemp(name) / "not" / "there yet"
        done = train(name, "--out", folders[name])
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert done.stdout.startswith(f"{name}: ")
        assert done.stdout.count("\n") == 1
    return folders


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sentences() -> list[dict[str, str]]:
    return rows(EXAMPLES / "reviews" / "sentences.csv")


@pytest.mark.parametrize("name", TARGETS)
def test_writes_an_artifact_and_its_table(built: dict[str, Path], name: str) -> None:
    assert sorted(file.name for file in built[name].iterdir()) == [f"{name}.csv", f"{name}.joblib"]
    assert TARGETS[name] in rows(built[name] / f"{name}.csv")[0]


def test_titanic_table_is_that_of_the_inquiry(built: dict[str, Path]) -> None:
    people = rows(built["titanic"] / "titanic.csv")
    assert list(people[0]) == ["class", "sex", "age", "survived"]
    assert len(people) == 2201
    assert Counter(person["survived"] for person in people) == {"no": 1490, "yes": 711}
    assert Counter(person["class"] for person in people) == {
        "1st": 325,
        "2nd": 285,
        "3rd": 706,
        "crew": 885,
    }
    assert Counter(person["sex"] for person in people) == {"male": 1731, "female": 470}
    assert Counter(person["age"] for person in people) == {"adult": 2092, "child": 109}


def test_titanic_answers_as_the_counts_do(built: dict[str, Path]) -> None:
    model = joblib.load(built["titanic"] / "titanic.joblib")
    asked = pd.DataFrame(
        [
            {"class": "1st", "sex": "female", "age": "adult"},
            {"class": "2nd", "sex": "male", "age": "adult"},
        ]
    )
    assert model.predict(asked).tolist() == ["yes", "no"]
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.predict_proba(asked)[:, 1] == pytest.approx([140 / 144, 14 / 168], abs=0.03)


def test_diabetes_answers_in_the_range_of_its_target(built: dict[str, Path]) -> None:
    model = joblib.load(built["diabetes"] / "diabetes.joblib")
    table = pd.read_csv(built["diabetes"] / "diabetes.csv")
    assert len(table) == 442
    answers = model.predict(table.drop(columns="progression"))
    assert answers.mean() == pytest.approx(table["progression"].mean(), rel=0.05)
    assert set(table["sex"]) == {1, 2}


def test_reviews_takes_a_plain_sequence_of_strings(built: dict[str, Path]) -> None:
    model = joblib.load(built["reviews"] / "reviews.joblib")
    asked = ["A wonderful evening, and delicious food.", "The room was dirty and they were rude."]
    assert model.predict(asked).tolist() == ["positive", "negative"]


def test_sentences_are_balanced_and_unique() -> None:
    assert Counter(row["sentiment"] for row in sentences()) == {"positive": 60, "negative": 60}
    texts = [row["text"] for row in sentences()]
    assert len({text.casefold() for text in texts}) == len(texts)
    assert all(text == text.strip() and len(text) < 100 for text in texts)


def test_reviews_trains_on_ones_own_file(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    lines = [f'"number {n}, {word}",{stars}' for n in range(10) for word, stars in WORDS]
    own.write_text("\n".join(["id,text,sentiment", *(f"7,{line}" for line in lines)]))
    done = train("reviews", "--data", own, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    model = joblib.load(tmp_path / "out" / "reviews.joblib")
    assert model.predict(["so good", "so bad"]).tolist() == [5, 1]
    assert list(rows(tmp_path / "out" / "reviews.csv")[0]) == ["text", "sentiment"]


WORDS = [("good", 5), ("bad", 1)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read"),
        (b"", "cannot be read"),
        (b"text,sentiment\n\xff\xfe,good\n", "cannot be read"),
        (b'text,sentiment\na,b\n"a,b,c\nd,e', "cannot be read"),
        (b"words,sentiment\nfine,good\n", "has no column text."),
        (b"a,b\n1,2\n", "has no column text and no column sentiment."),
        (b"text,sentiment\n", "needs two or more sentiments"),
        (b"text,sentiment\n" + b"fine,good\n" * 20, "needs two or more sentiments"),
        (b"text,sentiment\n" + b"fine,good\n" * 20 + b"sad,bad\n", "each with 5 texts or more"),
    ],
)
def test_reviews_says_in_one_line_what_is_wrong_with_a_file(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    file = tmp_path / "bad.csv"
    if content is not None:
        file.write_bytes(content)
    read = runpy.run_path(str(EXAMPLES / "reviews" / "train.py"))["sentences"]
    with pytest.raises(SystemExit, match=complaint) as stopped:
        read(file)
    assert str(file) in str(stopped.value)
    assert "\n" not in str(stopped.value)


def test_reviews_writes_nothing_when_the_file_is_bad(tmp_path: Path) -> None:
    done = train("reviews", "--data", tmp_path / "none.csv", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", TARGETS)
def test_packs_and_answers_the_request_of_its_readme(
    built: dict[str, Path], tmp_path: Path, name: str
) -> None:
    bundle = pilotboat.pack(
        built[name] / f"{name}.joblib",
        data=built[name] / f"{name}.csv",
        target=TARGETS[name],
        name=name,
        repository=tmp_path,
    )
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    answer = pilotboat.load(bundle.path).predict(asked_in(readme))
    assert len(answer.predictions) == 1
    assert answer.model == name
    files = f"build/{name}.joblib --data build/{name}.csv"
    assert f"pilotboat pack {files} --target {TARGETS[name]} --name {name} " in readme


def asked_in(readme: str) -> list[dict[str, Any]]:
    """The records that a README's curl command sends."""
    body = json.loads(readme.partition(" -d '")[2].partition("'\n")[0])
    return list(body.get("instances", [body]))
