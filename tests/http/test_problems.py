from __future__ import annotations

import asyncio
import inspect
import json
import logging
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pilotboat import errors
from pilotboat.errors import Fault, MediaTypeError, ModelFailedError, ModelNotReadyError, RowsError
from pilotboat.http import problems

ERRORS = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, errors.PilotboatError)
]
STATUSES = {
    "BodyError": 400,
    "BusyError": 503,
    "DeadlineError": 504,
    "ExpectationError": 417,
    "ForbiddenError": 403,
    "HeadTooLargeError": 431,
    "LeavingError": 503,
    "MediaTypeError": 415,
    "ModelFailedError": 500,
    "ModelNotReadyError": 503,
    "NotAcceptableError": 406,
    "NotFiniteError": 422,
    "NotOfferedError": 404,
    "OverloadedError": 503,
    "RateLimitedError": 429,
    "RefusedError": 422,
    "RequestError": 400,
    "RowsError": 422,
    "SlowError": 408,
    "SpoolFullError": 503,
    "StoreUnavailableError": 503,
    "TargetTooLongError": 414,
    "TooLargeError": 413,
    "UnauthorizedError": 401,
    "UnknownModelError": 404,
}


def asked(path: str = "/predict", method: str = "POST") -> Request:
    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    return Request(scope | {"state": {"id": "id-1"}, "server": ("here", 80), "scheme": "http"})


def of_error(error: errors.PilotboatError, path: str = "/predict") -> tuple[Response, Any]:
    response = asyncio.run(problems.of_error(asked(path), error))
    return response, json.loads(bytes(response.body))


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status(kind: type[errors.PilotboatError]) -> None:
    made = RowsError([Fault("", "code", "")]) if kind is RowsError else kind("It broke.")
    assert problems.status_of(made) == STATUSES.get(kind.__name__, 500)


def test_a_problem_has_the_members_of_rfc_9457() -> None:
    said, more = "Short and stout.", {"a": "b"}
    status, headers, raw = problems.whole(
        418, "tea-pot", said, "/", "id-1", members={"spouts": 1}, headers=more
    )
    assert status == 418
    assert dict(headers) == {
        b"content-type": b"application/problem+json",
        b"cache-control": b"no-store",
        b"content-length": b"%d" % len(raw),
        b"a": b"b",
    }
    assert json.loads(raw) == {
        "type": "urn:pilotboat:problem:tea-pot",
        "title": "Tea pot",
        "status": 418,
        "detail": "Short and stout.",
        "code": "tea-pot",
        "instance": "urn:request:id-1",
        "spouts": 1,
    }


def test_every_fault_is_named_with_its_place() -> None:
    faults = [Fault(f"/instances/{number}", "wrong-type", "expected 1") for number in range(30)]
    response, document = of_error(RowsError(faults, rows=30))
    assert response.status_code == 422
    assert len(document["errors"]) == 20
    assert document["errors"][1] == {
        "pointer": "/instances/1",
        "code": "wrong-type",
        "detail": "expected 1",
    }
    assert document["errors_total"] == 30
    assert document["code"] == "wrong-type"


def test_only_facts_that_callers_may_see_are_shown() -> None:
    error = errors.TooLargeError("Too large.", limit=3, unit="rows", path="/secret", row=7)
    _, document = of_error(error)
    assert {"limit", "unit"} < set(document)
    assert not {"path", "row"} & set(document)


def test_the_old_member_is_there_for_clients_of_v1() -> None:
    error = errors.UnknownModelError("Nobody.", hint="Ask another.")
    assert of_error(error, "/v1/models/x")[1]["error"] == "Nobody. Ask another."
    assert "error" not in of_error(error, "/predict")[1]


def test_headers_say_what_to_do() -> None:
    said = "application/json"
    assert of_error(MediaTypeError("No.", accepted=said))[0].headers["accept"] == said
    coded = MediaTypeError("No.", code="unsupported-encoding", accepted="identity")
    assert of_error(coded)[0].headers["accept-encoding"] == "identity"
    assert of_error(ModelNotReadyError("No."))[0].headers["retry-after"] == "1"
    later = errors.RateLimitedError("No.", retry_after=7)
    assert of_error(later)[0].headers["retry-after"] == "7"
    assert "Bearer" in of_error(errors.UnauthorizedError("No."))[0].headers["www-authenticate"]


def test_the_cause_of_a_failure_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    error = ModelFailedError("The model failed.")
    error.__cause__ = ZeroDivisionError("a secret")
    response, document = of_error(error)
    assert response.status_code == 500
    assert "a secret" not in json.dumps(document)
    assert "a secret" in caplog.text
    assert "request id-1" in caplog.text


def test_a_bug_is_logged_with_the_request_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = asyncio.run(problems.of_bug(asked(), ValueError("a secret")))
    assert response.status_code == 500
    assert json.loads(bytes(response.body))["code"] == "internal-error"
    assert b"a secret" not in bytes(response.body)
    assert "request id-1: ValueError" in caplog.text


@pytest.mark.parametrize(
    ("status", "code"), [(404, "not-found"), (405, "method-not-allowed"), (418, "http-error")]
)
def test_what_the_router_refuses_has_the_same_shape(status: int, code: str) -> None:
    error = HTTPException(status, headers={"Allow": "GET"})
    response = asyncio.run(problems.of_http(asked(), error))
    document = json.loads(bytes(response.body))
    assert (response.status_code, document["code"]) == (status, code)
    assert response.headers["allow"] == "GET"


def test_a_method_that_is_no_word_is_not_echoed() -> None:
    request = asked(method="M-SEARCH")
    response = asyncio.run(problems.of_http(request, HTTPException(405)))
    assert b"M-SEARCH" not in bytes(response.body)
    assert "This method" in json.loads(bytes(response.body))["detail"]


def test_what_is_refused_is_known_to_the_access_log() -> None:
    facts: dict[str, str] = {}
    request = asked()
    request.scope["state"]["facts"] = facts
    for refused, code in (
        (problems.of_error(request, RowsError([Fault("", "wrong-type", "")])), "wrong-type"),
        (problems.of_http(request, HTTPException(405)), "method-not-allowed"),
        (problems.of_bug(request, ValueError()), "internal-error"),
    ):
        asyncio.run(refused)
        assert facts.pop("code") == code
