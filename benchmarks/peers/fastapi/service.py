"""What tutorials show: a pydantic model, a DataFrame of one row, `predict_proba`."""

# ruff: noqa: INP001 - a service of its own environment
import os

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel


class Record(BaseModel):
    age: float | None
    income: float | None
    tenure: float | None
    score: float | None
    region: str
    plan: str
    channel: str


class Answer(BaseModel):
    prediction: str
    probabilities: dict[str, float]


class Answers(BaseModel):
    predictions: list[str]
    probabilities: list[dict[str, float]]


app = FastAPI()
model = joblib.load(os.environ["MODEL"])
classes = [str(label) for label in model.classes_]


def answered(records: list[Record]) -> Answers:
    frame = pd.DataFrame([record.model_dump() for record in records])
    shares = model.predict_proba(frame)
    labels = [classes[best] for best in shares.argmax(axis=1)]
    named = [dict(zip(classes, row, strict=True)) for row in shares.tolist()]
    return Answers(predictions=labels, probabilities=named)


@app.post("/predict")
def predict(record: Record) -> Answer:
    made = answered([record])
    return Answer(prediction=made.predictions[0], probabilities=made.probabilities[0])


@app.post("/batch")
def batch(instances: list[Record]) -> Answers:
    return answered(instances)
