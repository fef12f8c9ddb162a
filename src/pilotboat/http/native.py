"""Pilotboat's own dialect: `/predict` and `/v1/models`, which is KServe's and TensorFlow's too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pilotboat.errors import Fault, NotFiniteError, RefusedError, RowsError, TooLargeError
from pilotboat.http import body
from pilotboat.operations.access import Receive, Scope, Send
from pilotboat.prediction import Call, Prediction
from pilotboat.rows import Place, Rows, nearest, pointer
from pilotboat.rows.cells import describe
from pilotboat.runtime.repository import Live, Repository
from pilotboat.schema import Field, Value

INSTANCES = "instances"
Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]


class NameConvertor(StringConvertor):
    """What stands for a name in a path, so that one that is none is told from one not known."""

    regex = "[^:]*[^:/]"


def routes(repository: Repository, limits: body.Limits) -> list[BaseRoute]:
    """The routes of this dialect."""
    predict = Predictor(repository, limits)

    async def models(_request: Request) -> Response:
        return answered({"models": repository.names})

    async def model(request: Request) -> Response:
        name, version = request.path_params["model"], request.path_params.get("version")
        return answered(description(repository, name, version))

    register_url_convertor("name", NameConvertor())
    named, versioned = "/v1/models/{model:name}", "/v1/models/{model}/versions/{version:name}"
    return [
        Route("/predict", predict, methods=["POST"]),
        Route("/v1/models", models, methods=["GET"]),
        Route(f"{versioned}:predict", predict, methods=["POST"]),
        Route(f"{named}:predict", predict, methods=["POST"]),
        Route(versioned, model, methods=["GET"]),
        Route(named, model, methods=["GET"]),
    ]


class Predictor:
    """The endpoint of every predict route: bytes in, one prediction, bytes out."""

    def __init__(self, repository: Repository, limits: body.Limits) -> None:
        self.repository = repository
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = scope["path_params"]
        live = self.repository.choose(named.get("model"), named.get("version"))
        document = await body.document(scope, receive, self.limits)
        single = not named and not is_plural(document, live)
        rows = self.one(document, live) if single else self.many(document, live)
        request_id = scope["state"]["id"]
        try:
            made = await live.predict(Call(rows, id=request_id))
        except (RefusedError, NotFiniteError) as error:
            where = "" if single else pointer(INSTANCES, error.facts["row"])
            raise RowsError([Fault(where, error.code, error.detail)], rows=rows.count) from error
        answer = singular(made) if single else plural(made)
        await reply(send, answer | {"model": made.model, "version": made.version, "id": request_id})

    def one(self, document: Any, live: Live) -> Rows:
        """The record that a document is."""
        if not isinstance(document, dict):
            raise _wrong_shape("", "an object with the model's inputs", document)
        return live.reader.records([document], lambda _row, name: pointer(name))

    def many(self, document: Any, live: Live) -> Rows:
        """The records under "instances"."""
        if not isinstance(document, dict):
            raise _wrong_shape("", f'an object with the list "{INSTANCES}"', document)
        faults = [
            Fault(pointer(key), "unknown-field", f'allowed here is: "{INSTANCES}"{_meant(key)}')
            for key in list(document)[:21]
            if key != INSTANCES
        ]
        if INSTANCES not in document:
            faults.insert(0, Fault(pointer(INSTANCES), "missing-field", "expected a list of rows"))
        if faults:
            raise RowsError(faults, max(len(faults), len(document) - (INSTANCES in document)))
        records = document[INSTANCES]
        if not isinstance(records, list):
            raise _wrong_shape(pointer(INSTANCES), "a list of rows", records)
        if not records:
            fault = Fault(pointer(INSTANCES), "empty-batch", "expected at least one row")
            raise RowsError([fault], rows=0)
        if len(records) > self.limits.rows:
            raise TooLargeError(
                f"One request may hold {self.limits.rows:,} rows.",
                code="batch-too-large",
                hint="Send them in several requests.",
                limit=self.limits.rows,
                actual=len(records),
                unit="rows",
            )
        return live.reader.records(records, _in_instances)


_in_instances: Place = lambda row, name: (  # noqa: E731 - a value of the type Place
    pointer(INSTANCES, row, name) if name else pointer(INSTANCES, row)
)


def is_plural(document: Any, live: Live) -> bool:
    """Whether the body of /predict is a list of rows rather than one record."""
    if not isinstance(document, dict) or INSTANCES not in document:
        return False
    return INSTANCES not in live.model.schema.names


def _meant(key: str) -> str:
    near = nearest(key, [INSTANCES])
    return f"; did you mean '{near}'?" if near else ""


def _wrong_shape(where: str, expected: str, got: object) -> RowsError:
    return RowsError([Fault(where, "wrong-shape", f"expected {expected}, got {describe(got)}")])


def label_key(label: Value) -> str:
    """A class label as the key of a JSON object: as JSON writes it, a text without its quotes."""
    return label if isinstance(label, str) else orjson.dumps(label).decode()


def plural(made: Prediction) -> dict[str, Any]:
    """`predictions` and, for a classifier, `probabilities`."""
    answer: dict[str, Any] = {"predictions": made.predictions.tolist()}
    if made.probabilities is not None and made.classes is not None:
        keys = [label_key(label) for label in made.classes]
        shares = made.probabilities.tolist()
        answer["probabilities"] = [dict(zip(keys, row, strict=True)) for row in shares]
    return answer


def singular(made: Prediction) -> dict[str, Any]:
    """`prediction` and, for a classifier, `probabilities` of one row."""
    many = plural(made)
    answer: dict[str, Any] = {"prediction": many["predictions"][0]}
    if "probabilities" in many:
        answer["probabilities"] = many["probabilities"][0]
    return answer


async def reply(send: Send, answer: dict[str, Any]) -> None:
    """Send 200 with `answer` as JSON."""
    raw = orjson.dumps(answer)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(raw)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


def answered(value: Any) -> Response:
    """200 with `value` as JSON."""
    return Response(orjson.dumps(value), media_type=body.JSON)


def description(repository: Repository, name: str, version: str | None) -> dict[str, Any]:
    """What there is to know of a model: its version, engine and schema, with a real row."""
    live = repository.choose(name, version)
    model = live.model
    examples = model.examples(1)
    return {
        "name": model.name,
        "ready": True,
        "version": model.version,
        "versions": [one.model.version for one in repository.versions(name)],
        "engine": model.engine,
        "digest": model.bundle.digest,
        "default": model.name == repository.default_name,
        "inputs": [_described(field) for field in model.schema.inputs],
        "outputs": [_described(field) for field in model.schema.outputs],
        "probabilities": model.schema.probabilities,
        "ignored": list(model.schema.ignored),
        "example": examples[0] if examples else None,
    }


def _described(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "type": field.type,
        "nullable": field.nullable,
        "categories": field.categories,
        "closed": field.closed,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "examples": list(field.examples),
    }
