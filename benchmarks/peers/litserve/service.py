"""LitServe with batching: up to 32 requests, waited for at most 2 ms, in each of two workers."""

# ruff: noqa: INP001 - a service of its own environment
import os
from typing import Any

import joblib
import litserve
import pandas as pd

Record = dict[str, Any]


class Classifier(litserve.LitAPI):
    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        self.model = joblib.load(os.environ["MODEL"])
        self.classes = [str(label) for label in self.model.classes_]

    def decode_request(self, request: Record) -> Record:
        return request

    def batch(self, inputs: list[Record]) -> pd.DataFrame:
        return pd.DataFrame(inputs)

    def predict(self, frame: pd.DataFrame) -> Any:
        return self.model.predict_proba(frame)

    def unbatch(self, output: Any) -> list[list[float]]:
        return output.tolist()

    def encode_response(self, output: list[float]) -> Record:
        label = self.classes[output.index(max(output))]
        named = dict(zip(self.classes, output, strict=True))
        return {"prediction": label, "probabilities": named}


if __name__ == "__main__":
    api = Classifier(max_batch_size=32, batch_timeout=0.002)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        generate_client_file=False,
    )
