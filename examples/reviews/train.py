"""Is a sentence positive or negative? Trains a text classifier.

The 120 sentences in sentences.csv were made up for this example. To train on your own, give a
CSV file with the columns text and sentiment: python train.py --data reviews.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import joblib
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

HERE = Path(__file__).parent
TEXT, TARGET = "text", "sentiment"
FEWEST = 5  # texts per sentiment, so that one can be held out


def sentences(path: Path) -> pd.DataFrame:
    """The rows of a CSV file; stops with one line where they cannot be trained on."""
    try:
        table = pd.read_csv(path, dtype={TEXT: str})
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} cannot be read as CSV: {error}".replace("\n", " ")) from None
    missing = [column for column in (TEXT, TARGET) if column not in table.columns]
    if missing:
        raise SystemExit(f"{path} has no column {' and no column '.join(missing)}.")
    table = table[[TEXT, TARGET]].dropna()
    counts = table[TARGET].value_counts()
    if len(counts) <= 1 or counts.min() < FEWEST:
        raise SystemExit(f"{path} needs two or more sentiments, each with {FEWEST} texts or more.")
    return table


def pipeline() -> Pipeline:
    return Pipeline([("words", TfidfVectorizer()), ("classifier", LogisticRegression(C=10))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "sentences.csv")
    parser.add_argument("--out", type=Path, default=HERE / "build")
    arguments = parser.parse_args()

    table = sentences(arguments.data)
    train, held_out = train_test_split(table, test_size=0.2, random_state=0, stratify=table[TARGET])
    # A vectorizer takes a plain sequence of strings, not a table.
    model = pipeline().fit(train[TEXT].tolist(), train[TARGET].tolist())
    accuracy = model.score(held_out[TEXT].tolist(), held_out[TARGET].tolist())

    arguments.out.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, arguments.out / "reviews.joblib")
    table.to_csv(arguments.out / "reviews.csv", index=False)
    print(f"reviews: {accuracy:.1%} right on {len(held_out)} sentences it has not seen")


if __name__ == "__main__":
    main()
