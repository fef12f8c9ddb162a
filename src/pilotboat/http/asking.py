"""Who asks for a prediction, as far as it is to be remembered: what a request's headers say of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pilotboat.errors import Fault, RequestError, RowsError
from pilotboat.operations.access import Facts, Headers
from pilotboat.prediction import Asked
from pilotboat.rows import pointer
from pilotboat.rows.cells import describe

ONCE, REFERENCE = b"idempotency-key", b"x-prediction-reference"
REFERENCES = "references"
LONGEST = 256
"""Characters of a reference, and of the key of a request that may be tried twice."""
NOBODY = Asked()


def asked(headers: Headers, facts: Facts) -> Asked:
    """What is known of who asks. Raises `RequestError` for a reference that cannot be one."""
    said = dict(headers)
    once, reference = said.get(ONCE, b""), said.get(REFERENCE)
    if reference is None:
        return Asked(facts["id"], facts.get("key"), once[:LONGEST].decode("latin-1"))
    name = reference.decode("utf-8", "replace")
    if not is_reference(name):
        raise RequestError(
            f"X-Prediction-Reference is a name of up to {LONGEST} printable characters.",
            code="bad-reference",
            limit=LONGEST,
            unit="characters",
        )
    return Asked(facts["id"], facts.get("key"), once[:LONGEST].decode("latin-1"), name)


def is_reference(value: object) -> bool:
    """Whether a caller may call a prediction so."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST
        and value.isprintable()
        and "\ufffd" not in value
    )


def references(told: Any, rows: int) -> Sequence[str | None]:
    """The names that a caller gives to its rows, one each or null. Raises `RowsError`."""
    if not isinstance(told, list) or len(told) != rows:
        got = f"{len(told)} of them" if isinstance(told, list) else describe(told)
        says = f"expected a list of {rows:,} names, one a row, or null; got {got}"
        raise RowsError([Fault(pointer(REFERENCES), "wrong-shape", says)], rows=rows)
    says = f"expected up to {LONGEST} printable characters, or null"
    faults = [
        Fault(pointer(REFERENCES, number), "bad-reference", says)
        for number, one in enumerate(told)
        if one is not None and not is_reference(one)
    ]
    if faults:
        raise RowsError(faults, rows=rows)
    return told


def of_rows(asked: Asked, told: Any, rows: int) -> Sequence[str | None] | None:
    """The references of all rows of a request: from its body, or of its one row from its headers."""
    if told is not None and asked.reference is None:
        return references(told, rows)
    if asked.reference is None:
        return None
    if rows > 1 or told is not None:
        raise RequestError(
            "X-Prediction-Reference names the only row of a request.",
            code="bad-reference",
            hint=f'Name several rows in the list "{REFERENCES}" of the body.',
        )
    return [asked.reference]
