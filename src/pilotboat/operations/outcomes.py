"""What has become of predictions, as callers say it: checked, and in the form that is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pilotboat.errors import Fault
from pilotboat.operations.access import ID
from pilotboat.rows import Faults, nearest
from pilotboat.rows.cells import BadCellError, Cell, cell_of, describe
from pilotboat.schema import Field, Value

Outcome = dict[str, Any]
"""id (of the request that was answered) or reference (the caller's own name of the row), the other
one None; row (its number in that request); model, or None; actual (what turned out to be right: a value
of JSON, or a list of them for a model with several outputs); time (when that became known, in UTC, ISO
8601), or None: when it is kept.
"""
Place = Callable[[str], str]
"""The name of a field, or "" for the outcome itself -> where that is, for whoever has sent it."""
Target = Sequence[Sequence[Cell]]
"""For each version of a model the cells of its outputs."""

FIELDS = ("id", "row", "reference", "actual", "model", "time")
REFERENCE = re.compile("[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}")
LAST_ROW = 2**31 - 1
LONGEST, MOST = 1_000, 1_000
"""Characters of a text, and values of a list, that an actual value may have."""


def check(document: Any, place: Place, faults: Faults) -> Outcome:
    """The outcome that a document of JSON states. What is wrong with it is added to `faults`."""
    if not isinstance(document, dict):
        says = f"expected an object, got {describe(document)}"
        faults.add(lambda: Fault(place(""), "wrong-shape", says))
        return {}
    for name in document:
        if name not in FIELDS:
            faults.add(partial(_unknown, name, place))
    _check_names(document, place, faults)
    made: Outcome = dict.fromkeys(FIELDS) | {"row": 0}
    for name, read in _READ.items():
        if name in document:
            try:
                made[name] = read(document[name])
            except BadCellError as bad:
                faults.add(partial(Fault, place(name), bad.code, bad.detail))
    return made


def _check_names(document: Outcome, place: Place, faults: Faults) -> None:
    """An outcome is of one prediction, and says what was right."""
    if "id" not in document and "reference" not in document:
        says = (
            'expected "id", the id of the request that was answered, or "reference", your own name'
        )
        faults.add(lambda: Fault(place("id"), "missing-field", says))
    if "actual" not in document:
        says_actual = 'expected "actual", what turned out to be right'
        faults.add(lambda: Fault(place("actual"), "missing-field", says_actual))
    if "reference" in document:
        for other, why in (("id", "either of them"), ("row", "a reference names a single row")):
            if other in document:
                says_one = f'expected "reference" without "{other}": {why}'
                faults.add(partial(Fault, place(other), "conflicting-fields", says_one))


def _unknown(name: str, place: Place) -> Fault:
    near = nearest(name, FIELDS)
    hint = f"did you mean '{near}'?" if near else f"its fields are: {', '.join(FIELDS)}"
    return Fault(place(name[:64]), "unknown-field", f"an outcome has no such field; {hint}")


def _text(value: Any, expected: str) -> str:
    if not isinstance(value, str):
        hint = ": leave it out where there is none" if value is None else ""
        raise BadCellError("wrong-type", f"expected {expected}, got {describe(value)}{hint}")
    if "\0" in value:
        raise BadCellError("control-character", "expected text without the character U+0000")
    return value


def request_id(value: Any) -> str:
    """The id of a request. Raises `BadCellError`, as all of these."""
    text = _text(value, "the id of a request, as text")
    if not ID.fullmatch(text.encode("utf-8", "replace")):
        says = "expected the id of a request: 1 to 128 letters, digits and ._:+/=-"
        raise BadCellError("bad-id", says)
    return text


def _row(value: Any) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        got = "a fraction" if isinstance(value, float) else describe(value)
        raise BadCellError("wrong-type", f"expected the number of a row, the first is 0; got {got}")
    if not 0 <= value <= LAST_ROW:
        raise BadCellError("number-out-of-range", f"expected a number from 0 to {LAST_ROW}")
    return int(value)


def reference(value: Any) -> str:
    """A caller's own name of a row."""
    text = _text(value, "your own name of the row, as text")
    if not REFERENCE.fullmatch(text):
        says = "expected 1 to 256 characters, none of them a control character"
        raise BadCellError("bad-reference", says)
    return text


def _model(value: Any) -> str:
    return _text(value, "the name of a model, as text")


def moment(value: Any) -> datetime:
    """A time of ISO 8601 with its zone, in UTC."""
    text = _text(value, "a time, as text")
    try:
        found = datetime.fromisoformat(text.upper())
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):  # before the year 1, or after 9999
        pass
    says = "expected a time of ISO 8601 with its zone, such as 2026-01-31T12:00:00Z"
    raise BadCellError("bad-time", says)


def _actual(value: Any) -> Any:
    if not isinstance(value, list):
        return _scalar(value)
    if not 0 < len(value) <= MOST:
        says = f"expected a value, or a list of 1 to {MOST:,} of them"
        raise BadCellError("wrong-length", says)
    return [_scalar(one) for one in value]


def _scalar(value: Any) -> Value:
    if value is None:
        raise BadCellError("null-not-allowed", "expected what turned out to be right, got null")
    if isinstance(value, list | dict):
        raise BadCellError(
            "wrong-type", f"expected text, a number, true or false; got {describe(value)}"
        )
    if isinstance(value, str):
        _text(value, "")
        if len(value) > LONGEST:
            raise BadCellError("string-too-long", f"expected at most {LONGEST:,} characters")
    return value  # type: ignore[no-any-return]


_READ: dict[str, Callable[[Any], Any]] = {
    "id": request_id,
    "row": _row,
    "reference": reference,
    "actual": _actual,
    "model": _model,
    "time": lambda value: moment(value).isoformat(),
}


def target(versions: Iterable[Sequence[Field]]) -> Target:
    """What the predictions of a model may turn out to be. versions: the outputs of each, newest first."""
    return [
        [cell_of(replace(field, nullable=False), LONGEST) for field in outputs]
        for outputs in versions
    ]


def fit(outcome: Outcome, target: Target, place: Place, faults: Faults) -> None:
    """Give the actual value of an outcome the type in which its model answers.

    Where it can be the answer of no version, that is added to `faults`.
    """
    try:
        outcome["actual"] = first_fit(target, lambda cells: fitted(outcome["actual"], cells))
    except BadCellError as bad:
        faults.add(partial(Fault, place("actual"), bad.code, bad.detail))


def first_fit(target: Target, attempt: Callable[[Sequence[Cell]], Any]) -> Any:
    """What `attempt` makes of the newest version for which it does not raise `BadCellError`.

    Raises that of the newest version where it does for all.
    """
    first: BadCellError | None = None
    for cells in target:
        try:
            return attempt(cells)
        except BadCellError as bad:
            first = first or bad
    raise first or BadCellError("unknown-model", "expected a model that there is")


def fitted(actual: Any, cells: Sequence[Cell]) -> Any:
    """An actual value in the type of a version's outputs. Raises `BadCellError`."""
    if len(cells) == 1:
        return cells[0].one(actual)
    if not isinstance(actual, list) or len(actual) != len(cells):
        names = ", ".join(cell.field.name for cell in cells)
        says = f"expected a list of {len(cells)} values in this order: {names}"
        raise BadCellError("wrong-length", says)
    return [cell.one(one) for cell, one in zip(cells, actual, strict=True)]
