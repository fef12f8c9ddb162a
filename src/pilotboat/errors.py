"""Every error that Pilotboat raises on purpose.

An error states facts: a stable `code`, one sentence, what to do about it, and named values.
How it is shown (an HTTP status, an exit code) is decided where it is shown.

    PilotboatError
    ├── UsageError                 the call itself makes no sense
    │   └── SettingsError          settings that cannot be used, all of them at once
    ├── EnvironmentFault           the machine lacks something
    │   ├── MissingExtraError      an optional dependency is not installed
    │   ├── LimitHitError          memory, CPU or time ran out in the packing process
    │   └── StoreUnavailableError  the store of the prediction log cannot be used now
    ├── RequestError               a request that cannot be read
    │   ├── BodyError              bytes that are not an acceptable document
    │   ├── TooLargeError          over a limit
    │   ├── MediaTypeError         content type, charset or encoding that is not spoken here
    │   ├── NotAcceptableError     no answer in a form that the caller takes
    │   ├── ExpectationError       an Expect header that cannot be met
    │   ├── TargetTooLongError     a request line over its limit
    │   ├── HeadTooLargeError      headers over their limits
    │   ├── SlowError              a request that did not arrive in time
    │   ├── UnauthorizedError      without an API key that is known here
    │   ├── ForbiddenError         with an API key that does not allow it
    │   ├── NotOfferedError        for what this server has not been told to do
    │   └── RateLimitedError       more requests than its API key may send
    ├── BusyError                  a request that could be answered, but not now
    │   ├── OverloadedError        there are more requests than can be answered in time
    │   ├── SpoolFullError         its prediction could not be kept, and has to be
    │   ├── LeavingError           the server is about to stop
    │   └── DeadlineError          the time that it was given has passed
    ├── RowsError                  a readable document whose rows break the schema
    ├── ModelError                 about a model on the server
    │   ├── UnknownModelError      no model or version of that name
    │   ├── ModelNotReadyError     known, but not able to answer
    │   ├── RefusedError           scikit-learn refuses to answer these values
    │   ├── NotFiniteError         the model answered NaN or infinity
    │   └── ModelFailedError       the model broke on rows that fit its schema
    ├── DataError                  a data file that cannot be used
    │   └── DataRefusedError       rows that the store of the prediction log can never take
    ├── CompileError               a model that is not compiled to a plan, and why
    ├── ArtifactError              a file that training left behind and that cannot be used
    │   ├── UntrustedError         it would run code that nobody has vouched for
    │   └── VersionMismatchError   written by another scikit-learn than the one installed
    └── BundleError                a bundle that cannot be used
        └── UntrustedBundleError   it brings code or types that the deployer has not vouched for
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "ArtifactError",
    "BodyError",
    "BundleError",
    "BusyError",
    "CompileError",
    "DataError",
    "DataRefusedError",
    "DeadlineError",
    "EnvironmentFault",
    "ExpectationError",
    "Fault",
    "ForbiddenError",
    "HeadTooLargeError",
    "LeavingError",
    "LimitHitError",
    "MediaTypeError",
    "MissingExtraError",
    "ModelError",
    "ModelFailedError",
    "ModelNotReadyError",
    "NotAcceptableError",
    "NotFiniteError",
    "NotOfferedError",
    "OverloadedError",
    "PilotboatError",
    "RateLimitedError",
    "RefusedError",
    "RequestError",
    "RowsError",
    "SettingsError",
    "SlowError",
    "SpoolFullError",
    "StoreUnavailableError",
    "TargetTooLongError",
    "TooLargeError",
    "UnauthorizedError",
    "UnknownModelError",
    "UntrustedBundleError",
    "UntrustedError",
    "UsageError",
    "VersionMismatchError",
    "from_report",
]

MAX_FAULTS = 20
"""How many faults of one input are spelled out; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with one place of an input.

    pointer: an RFC 6901 JSON pointer into the document, or a place in a file ("line 7, age").
    """

    pointer: str
    code: str
    detail: str


class PilotboatError(Exception):
    """The root of the tree.

    code: stable, for programs. detail: one sentence for people. hint: what to do, or "".
    facts: plain values (limits, names, versions) that a program may want.
    """

    default_code = "error"

    def __init__(
        self, detail: str, *, code: str | None = None, hint: str = "", **facts: Any
    ) -> None:
        super().__init__(detail)
        self.code = code or self.default_code
        self.detail = detail
        self.hint = hint
        self.facts: Mapping[str, Any] = facts

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}".rstrip()

    def report(self) -> dict[str, Any]:
        """The error as plain values, to cross a process border. `from_report` is the way back."""
        return {
            "class": type(self).__name__,
            "detail": self.detail,
            "code": self.code,
            "hint": self.hint,
            "facts": dict(self.facts),
        }


class UsageError(PilotboatError):
    default_code = "usage"


class SettingsError(UsageError):
    default_code = "bad-settings"


class EnvironmentFault(PilotboatError):  # noqa: N818 - EnvironmentError is a builtin
    default_code = "environment"


class MissingExtraError(EnvironmentFault):
    default_code = "missing-extra"


class LimitHitError(EnvironmentFault):
    default_code = "limit-hit"


class StoreUnavailableError(EnvironmentFault):
    default_code = "store-unavailable"


class RequestError(PilotboatError):
    default_code = "bad-request"


class BodyError(RequestError):
    default_code = "invalid-json"


class TooLargeError(RequestError):
    default_code = "body-too-large"


class MediaTypeError(RequestError):
    default_code = "unsupported-media-type"


class NotAcceptableError(RequestError):
    default_code = "not-acceptable"


class ExpectationError(RequestError):
    default_code = "expectation-failed"


class TargetTooLongError(RequestError):
    default_code = "uri-too-long"


class HeadTooLargeError(RequestError):
    default_code = "headers-too-large"


class SlowError(RequestError):
    default_code = "request-timeout"


class UnauthorizedError(RequestError):
    default_code = "unauthorized"


class ForbiddenError(RequestError):
    default_code = "forbidden"


class NotOfferedError(RequestError):
    default_code = "not-offered"


class RateLimitedError(RequestError):
    default_code = "rate-limited"


class BusyError(PilotboatError):
    default_code = "overloaded"


class OverloadedError(BusyError):
    default_code = "overloaded"


class SpoolFullError(BusyError):
    default_code = "prediction-log-full"


class LeavingError(BusyError):
    default_code = "shutting-down"


class DeadlineError(BusyError):
    default_code = "deadline-exceeded"


class RowsError(PilotboatError):
    """Rows that break the schema: the first `MAX_FAULTS` faults, and how many there are."""

    default_code = "wrong-shape"

    def __init__(self, faults: Sequence[Fault], total: int | None = None, rows: int = 1) -> None:
        self.faults = tuple(faults[:MAX_FAULTS])
        self.total = len(faults) if total is None else total
        self.rows = rows
        first = self.faults[0]
        others = self.total - 1
        more = f" ({others} more fault{'s' if others > 1 else ''})" if others else ""
        super().__init__(
            f"{first.pointer or 'the document'}: {first.detail}{more}", code=first.code
        )

    def report(self) -> dict[str, Any]:
        faults = [[fault.pointer, fault.code, fault.detail] for fault in self.faults]
        return super().report() | {"faults": faults, "total": self.total, "rows": self.rows}


class ModelError(PilotboatError):
    default_code = "model-error"


class UnknownModelError(ModelError):
    default_code = "unknown-model"


class ModelNotReadyError(ModelError):
    default_code = "model-not-ready"


class RefusedError(ModelError):
    default_code = "values-refused"


class NotFiniteError(ModelError):
    default_code = "model-output-not-finite"


class ModelFailedError(ModelError):
    default_code = "model-failed"


class DataError(PilotboatError):
    default_code = "bad-data"


class DataRefusedError(DataError):
    default_code = "data-refused"


class CompileError(PilotboatError):
    default_code = "not-compiled"


class ArtifactError(PilotboatError):
    default_code = "artifact-unreadable"


class UntrustedError(ArtifactError):
    default_code = "untrusted-globals"


class VersionMismatchError(ArtifactError):
    default_code = "version-mismatch"


class BundleError(PilotboatError):
    default_code = "bundle-unreadable"


class UntrustedBundleError(BundleError):
    default_code = "untrusted-bundle"


def from_report(report: Mapping[str, Any]) -> PilotboatError:
    """The error that `report` describes, as its own class."""
    kind = globals().get(report["class"])
    if kind is RowsError:
        faults = [Fault(*fault) for fault in report["faults"]]
        return RowsError(faults, report["total"], report["rows"])
    if not (isinstance(kind, type) and issubclass(kind, PilotboatError)):
        kind = PilotboatError
    return kind(report["detail"], code=report["code"], hint=report["hint"], **report["facts"])
