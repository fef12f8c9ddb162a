"""A model behind FastAPI, as tutorials do it."""

# ruff: noqa: INP001 - a script
from __future__ import annotations

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load("model.joblib")


class Passenger(BaseModel):
    """One row."""

    pclass: int
    sex: str
    age: float
    fare: float


@app.post("/predict")
def predict(passenger: Passenger) -> dict[str, str]:
    """Answer one row."""
    return {"prediction": str(model.predict(pd.DataFrame([passenger.model_dump()]))[0])}
