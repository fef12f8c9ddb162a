from __future__ import annotations

import inspect

import pytest

from pilotboat import errors
from pilotboat.errors import Fault, PilotboatError, RowsError, from_report

CLASSES = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, PilotboatError) and one is not RowsError
]


def test_every_error_is_drawn_in_the_tree() -> None:
    tree = errors.__doc__ or ""
    for one in [*CLASSES, RowsError]:
        assert one.__name__ in tree


def test_every_error_is_public() -> None:
    for one in [*CLASSES, RowsError]:
        assert one.__name__ in errors.__all__


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_crosses_a_process_border(kind: type[PilotboatError]) -> None:
    made = kind("It broke.", code="some-code", hint="Mend it.", limit=3)
    back = from_report(made.report())
    assert type(back) is kind
    assert (back.detail, back.code, back.hint, back.facts) == (
        "It broke.",
        "some-code",
        "Mend it.",
        {"limit": 3},
    )
    assert str(back) == "It broke. Mend it."


def test_faulty_rows_cross_it_too() -> None:
    made = RowsError([Fault("/0/age", "wrong-type", "expected a number")] * 30, rows=4)
    back = from_report(made.report())
    assert isinstance(back, RowsError)
    assert len(back.faults) == errors.MAX_FAULTS
    assert (back.total, back.rows) == (30, 4)
    assert "29 more" in str(back)


def test_a_report_of_an_unknown_class_is_still_an_error() -> None:
    report = PilotboatError("odd").report() | {"class": "Fault"}
    assert type(from_report(report)) is PilotboatError
