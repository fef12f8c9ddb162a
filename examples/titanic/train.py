"""Who survived the Titanic? Trains a classifier on three facts about each person aboard.

The counts are those of the British Board of Trade's inquiry (1912), as they are usually cited:
2,201 people, of whom 711 survived.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

COLUMNS = ["class", "sex", "age"]
TARGET = "survived"

COUNTS = [
    # class, sex, age, died, survived
    ("1st", "male", "child", 0, 5),
    ("1st", "male", "adult", 118, 57),
    ("1st", "female", "child", 0, 1),
    ("1st", "female", "adult", 4, 140),
    ("2nd", "male", "child", 0, 11),
    ("2nd", "male", "adult", 154, 14),
    ("2nd", "female", "child", 0, 13),
    ("2nd", "female", "adult", 13, 80),
    ("3rd", "male", "child", 35, 13),
    ("3rd", "male", "adult", 387, 75),
    ("3rd", "female", "child", 17, 14),
    ("3rd", "female", "adult", 89, 76),
    ("crew", "male", "adult", 670, 192),
    ("crew", "female", "adult", 3, 20),
]


def people() -> pd.DataFrame:
    """One row per person."""
    rows = []
    for *person, died, survived in COUNTS:
        rows += [(*person, "no")] * died
        rows += [(*person, "yes")] * survived
    return pd.DataFrame(rows, columns=[*COLUMNS, TARGET])


def pipeline() -> Pipeline:
    columns = ColumnTransformer([("categories", OneHotEncoder(), COLUMNS)])
    # Boosted trees, because the columns matter together: being a child helped in the first and
    # second class, and hardly at all in the third.
    return Pipeline(
        [("columns", columns), ("classifier", GradientBoostingClassifier(random_state=0))]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "build")
    out = parser.parse_args().out

    table = people()
    train, held_out = train_test_split(table, test_size=0.2, random_state=0, stratify=table[TARGET])
    model = pipeline().fit(train[COLUMNS], train[TARGET])
    accuracy = model.score(held_out[COLUMNS], held_out[TARGET])

    out.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, out / "titanic.joblib")
    table.to_csv(out / "titanic.csv", index=False)
    print(f"titanic: {accuracy:.1%} right on {len(held_out)} people it has not seen")


if __name__ == "__main__":
    main()
