"""BentoML with adaptive batching: requests that arrive together are one call of the method."""

# ruff: noqa: INP001 - a service of its own environment
import os
from typing import Any

import bentoml
import joblib
import pandas as pd

Records = list[dict[str, Any]]


@bentoml.service(workers=2)
class Classifier:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])
        self.classes = [str(label) for label in self.model.classes_]

    def answered(self, records: Records) -> Records:
        shares = self.model.predict_proba(pd.DataFrame(records))
        best = shares.argmax(axis=1)
        return [
            {
                "prediction": self.classes[one],
                "probabilities": dict(zip(self.classes, row, strict=True)),
            }
            for one, row in zip(best, shares.tolist(), strict=True)
        ]

    @bentoml.api(batchable=True, max_batch_size=100, max_latency_ms=10_000)
    def predict(self, records: Records) -> Records:
        return self.answered(records)

    @bentoml.api
    def batch(self, records: Records) -> Records:
        return self.answered(records)
