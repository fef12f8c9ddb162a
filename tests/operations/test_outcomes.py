from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pilotboat.operations.outcomes import REFERENCE, check, fit, moment, target
from pilotboat.rows import Faults
from pilotboat.rows.cells import BadCellError
from pilotboat.schema import Field


def field(kind: Any, *categories: Any) -> Field:
    closed = bool(categories)
    return Field("label", kind, categories=categories if closed else None, closed=closed)


TWO = [Field("price", "number"), Field("sold", "category", categories=(False, True), closed=True)]


def fitted(actual: Any, *versions: list[Field]) -> tuple[Any, list[str]]:
    """The actual value for these versions, the newest first, and the codes of its faults."""
    outcome, faults = {"actual": actual}, Faults()
    fit(outcome, target(versions), lambda name: f"/{name}", faults)
    assert all(fault.pointer == "/actual" for fault in faults.listed)
    return outcome["actual"], [fault.code for fault in faults.listed]


@pytest.mark.parametrize(
    ("actual", "versions", "expected"),
    [
        ([9, True], [TWO], [9.0, True]),
        ("c", [[field("category", "a", "b")], [field("category", "b", "c")]], "c"),
        (2, [[field("integer")]], 2),
        ("anything", [[field("text")]], "anything"),
        (0, [[field("category", 0.0, 1.0)]], 0.0),
        (1.0, [[field("category", 0, 1)], [field("number")]], 1),
        (0.5, [[field("category", 0, 1)], [field("number")]], 0.5),
    ],
)
def test_an_actual_value_gets_the_type_of_the_newest_version_that_it_fits(
    actual: Any, versions: list[list[Field]], expected: Any
) -> None:
    found, codes = fitted(actual, *versions)
    assert codes == []
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("actual", "versions", "code"),
    [
        (9, [TWO], "wrong-length"),
        ([9], [TWO], "wrong-length"),
        ([9, 1], [TWO], "wrong-type"),
        ("d", [[field("category", "a", "b")], [field("number")]], "unknown-category"),
        ([1], [[field("number")]], "wrong-type"),
    ],
)
def test_what_fits_no_version_is_told_as_the_newest_has_it(
    actual: Any, versions: list[list[Field]], code: str
) -> None:
    assert fitted(actual, *versions) == (actual, [code])


def test_a_gap_is_no_actual_value_even_where_the_output_may_be_one() -> None:
    faults = Faults()
    check({"id": "a", "actual": None}, lambda name: name, faults)
    assert [fault.code for fault in faults.listed] == ["null-not-allowed"]


def test_a_time_is_in_utc() -> None:
    assert moment("2026-01-01T00:30:00+01:00") == datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    for text in ("9999-12-31T23:59:59-01:00", "2026-01-01T00:00:00", "now", ""):
        with pytest.raises(BadCellError):
            moment(text)


@pytest.mark.parametrize("text", ["a", "order 4711", "\u00e4\u4e2d", " ", "a" * 256])
def test_a_reference_is_any_text_without_control_characters(text: str) -> None:
    assert REFERENCE.fullmatch(text)


@pytest.mark.parametrize("text", ["", "a" * 257, "a\n", "\x7f", "\x85", "\ud800"])
def test_a_reference_has_no_control_character(text: str) -> None:
    assert not REFERENCE.fullmatch(text)
