"""The one decoder: a request's headers and bytes -> a JSON document within its limits."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson

from pilotboat.errors import (
    BodyError,
    ExpectationError,
    MediaTypeError,
    NotAcceptableError,
    TooLargeError,
)
from pilotboat.http import coding
from pilotboat.operations.access import Headers, Receive, Scope
from pilotboat.rows import pointer

DEPTH = 32
JSON = "application/json"
BRACKETS = b"[]{}"
NO_BRACKETS = bytes(set(range(256)) - set(BRACKETS))


@dataclass(frozen=True, slots=True)
class Limits:
    """body: bytes of a request's body. rows: rows of one request."""

    body: int = 10 * 2**20
    rows: int = 10_000


async def read(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """The body of a request whose headers promise what `decode` takes.

    Raises `MediaTypeError`, `NotAcceptableError`, `ExpectationError`, `TooLargeError`, `BodyError`.
    """
    declared, packed = check_headers(scope["headers"])
    if declared > limits.body:
        raise _too_large(limits.body, declared)
    raw = await _read(receive, limits.body)
    _check_upgrade(scope["headers"], raw)
    if not packed:
        return raw
    made = await coding.unpacked(raw, packed, limits.body)
    hold = scope.get("state", {}).get("hold")
    if hold is not None:  # what was packed counts as what it is, where bodies are counted
        hold(len(made) - len(raw))
    return made


def check(headers: Headers, raw: bytes, limits: Limits) -> None:
    """The same for a body that is there, as it is: raise where the request is not acceptable."""
    _, packed = check_headers(headers)
    if packed:
        raise BodyError("The body is compressed.", code="compressed")
    if len(raw) > limits.body:
        raise _too_large(limits.body, len(raw))
    _check_upgrade(headers, raw)


def _check_upgrade(headers: Headers, raw: bytes) -> None:
    if not raw and any(name == b"upgrade" for name, _ in headers):
        # HTTP parsers take what follows such a request for another protocol, so it never gets here.
        raise BodyError(
            "This server speaks HTTP/1.1 and upgrades to no other protocol.",
            code="upgrade-not-supported",
            hint="Send the request without the header Upgrade.",
        )


def check_headers(headers: Headers) -> tuple[int, bytes]:
    """Refuse what is not JSON in, JSON out. Returns the body's declared length (or 0) and coding."""
    length, packed, accepts = 0, b"", []
    for name, value in headers:
        if name == b"content-type":
            check_media_type(value)
        elif name == b"content-length":
            length = int(value) if value.isdigit() else 0
        elif name == b"accept":
            accepts.append(value)
        elif name == b"content-encoding":
            packed = packed + b"," + value if packed else value
        elif name == b"expect" and value.strip().lower() != b"100-continue":
            raise ExpectationError("The only expectation met here is 100-continue.")
    if accepts:
        check_accept(b",".join(accepts))
    return length, coding.named(packed) if packed else b""


@lru_cache(maxsize=256)
def check_media_type(value: bytes) -> None:
    """A missing content type is taken as JSON; another one is refused."""
    media_type, *parameters = (part.strip().lower() for part in value.decode("latin-1").split(";"))
    subtype_is_json = media_type.startswith("application/") and media_type.endswith("+json")
    if media_type not in ("", JSON) and not subtype_is_json:
        raise MediaTypeError(
            "The body must be JSON.", hint=f"Send the header Content-Type: {JSON}", accepted=JSON
        )
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name == "charset" and charset.strip('"') not in ("utf-8", "utf8"):
            raise MediaTypeError(
                "The body must be UTF-8.",
                code="unsupported-charset",
                hint=f"Send the header Content-Type: {JSON}",
                accepted=JSON,
            )


@lru_cache(maxsize=256)
def check_accept(value: bytes) -> None:
    """Refuse a caller that takes no JSON in answer. The nearest of its media ranges decides."""
    ranges = value.decode("latin-1").lower()
    weights = dict(map(_weighed, ranges.split(","))) if ranges.strip(" ,") else {JSON: "1"}
    nearest = next(
        (weights[name] for name in (JSON, "application/*", "*/*") if name in weights), ""
    )
    if not nearest.strip("0."):
        raise NotAcceptableError(
            "The answer is JSON, which the request does not accept.",
            hint=f"Send the header Accept: {JSON}",
            accepted=JSON,
        )


def _weighed(choice: str) -> tuple[str, str]:
    """One media range of an Accept header, and its weight."""
    media_range, *parameters = choice.replace(" ", "").split(";")
    return media_range, next((one[2:] for one in parameters if one.startswith("q=")), "1")


async def _read(receive: Receive, limit: int) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyError("The client went away.", code="client-closed")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit, size)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int, actual: int) -> TooLargeError:
    return TooLargeError(
        f"The body is larger than {limit:,} bytes.",
        hint="Send fewer rows at a time.",
        limit=limit,
        actual=actual,
        unit="bytes",
    )


def decode(raw: bytes) -> Any:
    """The document in `raw`: strict JSON in UTF-8, at most `DEPTH` levels, every key once."""
    if not raw.strip():
        raise BodyError(
            "The body is empty.", code="empty-body", hint="Send a JSON object with the inputs."
        )
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _syntax(raw, error) from None
    _check_depth(raw, value)
    if raw.count(b":") != _keys(value):
        _check_duplicates(raw)
    return value


REASONS = (
    ("UTF-8", "invalid-encoding", "The body must be UTF-8 without a byte order mark"),
    ("surrogate", "invalid-unicode", "A text holds half of a surrogate pair"),
    ("infinity", "number-out-of-range", "A number is larger than a 64-bit float can be"),
    ("depth", "too-deep", f"The document is nested deeper than {DEPTH} levels"),
    ("", "invalid-json", "The body is not JSON"),
)
"""(a word of the parser's message, our code, what we say)"""
NO_NAN = "NaN and Infinity are not JSON: send null if the input allows a gap."


def _syntax(raw: bytes, error: orjson.JSONDecodeError) -> BodyError:
    # UTF-16 and UTF-32 without their mark, and the mark that older parsers do not name
    message = "UTF-8" if b"\0" in raw[:4] or raw.startswith(BOM_UTF8) else error.msg
    code, says = next((code, says) for word, code, says in REASONS if word in message)
    if code == "too-deep":
        return _too_deep()
    if code == "invalid-encoding":
        return BodyError(f"{says}.", code=code)
    found = raw[error.pos : error.pos + 9].lstrip(b"-")[:3]
    return BodyError(
        f"{says} (line {error.lineno}, column {error.colno}).",
        code=code,
        hint=NO_NAN if code == "invalid-json" and found in (b"NaN", b"Inf") else "",
        line=error.lineno,
        column=error.colno,
    )


def _too_deep() -> BodyError:
    return BodyError(
        f"The document is nested deeper than {DEPTH} levels.",
        code="too-deep",
        limit=DEPTH,
        unit="levels",
    )


def _check_depth(raw: bytes, value: Any) -> None:
    """Peel the brackets level by level, all at once: what is left is deep, or brackets in text."""
    if raw.count(b"{") + raw.count(b"[") <= DEPTH:
        return
    brackets = raw.translate(None, NO_BRACKETS)
    for _ in range(DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    if brackets and _depth(value) > DEPTH:
        raise _too_deep()


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = list(
            chain.from_iterable(one.values() if isinstance(one, dict) else one for one in level)
        )
    return depth


def _keys(value: Any) -> int:
    """How many keys the objects of the document have: as many as colons, unless text holds some."""
    if isinstance(value, dict):
        count = len(value)
        for one in value.values():
            if isinstance(one, dict | list):
                count += _keys(one)
        return count
    if isinstance(value, list) and value:
        kinds = set(map(type, value))
        if not kinds & {dict, list}:
            return 0
        if kinds == {dict} and _are_flat(value):
            return sum(map(len, value))
        # What is inside of all of them at once: a body may hold a million empty arrays.
        objects = [one for one in value if isinstance(one, dict)]
        arrays = [one for one in value if isinstance(one, list)]
        inside = chain(chain.from_iterable(map(dict.values, objects)), *arrays)
        return sum(map(len, objects)) + _keys(list(inside))
    return 0


def _are_flat(objects: list[dict[str, Any]]) -> bool:
    """Whether these hold no other objects or lists: the usual rows."""
    return not set(map(type, chain.from_iterable(map(dict.values, objects)))) & {dict, list}


@dataclass(frozen=True, slots=True)
class _Twice:
    """Stands for an object that has a key twice."""

    key: str


def _check_duplicates(raw: bytes) -> None:
    def pairs(items: list[tuple[str, Any]]) -> Any:
        made = dict(items)
        if len(made) == len(items):
            return made
        keys = Counter(key for key, _ in items)
        return _Twice(next(key for key, count in keys.items() if count > 1))

    where = _place_of_twice(json.loads(raw, object_pairs_hook=pairs))
    if where is not None:
        raise BodyError(
            f"{where!a} is there twice.",
            code="duplicate-key",
            hint="An object has every key once.",
            pointer=where,
        )


def _place_of_twice(value: Any, above: str = "") -> str | None:
    if isinstance(value, _Twice):
        return above + pointer(value.key[:64])
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        if isinstance(one, dict | list | _Twice):
            where = _place_of_twice(one, above + pointer(key))
            if where is not None:
                return where
    return None
