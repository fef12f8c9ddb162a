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
    errors.RowsError: 422,
    errors.UnknownModelError: 404,
    errors.ModelNotReadyError: 503,
    errors.RefusedError: 422,
    errors.NotFiniteError: 422,
    errors.ModelFailedError: 500,
}

METHOD_NOT_ALLOWED = 405
CODES = {404: "not-found", 405: "method-not-allowed"}
PLACES = frozenset({"limit", "actual", "unit", "accepted", "line", "column", "pointer"})
SHOWN = PLACES | {"model", "version", "models", "versions"}
"""The facts of an error that callers may see."""


def status_of(error: PilotboatError) -> int:
    """The HTTP status of an error: that of the nearest class in the tree."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(
    status: int,
    code: str,
    detail: str,
    request_id: str,
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document. members: more of it, beside RFC 9457's own."""
    body = {
        "type": f"urn:pilotboat:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "instance": f"urn:request:{request_id}",
    } | dict(members or {})
    return Response(
        orjson.dumps(body),
        status,
        headers={"cache-control": "no-store"} | dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


async def of_error(request: Request, error: PilotboatError) -> Response:
    """The problem document that states `error`."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.__cause__ is not None:
        logger.error("request %s: %s", _id(request), error, exc_info=error.__cause__)
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
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = "5"
    return _answer(request, status, error.code, str(error), members, headers)


async def of_http(request: Request, error: HTTPException) -> Response:
    """The problem document for what the router refuses."""
    method, path = request.method, "this path"
    details = {
        404: "There is nothing at this path. GET /docs shows what there is.",
        405: f"{method if method.isalpha() else 'This method'} is not a method of {path}.",
    }
    code = CODES.get(error.status_code, "http-error")
    detail = details.get(error.status_code, str(error.detail))
    return _answer(request, error.status_code, code, detail, {}, dict(error.headers or {}))


async def of_bug(request: Request, error: Exception) -> Response:
    """The problem document for what nobody foresaw; the log has the traceback."""
    logger.error("request %s: %s", _id(request), type(error).__name__)
    detail = "The server failed. Its log names this request's id."
    return _answer(request, 500, "internal-error", detail, {}, {})


def _answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    members: dict[str, Any],
    headers: dict[str, str],
) -> Response:
    if request.url.path.startswith("/v1/"):
        members = members | {"error": detail}
    return problem(status, code, detail, _id(request), members, headers)


def _id(request: Request) -> str:
    return str(request.scope.get("state", {}).get("id", ""))
