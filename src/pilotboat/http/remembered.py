"""What the OpenAPI document says of the prediction log: outcomes in, predictions out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pilotboat.bundle.manifest import NAME, VERSION
from pilotboat.http import feedback, history
from pilotboat.http.shapes import (
    NO_NUL,
    Json,
    as_json,
    cell,
    ordered,
    refusal,
    structure,
    text,
)
from pilotboat.operations.access import ID
from pilotboat.operations.outcomes import LAST_ROW, LONGEST, MOST
from pilotboat.runtime.model import Model

EXAMPLE = "0af7651916cd43dd8448eb211c80319c"
"""The id of a request."""
REFUSALS = {
    400: "The body is not JSON, or not within its limits",
    404: "No model of that name",
    406: "The request does not accept JSON",
    413: "Too large: the body, or the number of outcomes",
    415: "The body is not declared as JSON",
    417: "An expectation that cannot be met",
    422: "Outcomes that are none; every fault with its place",
    503: "The outcomes cannot be kept at present; see Retry-After",
}
IDENT: Json = {"type": "string", "pattern": f"^{ID.pattern.decode()}$"}
REFERENCE: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": 256,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
}
ROW: Json = {"type": "integer", "minimum": 0, "maximum": LAST_ROW}
TIME: Json = {"type": "string", "format": "date-time"}
NUMBER: Json = {"type": "number"}
"""What is larger than a 64-bit float can be is no JSON here."""
SCALAR: Json = {"anyOf": [text(LONGEST), NUMBER, {"type": "boolean"}]}
LIST: Json = {"type": "array", "items": SCALAR, "minItems": 1, "maxItems": MOST}


def paths(*, reads: bool) -> Json:
    """The operations. reads: whether predictions can be read."""
    made: Json = {feedback.PATH: {"post": _feedback()}}
    return made | ({history.PATH: {"get": _predictions()}} if reads else {})


def components(models: Sequence[Model], *, max_rows: int) -> Json:
    """What they take and give. models: every live version, the newest of each model first."""
    named: dict[str, list[Model]] = {}
    for model in models:
        named.setdefault(model.name, []).append(model)
    one = {
        "anyOf": [
            _form(None, {"anyOf": [*SCALAR["anyOf"], LIST]}),
            *(_form(name, _actual(versions)) for name, versions in named.items()),
        ]
    }
    many = {"type": "array", "items": {"$ref": "#/components/schemas/Outcome"}, "minItems": 1}
    return {
        "Outcome": one,
        "Outcomes": structure({feedback.OUTCOMES: many | {"maxItems": max_rows}})
        | {"additionalProperties": False},
        "Remembered": _remembered(),
    }


def _form(model: str | None, actual: Json) -> Json:
    """An outcome, by the id of a request or by the caller's own name."""
    named: Json = {} if model is None else {"model": {"const": model}}
    made = structure({"actual": actual} | named)
    more = {"id": IDENT, "row": ROW, "reference": REFERENCE, "time": TIME}
    return made | {
        "properties": more | made["properties"],
        "oneOf": [{"required": ["id"]}, {"required": ["reference"]}],
        "dependentRequired": {"row": ["id"]},
        "additionalProperties": False,
    }


def _actual(versions: Sequence[Model]) -> Json:
    """What any of the versions may answer."""
    each: list[Json] = []
    for model in versions:
        cells = [
            NUMBER if field.type == "number" else cell(field, LONGEST)
            for field in model.schema.outputs
        ]
        made = cells[0] if len(cells) == 1 else ordered(cells)
        if made not in each:
            each.append(made)
    return each[0] if len(each) == 1 else {"anyOf": each}


def _feedback() -> Json:
    outcome = {"id": EXAMPLE, "actual": "yes"}
    examples = {
        "outcome": {"summary": "one outcome", "value": outcome},
        "outcomes": {
            "summary": "several",
            "value": {
                feedback.OUTCOMES: [
                    outcome | {"row": 1, "time": "2026-01-31T12:00:00Z"},
                    {"reference": "order 4711", "actual": 1.5},
                ]
            },
        },
    }
    forms = [{"$ref": f"#/components/schemas/{name}"} for name in ("Outcome", "Outcomes")]
    content = {"application/json": {"schema": {"oneOf": forms}, "examples": examples}}
    taken = structure({"accepted": {"type": "integer"}, "id": {"type": "string"}})
    responses: Json = {"202": {"description": "They are kept", "content": as_json(taken)}}
    return {
        "operationId": "feedback",
        "summary": "Say what turned out to be right",
        "description": "Outcomes are matched with predictions when they are read: they may be late, come "
        "twice (the latest counts) or before the prediction is in the database.",
        "requestBody": {"required": True, "content": content},
        "responses": responses | {str(status): refusal(what) for status, what in REFUSALS.items()},
    }


def _predictions() -> Json:
    page = structure(
        {
            "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Remembered"}},
            "next": {"type": ["string", "null"], "description": "the cursor of the next page"},
        }
    )
    responses: Json = {"200": {"description": "The newest first", "content": as_json(page)}}
    responses["422"] = refusal("Parameters that are none, each by its name")
    responses["503"] = refusal("The database does not answer at present; see Retry-After")
    return {
        "operationId": "predictions",
        "summary": "Read predictions, and what has become of them",
        "parameters": [
            {"name": name, "in": "query", "description": what, "schema": schema}
            for name, (what, schema) in PARAMETERS.items()
        ],
        "responses": responses,
    }


PARAMETERS: dict[str, tuple[str, Json]] = {
    "id": ("of the request that was answered", IDENT),
    "row": ("its number in that request, from 0 on", ROW),
    "reference": ("the caller's own name of it", REFERENCE),
    "model": ("the model that answered", {"type": "string", "pattern": f"^{NAME.pattern}$"}),
    "version": ("its version", {"type": "string", "pattern": f"^{VERSION.pattern}$"}),
    "since": ("answered then or later", TIME),
    "until": ("answered before", TIME),
    "limit": ("of one page", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
    "cursor": ('"next" of the page before', {"type": "string", "pattern": NO_NUL}),
}
"""name -> what it is, and its schema"""


def _remembered() -> Json:
    """A prediction that is kept."""
    plain, maybe, anything = {"type": "string"}, {"type": ["string", "null"]}, dict[str, Any]()
    return structure(
        {
            "id": plain,
            "row": {"type": "integer"},
            "time": TIME,
            "model": plain,
            "version": plain,
            "digest": plain,
            "operation": plain,
            "model_ms": {"type": ["number", "null"]},
            "key": maybe,
            "inputs": {"type": "object"},
            "prediction": anything,
            "probabilities": {"type": ["object", "null"]},
            "reference": maybe,
            "actual": anything,
            "actual_time": maybe,
        }
    )
