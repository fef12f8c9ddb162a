from __future__ import annotations

from typing import Any

import pytest

from pilotboat.errors import RequestError, RowsError
from pilotboat.http.asking import asked, of_rows, references
from pilotboat.prediction import Asked

FACTS = {"id": "request-1", "key": "ci"}


def test_who_asks_is_told_by_the_headers() -> None:
    headers = [(b"x-prediction-reference", "주문 7".encode()), (b"idempotency-key", b"try-1")]
    assert asked(headers, FACTS) == Asked("request-1", "ci", "try-1", "주문 7")
    assert asked([(b"host", b"x")], {"id": "a"}) == Asked("a", None, "", None)


@pytest.mark.parametrize(
    "value", [b"", b"x" * 257, b"a\tb", b"\xff\xfe", "\u200b".encode(), b"a\x00"]
)
def test_a_reference_that_cannot_be_one_is_refused(value: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        asked([(b"x-prediction-reference", value)], FACTS)
    assert caught.value.code == "bad-reference"


def test_the_key_of_a_request_is_bounded() -> None:
    assert asked([(b"idempotency-key", b"k" * 5000)], FACTS).once == "k" * 256


def test_each_row_has_a_reference_or_none() -> None:
    assert of_rows(Asked(), ["a", None], 2) == ["a", None]
    assert of_rows(Asked(), None, 2) is None
    assert of_rows(Asked(reference="a"), None, 1) == ["a"]


@pytest.mark.parametrize(("told", "rows"), [(None, 2), (["b"], 1)])
def test_the_header_names_the_only_row_or_none(told: Any, rows: int) -> None:
    with pytest.raises(RequestError) as caught:
        of_rows(Asked(reference="a"), told, rows)
    assert caught.value.code == "bad-reference"


@pytest.mark.parametrize("told", ["a", {"a": 1}, ["a"], ["a", "b", "c"], 5])
def test_references_are_as_many_as_rows(told: Any) -> None:
    with pytest.raises(RowsError) as caught:
        references(told, 2)
    assert caught.value.faults[0].pointer == "/references"


def test_every_faulty_reference_is_told_with_its_place() -> None:
    with pytest.raises(RowsError) as caught:
        references(["a", "", 5, None, "\n"], 5)
    assert [one.pointer for one in caught.value.faults] == [
        "/references/1",
        "/references/2",
        "/references/4",
    ]
    assert {one.code for one in caught.value.faults} == {"bad-reference"}
