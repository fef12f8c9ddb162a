"""The pipelines that every server answers with: trained here, once a run, with a fixed seed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.answers import Answer, Record

SEED = 20
TRAINED_ON = 5_000
"""rows"""
ASKED = 200
"""different single rows, of which every sixth has a gap: 33"""
BATCH = 1_000
"""rows of one request for many"""

NUMBERS = ("age", "income", "tenure", "score")
CATEGORIES = {
    "region": ("north", "east", "south", "west", "abroad"),
    "plan": ("basic", "plus", "pro"),
    "channel": ("web", "phone", "shop", "partner"),
}
TARGET = "churned"
HEADS = {
    "lr": "logistic regression",
    "forest12": "random forest, 100 trees, depth 12",
    "hgb": "histogram gradient boosting, 100 iterations",
    "forest": "random forest, 100 trees, unlimited depth",
}


@dataclass(frozen=True)
class Trained:
    """One fitted pipeline on disk, and what it answers."""

    name: str
    artifact: Path
    bundle: Path
    engine: str
    records: Sequence[Record]
    answers: Sequence[Answer]
    batch: Sequence[Record]
    batch_answers: Sequence[Answer]


def frame(rows: int, seed: int = SEED) -> pd.DataFrame:
    """Made-up customers: four numbers and three categories, both with gaps, and a label."""
    random = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "age": np.round(random.uniform(18, 90, rows), 1),
            "income": np.round(random.gamma(3, 900, rows), 2),
            "tenure": np.round(random.exponential(4, rows), 2),
            "score": np.round(random.normal(0, 1, rows), 4),
            **{name: random.choice(values, rows) for name, values in CATEGORIES.items()},
        }
    )
    odds = made["score"] - made["tenure"] / 4 + (made["plan"] == "basic") + made["income"] / 9_000
    odds += np.where(made["region"] == "abroad", made["age"] / 40, 0)
    made[TARGET] = np.where(odds + random.normal(0, 1, rows) > np.median(odds), "yes", "no")
    for name in ("age", "income", "region", "channel"):
        made.loc[random.random(rows) < 0.05, name] = np.nan  # noqa: PLR2004
    return made


def records(rows: int, seed: int) -> list[Record]:
    """Rows to ask about, every sixth without its age.

    Categories have no gaps here: `DataFrame([row])`, as tutorials write it, hands the imputer a
    None that it does not know, and the service would answer wrongly.
    """
    made = frame(rows, seed).drop(columns=TARGET)
    made[list(NUMBERS)] = made[list(NUMBERS)].fillna(made[list(NUMBERS)].median())
    for name, values in CATEGORIES.items():
        made[name] = made[name].fillna(values[0])
    listed: list[Record] = made.to_dict("records")
    for record in listed[5::6]:
        record["age"] = None
    return listed


def pipeline(name: str) -> Any:
    """The unfitted pipeline of a model."""
    heads = {
        "lr": lambda: LogisticRegression(max_iter=1_000),
        "forest12": lambda: RandomForestClassifier(100, max_depth=12, random_state=SEED),
        "hgb": lambda: HistGradientBoostingClassifier(max_iter=100, random_state=SEED),
        "forest": lambda: RandomForestClassifier(100, random_state=SEED),
    }
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    columns = [("numbers", numbers, list(NUMBERS)), ("categories", categories, list(CATEGORIES))]
    return make_pipeline(ColumnTransformer(columns), heads[name]())


def answers(fitted: Any, rows: Sequence[Record]) -> list[Answer]:
    """What scikit-learn says to rows, all at once."""
    asked = pd.DataFrame(list(rows))
    shares = fitted.predict_proba(asked)
    labels = fitted.predict(asked)
    classes = [str(one) for one in fitted.classes_]
    return [
        Answer(str(label), dict(zip(classes, map(float, share), strict=True)))
        for label, share in zip(labels, shares, strict=True)
    ]


def train(name: str, folder: Path) -> Trained:
    """Fit one pipeline, save it, and pack it into the repository `folder`/bundles."""
    data = frame(TRAINED_ON)
    fitted = pipeline(name).fit(data.drop(columns=TARGET), data[TARGET])
    artifact, table = folder / f"{name}.joblib", folder / "train.csv"
    joblib.dump(fitted, artifact)
    data.to_csv(table, index=False)
    packed = pack(artifact, table, folder / "bundles")
    asked, many = records(ASKED, SEED + 1), records(BATCH, SEED + 2)
    return Trained(
        name,
        artifact,
        Path(packed["path"]),
        packed["engine"],
        asked,
        answers(fitted, asked),
        many,
        answers(fitted, many),
    )


def pack(artifact: Path, table: Path, repository: Path) -> dict[str, Any]:
    """What `pilotboat pack` reports of the bundle it made."""
    command = [sys.executable, "-m", "pilotboat", "pack", str(artifact), "--data", str(table)]
    command += ["--target", TARGET, "--repository", str(repository), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    report: dict[str, Any] = json.loads(done.stdout)
    return report
