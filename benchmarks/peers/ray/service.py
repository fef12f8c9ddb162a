"""Ray Serve: two replicas, each of which answers requests that arrive together in one call."""

# ruff: noqa: INP001 - a service of its own environment
import os
import signal
from typing import Any

import joblib
import pandas as pd
import ray
from ray import serve
from starlette.requests import Request

Records = list[dict[str, Any]]


@serve.deployment(num_replicas=2, max_ongoing_requests=64)
class Classifier:
    def __init__(self, path: str) -> None:
        self.model = joblib.load(path)
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

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.002)
    async def together(self, records: Records) -> Records:
        return self.answered(records)

    async def __call__(self, request: Request) -> Any:
        asked = await request.json()
        if "instances" in asked:
            return self.answered(asked["instances"])
        return await self.together(asked)


if __name__ == "__main__":
    ray.init(
        _temp_dir=os.environ["SCRATCH"],
        include_dashboard=False,
        object_store_memory=100_000_000,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(Classifier.bind(os.environ["MODEL"]))
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    serve.shutdown()
    ray.shutdown()
