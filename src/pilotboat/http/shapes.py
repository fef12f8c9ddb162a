"""JSON Schema of what callers send and get: exactly what the server takes, from a model's schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pilotboat.rows.cells import INT64
from pilotboat.schema import Field, Schema, Value

Json = dict[str, Any]

FLOAT64 = float(np.finfo(np.float64).max)
NO_NUL = "^[^\\u0000]*$"


def structure(properties: Json) -> Json:
    """An object with these properties, all of them."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def ordered(items: Sequence[Json]) -> Json:
    """A list of exactly these."""
    size = len(items)
    return {"type": "array", "prefixItems": list(items), "minItems": size, "maxItems": size}


def record(schema: Schema, cells: Sequence[Json], *, closed: bool) -> Json:
    """A row by name. closed: whether unknown fields are refused."""
    made = structure(dict(zip(schema.names, cells, strict=True)))
    unread = {name: {"description": "No step reads it"} for name in schema.ignored}
    return made | {
        "properties": made["properties"] | unread,
        "additionalProperties": not closed,
    }


def cell(field: Field, max_text: int) -> Json:
    """One input as JSON Schema: exactly what the server takes."""
    made: Json
    if field.type == "number":
        made = number(field.largest or FLOAT64)
    elif field.type == "integer":
        made = whole()
    elif field.type == "boolean":
        made = {"type": "boolean"}
    elif field.type == "category" and field.closed:
        made = {"enum": list(field.categories or ())}
    elif field.type == "category":
        made = _open(field.categories or (), max_text)
    else:
        made = text(max_text)
    if field.nullable:
        made = {"anyOf": [made, {"type": "null"}]}
    if field.examples:
        made["examples"] = list(field.examples)
    if field.minimum is not None:
        made["description"] = f"In training between {field.minimum:g} and {field.maximum:g}"
    return made


def number(bound: float = FLOAT64) -> Json:
    """A number of at most that magnitude."""
    return {"type": "number", "minimum": -bound, "maximum": bound}


def whole() -> Json:
    """An integer of 64 bits."""
    return {"type": "integer", "minimum": -INT64, "maximum": INT64 - 1}


def text(longest: int) -> Json:
    """Text of so many characters at most."""
    return {"type": "string", "maxLength": longest, "pattern": NO_NUL}


def _open(categories: Sequence[Value], max_text: int) -> Json:
    kinds = {type(value) for value in categories} or {str}
    made: list[Json] = []
    if str in kinds:
        made.append(text(max_text))
    if bool in kinds:
        made.append({"type": "boolean"})
    if float in kinds:
        made.append(number(float(INT64)))
    elif int in kinds:
        made.append(whole())
    return made[0] if len(made) == 1 else {"anyOf": made}


def label(field: Field) -> Json:
    """One output, as it is answered."""
    if field.categories is not None:
        return {"enum": list(field.categories)}
    return {"type": "string" if field.type == "text" else "number"}


def as_json(schema: Json) -> Json:
    """The content of a body of JSON."""
    return {"application/json": {"schema": schema}}


def refusal(what: str) -> Json:
    """An answer that is a problem document."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": what, "content": {"application/problem+json": {"schema": schema}}}
