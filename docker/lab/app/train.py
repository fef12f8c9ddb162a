"""Trains the model of the lab on made-up passengers: writes model.joblib and train.csv."""

# ruff: noqa: INP001 - a script
from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 500
NUMBERS = ["age", "fare"]
CATEGORIES = ["pclass", "sex"]

random = np.random.default_rng(0)
frame = pd.DataFrame(
    {
        "pclass": random.integers(1, 4, ROWS),
        "sex": random.choice(["female", "male"], ROWS),
        "age": np.round(random.uniform(0.5, 80, ROWS), 1),
        "fare": np.round(random.gamma(2, 16, ROWS), 4),
    }
)
odds = (frame["sex"] == "female") * 2.5 - frame["pclass"] * 0.8 + frame["fare"] / 50
survived = np.where(odds + random.normal(0, 1, ROWS) > 0, "yes", "no")
columns = make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(), CATEGORIES))
model = make_pipeline(columns, LogisticRegression()).fit(frame, survived)
joblib.dump(model, "model.joblib")
frame.assign(survived=survived).to_csv("train.csv", index=False)
