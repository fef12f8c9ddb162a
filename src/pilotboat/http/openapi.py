"""The OpenAPI document of what is served, typed per model, from the schemas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pilotboat.http.keys import is_open
from pilotboat.http.native import INSTANCES, label_key
from pilotboat.rows.cells import INT64
from pilotboat.runtime.model import Model
from pilotboat.schema import Field, Schema, Value

Json = dict[str, Any]

FLOAT64 = float(np.finfo(np.float64).max)
NO_NUL = "^[^\\u0000]*$"
REFUSALS = {
    400: "The body is not JSON, or not within its limits",
    404: "No model or version of that name",
    406: "The request does not accept JSON",
    413: "Too large: the body, or the number of rows",
    415: "The body is not declared as JSON",
    417: "An expectation that cannot be met",
    422: "The rows do not fit the model's schema; every fault with its place",
    500: "The model failed",
    503: "The model is not ready",
}
KEYED_REFUSALS = {
    400: "The body or the credentials cannot be read",
    401: "No API key, or one that is not known",
    403: "The API key does not have the scope",
    429: "More requests a second than the API key may send; see Retry-After",
}
SCHEMES: Json = {
    "Bearer": {"type": "http", "scheme": "bearer", "description": "An API key"},
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def document(
    models: Sequence[Model],
    default: Model | None,
    version: str,
    *,
    max_rows: int,
    max_text: int,
    closed: bool = True,
    keyed: bool = False,
) -> Json:
    """The OpenAPI 3.1 document.

    models: every live version. default: the one that answers /predict. version: of Pilotboat.
    closed: whether unknown fields are refused. keyed: whether requests need an API key.
    """
    paths: Json = {}
    components: Json = {"Problem": problem()}
    newest: dict[str, Model] = {}
    for model in models:
        newest.setdefault(model.name, model)
    for model in models:
        paths |= _of_version(model, newest[model.name] is model)
        components |= schemas(model, max_rows=max_rows, max_text=max_text, closed=closed)
    if default is not None:
        paths = {"/predict": {"post": _predict(default, "predict", both=True)}} | paths
    made: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Pilotboat",
            "version": version,
            "description": "Predictions of the models served here. Errors are RFC 9457 problems.",
        },
        "paths": paths | fixed_paths(),
        "components": {"schemas": components},
    }
    return _keyed(made) if keyed else made


def _keyed(made: Json) -> Json:
    """The same document of a server whose requests need an API key."""
    made["components"]["securitySchemes"] = SCHEMES
    made["security"] = [{name: []} for name in SCHEMES]
    for path, operations in made["paths"].items():
        for operation in operations.values():
            if is_open(path):
                operation["security"] = []
            else:
                operation["responses"] |= {
                    str(status): _refusal(what) for status, what in KEYED_REFUSALS.items()
                }
    return made


def _of_version(model: Model, is_newest: bool) -> Json:
    paths: Json = {}
    one = f"/v1/models/{model.name}/versions/{model.version}"
    ident = _ident(model)
    paths[f"{one}:predict"] = {"post": _predict(model, f"predict_{ident}")}
    paths[one] = {"get": _get(f"describe_{ident}", f"{model.name} {model.version}: its schema", {})}
    if is_newest:
        name = f"/v1/models/{model.name}"
        paths[f"{name}:predict"] = {"post": _predict(model, f"predict_{ident}_newest")}
        what = f"{model.name}: its newest version and schema"
        paths[name] = {"get": _get(f"describe_{ident}_newest", what, {})}
    return paths


def _ident(model: Model) -> str:
    return f"{model.name}_{model.version}".replace("-", "_").replace(".", "_")


def _predict(model: Model, operation: str, *, both: bool = False) -> Json:
    """A predict operation. both: it takes one record as well as a list."""
    ref = f"#/components/schemas/{model.name}.{model.version}"
    examples = model.examples(2)
    many = {"rows": {"summary": "several rows", "value": {INSTANCES: examples}}}
    one = {"record": {"summary": "one record", "value": examples[0]}} if examples else {}
    shown: Json = many
    asked: Json = {"$ref": f"{ref}.Request"}
    answer: Json = {"$ref": f"{ref}.Answers"}
    if both and INSTANCES in model.schema.names:
        shown, asked, answer = one, {"$ref": f"{ref}.Record"}, {"$ref": f"{ref}.Answer"}
    elif both:
        shown = one | many
        asked = {"oneOf": [{"$ref": f"{ref}.Record"}, asked]}
        answer = {"oneOf": [{"$ref": f"{ref}.Answer"}, answer]}
    content = {"application/json": {"schema": asked, "examples": shown}}
    responses: Json = {"200": {"description": "The predictions", "content": _json(answer)}}
    responses |= {str(status): _refusal(what) for status, what in REFUSALS.items()}
    return {
        "operationId": operation,
        "summary": f"Predict with {model.name}",
        "tags": [model.name],
        "requestBody": {"required": True, "content": content},
        "responses": responses,
    }


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _refusal(what: str) -> Json:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": what, "content": {"application/problem+json": {"schema": schema}}}


def _get(operation: str, summary: str, properties: Json, *, may_wait: bool = True) -> Json:
    schema: Json = {"type": "object"}
    if properties:
        schema |= {"properties": properties, "required": list(properties)}
    responses: Json = {"200": {"description": "Yes", "content": _json(schema)}}
    if may_wait:
        responses["503"] = _refusal("Not ready")
    return {"operationId": operation, "summary": summary, "responses": responses}


def fixed_paths() -> Json:
    """The paths that do not depend on the models."""
    names = {"type": "array", "items": {"type": "string"}}
    text = {"type": "string"}
    return {
        "/v1/models": {"get": _get("models", "The models", {"models": names}, may_wait=False)},
        "/health": {"get": _get("health", "Can every model answer?", {"status": text})},
        "/readyz": {"get": _get("ready", "The same, with the models", {"status": text})},
        "/livez": {"get": _get("live", "Does it run?", {"status": text}, may_wait=False)},
        "/metrics": {"get": _metrics()},
    }


def _metrics() -> Json:
    text = {"text/plain": {"schema": {"type": "string"}}}
    answer = {"description": "In Prometheus's text format", "content": text}
    summary = "What is counted, of all workers together"
    return {"operationId": "metrics", "summary": summary, "responses": {"200": answer}}


def schemas(model: Model, *, max_rows: int, max_text: int, closed: bool) -> Json:
    """The components of one version: its record, its request and its answers."""
    schema, name = model.schema, f"{model.name}.{model.version}"
    record = {"$ref": f"#/components/schemas/{name}.Record"}
    tail = {
        "model": {"type": "string"},
        "version": {"type": "string"},
        "id": {"type": "string", "description": "The request's id"},
    }
    one, many = _answers(schema)
    cells = [_cell(field, max_text) for field in schema.inputs]
    forms = [
        record,
        {"$ref": f"#/components/schemas/{name}.List"},
        *(cells if len(cells) == 1 else []),
    ]
    rows = {"type": "array", "items": {"anyOf": forms}, "minItems": 1, "maxItems": max_rows}
    return {
        f"{name}.Record": _record(schema, cells, closed=closed),
        f"{name}.List": _list(cells) | {"description": f"In this order: {', '.join(schema.names)}"},
        f"{name}.Request": _object({INSTANCES: rows}) | {"additionalProperties": False},
        f"{name}.Answer": _object(one | tail),
        f"{name}.Answers": _object(many | tail),
    }


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(cells: Sequence[Json]) -> Json:
    size = len(cells)
    return {"type": "array", "prefixItems": list(cells), "minItems": size, "maxItems": size}


def _record(schema: Schema, cells: Sequence[Json], *, closed: bool) -> Json:
    made = _object(dict(zip(schema.names, cells, strict=True)))
    unread = {name: {"description": "No step reads it"} for name in schema.ignored}
    return made | {
        "properties": made["properties"] | unread,
        "additionalProperties": not closed,
    }


def _cell(field: Field, max_text: int) -> Json:
    """One input as JSON Schema: exactly what the server takes."""
    made: Json
    if field.type == "number":
        bound = field.largest or FLOAT64
        made = {"type": "number", "minimum": -bound, "maximum": bound}
    elif field.type == "integer":
        made = _whole()
    elif field.type == "boolean":
        made = {"type": "boolean"}
    elif field.type == "category" and field.closed:
        made = {"enum": list(field.categories or ())}
    elif field.type == "category":
        made = _open(field.categories or (), max_text)
    else:
        made = {"type": "string", "maxLength": max_text, "pattern": NO_NUL}
    if field.nullable:
        made = {"anyOf": [made, {"type": "null"}]}
    if field.examples:
        made["examples"] = list(field.examples)
    if field.minimum is not None:
        made["description"] = f"In training between {field.minimum:g} and {field.maximum:g}"
    return made


def _whole() -> Json:
    return {"type": "integer", "minimum": -INT64, "maximum": INT64 - 1}


def _open(categories: Sequence[Value], max_text: int) -> Json:
    kinds = {type(value) for value in categories} or {str}
    made: list[Json] = []
    if str in kinds:
        made.append({"type": "string", "maxLength": max_text, "pattern": NO_NUL})
    if bool in kinds:
        made.append({"type": "boolean"})
    if float in kinds:
        made.append({"type": "number", "minimum": -float(INT64), "maximum": float(INT64)})
    elif int in kinds:
        made.append(_whole())
    return made[0] if len(made) == 1 else {"anyOf": made}


def _answers(schema: Schema) -> tuple[Json, Json]:
    """The properties of the answer to one record and to a list of rows."""
    labels = [_label(field) for field in schema.outputs]
    label = labels[0] if len(labels) == 1 else {"type": "array", "items": {"anyOf": labels}}
    one: Json = {"prediction": label}
    many: Json = {"predictions": {"type": "array", "items": label}}
    if schema.probabilities and schema.classes is not None:
        share = {"type": "number", "minimum": 0}
        shares = _object({label_key(value): share for value in schema.classes})
        one["probabilities"] = shares
        many["probabilities"] = {"type": "array", "items": shares}
    return one, many


def _label(field: Field) -> Json:
    if field.categories is not None:
        return {"enum": list(field.categories)}
    return {"type": "string" if field.type == "text" else "number"}


def problem() -> Json:
    """RFC 9457, with our members."""
    text, number = {"type": "string"}, {"type": "integer"}
    fault = _object({"pointer": text, "code": text, "detail": text})
    made = _object(
        {"type": text, "title": text, "status": number, "detail": text, "code": text}
        | {"instance": text}
    )
    more = {"errors": {"type": "array", "items": fault}, "errors_total": number}
    return made | {"properties": made["properties"] | more}
