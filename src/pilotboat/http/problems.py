"""Error -> status and body (RFC 9457). The only place with status codes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pilotboat import errors
from pilotboat.errors import PilotboatError, RowsError
from pilotboat.operations.access import Reply, Scope, Send

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[PilotboatError], int] = {
    PilotboatError: 500,
    errors.RequestError: 400,
    errors.BodyError: 400,
    errors.TooLargeError: 413,
    errors.MediaTypeError: 415,
    errors.NotAcceptableError: 406,
    errors.ExpectationError: 417,
    errors.TargetTooLongError: 414,
    errors.HeadTooLargeError: 431,
    errors.SlowError: 408,
    errors.UnauthorizedError: 401,
    errors.ForbiddenError: 403,
    errors.NotOfferedError: 404,
    errors.RateLimitedError: 429,
    errors.RowsError: 422,
    errors.UnknownModelError: 404,
    errors.ModelNotReadyError: 503,
    errors.RefusedError: 422,
    errors.NotFiniteError: 422,
    errors.ModelFailedError: 500,
    errors.BusyError: 503,
    errors.DeadlineError: 504,
    errors.StoreUnavailableError: 503,
}

METHOD_NOT_ALLOWED = 405
CODES = {404: "not-found", 405: "method-not-allowed"}
PLACES = frozenset({"limit", "actual", "unit", "accepted", "line", "column", "pointer"})
SHOWN = PLACES | {"model", "version", "models", "versions", "scope", "window", "stage"}
"""The facts of an error that callers may see."""
RETRY_AFTER = {503: "1", 429: "1"}
"""Seconds after which to ask again, where the error does not say."""


def status_of(error: PilotboatError) -> int:
    """The HTTP status of an error: that of the nearest class in the tree."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def document(
    status: int, code: str, detail: str, request_id: str, members: Mapping[str, Any] | None = None
) -> bytes:
    """A problem document. members: more of it, beside RFC 9457's own."""
    body = {
        "type": f"urn:pilotboat:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "instance": f"urn:request:{request_id}",
    } | dict(members or {})
    return orjson.dumps(body)


def reply(error: PilotboatError, path: str, request_id: str) -> Reply:
    """The whole answer that states `error`: status, headers, body."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.__cause__ is not None:
        logger.error("request %s: %s", request_id, error, exc_info=error.__cause__)
    members = {name: value for name, value in error.facts.items() if name in SHOWN}
    if isinstance(error, RowsError):
        members["errors"] = [
            {"pointer": one.pointer, "code": one.code, "detail": one.detail} for one in error.faults
        ]
        members["errors_total"] = error.total
    headers = {}
    if isinstance(error, errors.MediaTypeError) and "accepted" in error.facts:
        name = "accept-encoding" if error.code == "unsupported-encoding" else "accept"
        headers[name] = error.facts["accepted"]
    if isinstance(error, errors.UnauthorizedError):
        headers["www-authenticate"] = 'Bearer realm="pilotboat"'
    if status in RETRY_AFTER:
        headers["retry-after"] = str(error.facts.get("retry_after", RETRY_AFTER[status]))
    return whole(status, error.code, str(error), path, request_id, members=members, headers=headers)


def whole(
    status: int,
    code: str,
    detail: str,
    path: str,
    request_id: str,
    *,
    members: Mapping[str, Any],
    headers: Mapping[str, str],
) -> Reply:
    """A problem document with its status and headers, in the form that the path's clients know."""
    if path.startswith("/v1/"):
        members = dict(members) | {"error": detail}
    raw = document(status, code, detail, request_id, members)
    told = {
        "cache-control": "no-store",
        **headers,
        "content-type": MEDIA_TYPE,
        "content-length": str(len(raw)),
    }
    return status, [(name.lower().encode(), value.encode()) for name, value in told.items()], raw


async def send(scope: Scope, send: Send, error: PilotboatError) -> None:
    """Answer with the problem document that states `error`."""
    state = scope["state"]
    state["facts"]["code"] = error.code
    status, headers, raw = reply(error, scope["path"], state["id"])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


async def of_error(request: Request, error: PilotboatError) -> Response:
    """The problem document that states `error`."""
    _known(request, error.code)
    return _response(reply(error, request.url.path, _id(request)))


async def of_http(request: Request, error: HTTPException) -> Response:
    """The problem document for what the router refuses."""
    method, path = request.method, "this path"
    details = {
        404: "There is nothing at this path. GET /docs shows what there is.",
        405: f"{method if method.isalpha() else 'This method'} is not a method of {path}.",
    }
    code = CODES.get(error.status_code, "http-error")
    detail = details.get(error.status_code, str(error.detail))
    return _answer(request, error.status_code, code, detail, dict(error.headers or {}))


async def of_bug(request: Request, error: Exception) -> Response:
    """The problem document for what nobody foresaw; the log has the traceback."""
    logger.error("request %s: %s", _id(request), type(error).__name__)
    detail = "The server failed. Its log names this request's id."
    return _answer(request, 500, "internal-error", detail, {})


def _answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    headers: dict[str, str],
) -> Response:
    _known(request, code)
    return _response(
        whole(status, code, detail, request.url.path, _id(request), members={}, headers=headers)
    )


def _response(answer: Reply) -> Response:
    status, headers, raw = answer
    made = Response(raw, status)
    made.raw_headers = headers
    return made


def _known(request: Request, code: str) -> None:
    """Let the access log and the metrics know what was wrong."""
    facts = request.scope.get("state", {}).get("facts")
    if facts is not None:
        facts["code"] = code


def _id(request: Request) -> str:
    return str(request.scope.get("state", {}).get("id", ""))
