"""How far does diabetes progress within a year? Trains a regression on ten measurements.

The 442 patients come with scikit-learn (`load_diabetes`), here in their original units.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import joblib
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

CATEGORIES = ["sex"]
NUMBERS = ["age", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
TARGET = "progression"


def pipeline() -> Pipeline:
    columns = ColumnTransformer(
        [("categories", OneHotEncoder(), CATEGORIES), ("numbers", StandardScaler(), NUMBERS)]
    )
    return Pipeline([("columns", columns), ("regression", Ridge())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "build")
    out = parser.parse_args().out

    table = load_diabetes(as_frame=True, scaled=False).frame
    table = table.rename(columns={"target": TARGET}).astype({"sex": int})
    train, held_out = train_test_split(table, test_size=0.2, random_state=0)
    model = pipeline().fit(train[CATEGORIES + NUMBERS], train[TARGET])
    score = model.score(held_out[CATEGORIES + NUMBERS], held_out[TARGET])

    out.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, out / "diabetes.joblib")
    table.to_csv(out / "diabetes.csv", index=False)
    print(f"diabetes: R2 {score:.2f} on {len(held_out)} patients it has not seen")


if __name__ == "__main__":
    main()
