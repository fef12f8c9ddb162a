"""The constant answer of `constant`, through FastAPI's router."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from benchmarks.constant import BODY

app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Read the body, send the answer."""
    await request.body()
    return Response(BODY, media_type="application/json")
