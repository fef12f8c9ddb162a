"""Pilotboat's own dialect: `/predict` and `/v1/models`, which is KServe's and TensorFlow's too."""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from http import HTTPStatus
from time import perf_counter
from typing import Any

import orjson
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pilotboat.errors import (
    Fault,
    NotFiniteError,
    PilotboatError,
    RefusedError,
    RowsError,
    TooLargeError,
)
from pilotboat.http import asking, body, problems
from pilotboat.http.door import Endpoint, Find
from pilotboat.http.keys import shown
from pilotboat.operations.access import Deliver, Facts, Headers, Receive, Scope, Send, Settle
from pilotboat.prediction import Call, Prediction, Single, label_key
from pilotboat.rows import Place, Rows, nearest, pointer
from pilotboat.rows.cells import describe
from pilotboat.runtime.backlog import overloaded
from pilotboat.runtime.model import Model
from pilotboat.runtime.repository import Live, Repository
from pilotboat.schema import Field, Value

INSTANCES = "instances"
MEMBERS = (INSTANCES, asking.REFERENCES)
ALLOWED = "are: " + ", ".join(f'"{member}"' for member in MEMBERS)
PREDICT = re.compile(r"/v1/models/([^:/]+|[^:]*[^:/])(?:/versions/([^:]*[^:/]))?:predict")
NAMED, VERSIONED = "/v1/models/{model}", "/v1/models/{model}/versions/{version}"
MANY = 500
"""So many rows take about a millisecond to write."""
LARGE = 2**16
"""A body of so many bytes takes about a millisecond to read: that leaves the event loop."""


class NameConvertor(StringConvertor):
    """What stands for a name in a path, so that one that is none is told from one not known."""

    regex = "[^:]*[^:/]"


def routes(repository: Repository) -> list[BaseRoute]:
    """The routes of this dialect that only read."""

    async def models(request: Request) -> Response:
        return answered({"models": shown(request, repository.names)})

    async def model(request: Request) -> Response:
        name, version = request.path_params["model"], request.path_params.get("version")
        return answered(description(repository, name, version))

    register_url_convertor("name", NameConvertor())
    return [
        Route("/v1/models", models, methods=["GET"]),
        Route(VERSIONED.replace("version}", "version:name}"), model, methods=["GET"]),
        Route(NAMED.replace("}", ":name}"), model, methods=["GET"]),
    ]


def finder(repository: Repository, limits: body.Limits) -> Find:
    """What answers the predict routes of this dialect, by their path."""

    def find(path: str) -> Endpoint | None:
        if path == "/predict":
            return Predictor(repository, limits)
        named = PREDICT.fullmatch(path)
        return None if named is None else Predictor(repository, limits, named[1], named[2])

    return find


class Predictor:
    """A predict route: bytes in, one prediction, bytes out.

    name, version: those in its path; without a name it is /predict, which takes one record too.
    """

    def __init__(
        self,
        repository: Repository,
        limits: body.Limits,
        name: str | None = None,
        version: str | None = None,
    ) -> None:
        self.repository = repository
        self.limits = limits
        self.name, self.version = name, version
        self.route = "/predict"
        if name is not None:
            self.route = NAMED if version is None else VERSIONED
            self.route += ":predict"

    def quick(self, headers: Headers, raw: bytes, facts: Facts, deliver: Deliver) -> Settle | None:
        """Deliver the answer to one row. See `operations.access.Quick`; an error is not taken on."""
        try:
            live = self.repository.choose(self.name, self.version)
            if live.soon is None and _is_full(live):
                return self._refused(overloaded(), facts, deliver)
            if live.soon is None or len(raw) >= LARGE:
                return None
            body.check(headers, raw, self.limits)
            document = body.decode(raw)
            single = self.name is None and not is_plural(document, live)
            cells = live.reader.row(document if single else _only_instance(document))
            asked = asking.asked(headers, facts) if live.remembers else asking.NOBODY
        except Exception:  # noqa: BLE001 - it is raised anew where errors are answered
            return None
        if cells is None:
            return None
        model = live.model
        facts |= {"model": model.name, "version": model.version, "rows": 1}

        begun = perf_counter()

        def done(answer: Single | None) -> None:
            if answer is None:
                if _is_full(live):
                    self._refused(overloaded(), facts, deliver)
                else:
                    deliver(None)
                return
            facts["model_ms"] = int((perf_counter() - begun) * 1e6) / 1000
            label, shares = answer
            table = None if shares is None else [shares]
            raw = document_of([label], table, model, facts["id"], single=single)
            deliver((HTTPStatus.OK, _headers(raw), raw))

        return live.soon(cells, asked, done)

    def _refused(self, error: PilotboatError, facts: Facts, deliver: Deliver) -> Settle:
        """Refuse at once: under overload a refusal has to cost less than an answer."""
        facts["code"] = error.code
        deliver(problems.reply(error, self.route, facts["id"]))
        return _nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        live = self.repository.choose(self.name, self.version)
        state = scope["state"]
        facts = state["facts"]
        facts |= {"model": live.model.name, "version": live.model.version}
        raw = await body.read(scope, receive, self.limits)
        asked = asking.asked(scope["headers"], facts)
        if len(raw) < LARGE:
            rows, single, told = self.rows(raw, live)
        else:
            rows, single, told = await asyncio.to_thread(self.rows, raw, live)
        call = Call(
            rows,
            id=state["id"],
            key=asked.key,
            deadline=state.get("deadline"),
            once=asked.once,
            references=asking.of_rows(asked, told, rows.count),
        )
        state["stage"] = "waiting for the model"
        begun = perf_counter()
        facts |= {"rows": rows.count, "read_ms": int((begun - state["begun"]) * 1e6) / 1000}
        try:
            made = await live.predict(call)
        except (RefusedError, NotFiniteError) as error:
            where = "" if single else pointer(INSTANCES, error.facts["row"])
            raise RowsError([Fault(where, error.code, error.detail)], rows=rows.count) from error
        facts["model_ms"] = int((perf_counter() - begun) * 1e6) / 1000
        if rows.count < MANY:
            raw = written(made, live.model, state["id"], single=single)
        else:
            raw = await asyncio.to_thread(written, made, live.model, state["id"], single=single)
        await send(
            {"type": "http.response.start", "status": HTTPStatus.OK, "headers": _headers(raw)}
        )
        await send({"type": "http.response.body", "body": raw})

    def rows(self, raw: bytes, live: Live) -> tuple[Rows, bool, Any]:
        """The rows in a body, whether it is a single record, and how the caller calls the rows."""
        document = body.decode(raw)
        if self.name is None and not is_plural(document, live):
            return self.one(document, live), True, None
        return self.many(document, live), False, document.get(asking.REFERENCES)

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
            Fault(pointer(key), "unknown-field", f"allowed here {ALLOWED}{_meant(key)}")
            for key in list(document)[:21]
            if key not in MEMBERS
        ]
        if INSTANCES not in document:
            faults.insert(0, Fault(pointer(INSTANCES), "missing-field", "expected a list of rows"))
        if faults:
            raise RowsError(faults, max(len(faults), len(document.keys() - MEMBERS)))
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


def _is_full(live: Live) -> bool:
    """Whether a single row would wait for too long."""
    return live.is_slow and live.backlog is not None and live.backlog.is_full


def _nothing() -> None:
    pass


_in_instances: Place = lambda row, name: (  # noqa: E731 - a value of the type Place
    pointer(INSTANCES, row, name) if name else pointer(INSTANCES, row)
)


def is_plural(document: Any, live: Live) -> bool:
    """Whether the body of /predict is a list of rows rather than one record."""
    if not isinstance(document, dict) or INSTANCES not in document:
        return False
    return INSTANCES not in live.model.schema.names


def _meant(key: str) -> str:
    near = nearest(key, MEMBERS)
    return f"; did you mean '{near}'?" if near else ""


def _wrong_shape(where: str, expected: str, got: object) -> RowsError:
    return RowsError([Fault(where, "wrong-shape", f"expected {expected}, got {describe(got)}")])


@lru_cache(maxsize=256)
def label_keys(classes: tuple[Value, ...]) -> list[str]:
    """Class labels as the keys of a JSON object."""
    return [label_key(label) for label in classes]


def written(made: Prediction, model: Model, request_id: str, *, single: bool) -> bytes:
    """The answer as JSON."""
    shares = None if made.probabilities is None else made.probabilities.tolist()
    return document_of(made.predictions.tolist(), shares, model, request_id, single)


def document_of(
    labels: list[Any], shares: list[Any] | None, model: Model, request_id: str, single: bool
) -> bytes:
    """Predictions, and for a classifier probabilities, as JSON: of one row, or of several."""
    answer: dict[str, Any] = {"prediction": labels[0]} if single else {"predictions": labels}
    if shares is not None and model.schema.classes is not None:
        keys = label_keys(model.schema.classes)
        named = [dict(zip(keys, row, strict=True)) for row in shares]
        answer["probabilities"] = named[0] if single else named
    answer["model"], answer["version"], answer["id"] = model.name, model.version, request_id
    return orjson.dumps(answer)


def _headers(raw: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(raw))]


def _only_instance(document: Any) -> Any:
    """The row of `{"instances": [row]}`; None for anything else."""
    if type(document) is dict and len(document) == 1:
        rows = document.get(INSTANCES)
        if type(rows) is list and len(rows) == 1:
            return rows[0]
    return None


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
