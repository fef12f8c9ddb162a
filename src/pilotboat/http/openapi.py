"""The OpenAPI document of what is served, typed per model, from the schemas."""

from __future__ import annotations

from collections.abc import Sequence

from pilotboat.http import remembered
from pilotboat.http.keys import is_open
from pilotboat.http.native import INSTANCES
from pilotboat.http.shapes import Json, as_json, cell, label, ordered, record, refusal, structure
from pilotboat.prediction import label_key
from pilotboat.runtime.model import Model
from pilotboat.schema import Schema

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
    keeps: bool = False,
    reads: bool = False,
) -> Json:
    """The OpenAPI 3.1 document.

    models: every live version, the newest of each model first. default: the one that answers /predict.
    version: of Pilotboat. closed: whether unknown fields are refused. keyed: whether requests need an
    API key. keeps, reads: whether predictions are kept, and can be read.
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
    if keeps:
        paths |= remembered.paths(reads=reads)
        components |= remembered.components(models, max_rows=max_rows)
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
                    str(status): refusal(what) for status, what in KEYED_REFUSALS.items()
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
    responses: Json = {"200": {"description": "The predictions", "content": as_json(answer)}}
    responses |= {str(status): refusal(what) for status, what in REFUSALS.items()}
    return {
        "operationId": operation,
        "summary": f"Predict with {model.name}",
        "tags": [model.name],
        "requestBody": {"required": True, "content": content},
        "responses": responses,
    }


def _get(operation: str, summary: str, properties: Json, *, may_wait: bool = True) -> Json:
    schema: Json = {"type": "object"}
    if properties:
        schema |= {"properties": properties, "required": list(properties)}
    responses: Json = {"200": {"description": "Yes", "content": as_json(schema)}}
    if may_wait:
        responses["503"] = refusal("Not ready")
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
    by_name = {"$ref": f"#/components/schemas/{name}.Record"}
    tail = {
        "model": {"type": "string"},
        "version": {"type": "string"},
        "id": {"type": "string", "description": "The request's id"},
    }
    one, many = _answers(schema)
    cells = [cell(field, max_text) for field in schema.inputs]
    forms = [
        by_name,
        {"$ref": f"#/components/schemas/{name}.List"},
        *(cells if len(cells) == 1 else []),
    ]
    rows = {"type": "array", "items": {"anyOf": forms}, "minItems": 1, "maxItems": max_rows}
    return {
        f"{name}.Record": record(schema, cells, closed=closed),
        f"{name}.List": ordered(cells)
        | {"description": f"In this order: {', '.join(schema.names)}"},
        f"{name}.Request": structure({INSTANCES: rows}) | {"additionalProperties": False},
        f"{name}.Answer": structure(one | tail),
        f"{name}.Answers": structure(many | tail),
    }


def _answers(schema: Schema) -> tuple[Json, Json]:
    """The properties of the answer to one record and to a list of rows."""
    labels = [label(field) for field in schema.outputs]
    each = labels[0] if len(labels) == 1 else {"type": "array", "items": {"anyOf": labels}}
    one: Json = {"prediction": each}
    many: Json = {"predictions": {"type": "array", "items": each}}
    if schema.probabilities and schema.classes is not None:
        share = {"type": "number", "minimum": 0}
        shares = structure({label_key(value): share for value in schema.classes})
        one["probabilities"] = shares
        many["probabilities"] = {"type": "array", "items": shares}
    return one, many


def problem() -> Json:
    """RFC 9457, with our members."""
    text, number = {"type": "string"}, {"type": "integer"}
    fault = structure({"pointer": text, "code": text, "detail": text})
    made = structure(
        {"type": text, "title": text, "status": number, "detail": text, "code": text}
        | {"instance": text}
    )
    more = {"errors": {"type": "array", "items": fault}, "errors_total": number}
    return made | {"properties": made["properties"] | more}
