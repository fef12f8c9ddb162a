"""The whole path on real data: train, pack a file, serve, score, compare to the last bit."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import orjson
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import pilotboat
from tests.factories import SHARED_TITANIC, Server, run

pytestmark = pytest.mark.skipif(
    not SHARED_TITANIC.exists(), reason="needs ../shared/data/titanic.csv"
)
READ = {"pclass", "sex", "age", "sibsp", "parch", "fare", "embarked"}
ASKED = 200


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pd.read_csv(SHARED_TITANIC)


@pytest.fixture(scope="module")
def pipeline(frame: pd.DataFrame) -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = ColumnTransformer(
        [
            ("numbers", numbers, ["age", "sibsp", "parch", "fare"]),
            ("words", words, ["sex", "embarked"]),
            ("class", OneHotEncoder(), ["pclass"]),
        ]
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    return model.fit(frame.drop(columns="survived"), frame["survived"])


@pytest.fixture(scope="module")
def repository(pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("titanic")
    joblib.dump(pipeline, folder / "titanic.joblib")
    pilotboat.pack(
        folder / "titanic.joblib", SHARED_TITANIC, "survived", repository=folder / "models"
    )
    return folder / "models"


@pytest.fixture(scope="module")
def served(repository: Path) -> Iterator[Server]:
    with Server(repository) as running:
        yield running


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a client would send them: null for every gap."""
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def test_the_schema(repository: Path) -> None:
    schema = pilotboat.load(repository / "titanic").schema
    assert set(schema.names) == READ
    assert {"alive", "survived", "deck", "who", "class"} <= set(schema.ignored)
    told = {one.name: (one.type, one.nullable) for one in schema.inputs}
    assert told["age"] == ("number", True)
    assert told["sex"] == ("category", True)
    assert told["embarked"] == ("category", True)
    assert told["pclass"] == ("category", False)
    assert schema.classes == (0, 1)


@pytest.mark.parametrize("columns", ["read", "all"])
def test_served_rows_are_answered_to_the_last_bit(
    served: Server, pipeline: Any, frame: pd.DataFrame, columns: str
) -> None:
    asked = frame[:ASKED]
    sent = asked[sorted(READ)] if columns == "read" else asked
    answer = served.client.post("/predict", json={"instances": records(sent)})
    assert answer.status_code == 200, answer.text
    told = orjson.loads(answer.content)
    shares = [[row["0"], row["1"]] for row in told["probabilities"]]
    features = asked.drop(columns="survived")
    assert np.array_equal(np.array(shares), pipeline.predict_proba(features))
    assert told["predictions"] == pipeline.predict(features).tolist()
    assert (told["model"], told["version"]) == ("titanic", "1")


def test_scored_rows_are_answered_to_the_last_bit(
    repository: Path, pipeline: Any, frame: pd.DataFrame, tmp_path: Path
) -> None:
    asked = frame[:ASKED]
    asked.to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / "scored.csv"
    done = run("predict", repository / "titanic", tmp_path / "rows.csv", "-o", out)
    assert done.returncode == 0, done.stderr
    told = list(csv.DictReader(io.StringIO(out.read_text())))
    assert list(told[0]) == [*frame.columns, "prediction", "probability_0", "probability_1"]
    shares = [[float(row["probability_0"]), float(row["probability_1"])] for row in told]
    features = asked.drop(columns="survived")
    assert np.array_equal(np.array(shares), pipeline.predict_proba(features))
    assert [row["sex"] for row in told] == asked["sex"].tolist()


def test_a_column_that_is_read_is_demanded(served: Server, frame: pd.DataFrame) -> None:
    (row,) = records(frame[:1].drop(columns="age"))
    answer = served.client.post("/predict", json=row)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "missing-field"
