from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotboat.errors import (
    BodyError,
    ExpectationError,
    MediaTypeError,
    NotAcceptableError,
    RequestError,
    TooLargeError,
)
from pilotboat.http import body
from pilotboat.http.body import Limits, check_accept, check_headers, check_media_type, decode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from('[]{}:,"\\')
PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
DOCUMENT = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)


def messages(*chunks: bytes, more: bool = False) -> list[dict[str, Any]]:
    """What an ASGI server passes on of a body; more: whether the last piece is still to come."""
    kind = "http.request"
    made = [{"type": kind, "body": chunk, "more_body": True} for chunk in chunks]
    if not more:
        made[-1]["more_body"] = False
    return made


def read(passed: list[dict[str, Any]], headers: Any = (), limit: int = 100) -> Any:
    """The document of a request, and none of the body that it has not asked for."""
    queue = iter(passed)

    async def receive() -> dict[str, Any]:
        return next(queue)

    return decode(asyncio.run(body.read({"headers": headers}, receive, Limits(body=limit))))


@given(DOCUMENT)
@settings(deadline=None, max_examples=200)
def test_a_document_is_read_as_it_was_written(value: Any) -> None:
    assert decode(orjson.dumps(value)) == value


@given(st.dictionaries(TEXT, DOCUMENT, min_size=1, max_size=4), st.lists(st.just([]), max_size=3))
@settings(deadline=None, max_examples=200)
def test_a_key_is_never_there_twice(value: dict[str, Any], before: list[Any]) -> None:
    pairs = [orjson.dumps(key) + b":" + orjson.dumps(one) for key, one in value.items()]
    document = b"[%s]" % b",".join([*map(orjson.dumps, before), b"{%s}" % b",".join(pairs * 2)])
    with pytest.raises(BodyError) as caught:
        decode(document)
    assert caught.value.code == "duplicate-key"
    assert caught.value.facts["pointer"].startswith(f"/{len(before)}/")


@pytest.mark.parametrize(
    "text", ['{"a:b": ":::", "c": ["x:y"]}', '{"a": "[[[[{{{{"}', '["\\"", "}", {"]": "{"}]']
)
def test_colons_and_brackets_in_texts_are_only_text(text: str) -> None:
    assert decode(text.encode()) == orjson.loads(text)


@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_limit_of_depth_is_exact(pair: tuple[bytes, bytes]) -> None:
    before, after = pair
    inner = b'"%s"' % (b"[" * 40)
    assert decode(before * 32 + inner + after * 32)
    with pytest.raises(BodyError, match="32 levels"):
        decode(before * 33 + inner + after * 33)


def test_the_outermost_of_two_doubled_keys_is_named() -> None:
    with pytest.raises(BodyError) as caught:
        decode(b'{"a": [1, {"b": {"c": 1}, "b": {"d": 1, "d": 2}}]}')
    assert caught.value.facts["pointer"] == "/a/1/b"


def test_a_body_in_pieces_is_put_together() -> None:
    assert read(messages(b'{"a"', b"", b":1}")) == {"a": 1}


def test_a_client_that_goes_away_is_not_answered_as_if_it_had_sent_all() -> None:
    gone = {"type": "http.disconnect"}
    with pytest.raises(BodyError) as caught:
        read([*messages(b'{"a":1}', more=True), gone])
    assert caught.value.code == "client-closed"


def test_a_declared_length_over_the_limit_is_refused_before_reading() -> None:
    with pytest.raises(TooLargeError) as caught:
        read([], [(b"content-length", b"101")])
    assert caught.value.facts == {"limit": 100, "actual": 101, "unit": "bytes"}


def test_reading_ends_at_the_limit() -> None:
    with pytest.raises(TooLargeError):
        read(messages(b" " * 100, b" ", more=True))


def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert read(messages(b"[]" + b" " * 98), [(b"content-length", b"100")]) == []


def test_a_body_that_an_upgrade_swallowed_is_explained() -> None:
    with pytest.raises(BodyError) as caught:
        read(messages(b""), [(b"upgrade", b"h2c")])
    assert caught.value.code == "upgrade-not-supported"


def test_an_upgrade_that_left_the_body_alone_is_ignored() -> None:
    assert read(messages(b"[]"), [(b"upgrade", b"h2c")]) == []


@pytest.mark.parametrize(
    "fine",
    [
        "",
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF8"; profile=x',
        "application/problem+json",
    ],
)
def test_what_is_json_is_taken(fine: str) -> None:
    check_media_type(fine.encode())


@pytest.mark.parametrize("other", ["text/json", "application/jsonx", "text/x+json", "json"])
def test_what_is_not_json_is_refused(other: str) -> None:
    with pytest.raises(MediaTypeError) as caught:
        check_media_type(other.encode())
    assert caught.value.facts["accepted"] == "application/json"


@pytest.mark.parametrize(
    "accept",
    ["", " ", "*/*", "application/*;q=0.5", "application/json;v=1", "x/y,*/*;q=.1", "*/*;q=1.000"],
)
def test_who_takes_json_is_answered(accept: str) -> None:
    check_accept(accept.encode())


@pytest.mark.parametrize(
    "accept", ["x/y", "*/*;q=0", "application/json;q=0.000, */*", "application/*; q=0,*/*", "*"]
)
def test_who_takes_none_is_told(accept: str) -> None:
    with pytest.raises(NotAcceptableError):
        check_accept(accept.encode())


def test_several_accept_headers_are_one() -> None:
    check_headers([(b"accept", b"image/png"), (b"accept", b"application/json")])


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ((b"content-encoding", b"br"), MediaTypeError),
        ((b"expect", b"200-ok"), ExpectationError),
        ((b"content-type", b"text/plain"), MediaTypeError),
        ((b"accept", b"text/plain"), NotAcceptableError),
    ],
)
def test_a_header_that_cannot_be_met_is_refused(
    header: tuple[bytes, bytes], kind: type[RequestError]
) -> None:
    with pytest.raises(kind):
        check_headers([header])


def test_headers_say_how_long_the_body_is() -> None:
    more = [(b"content-encoding", b"Identity"), (b"expect", b"100-Continue"), (b"host", b"x")]
    assert check_headers([*more, (b"content-length", b"12")]) == (12, b"")
    assert check_headers(more) == (0, b"")
    assert check_headers([(b"content-length", b"twelve")]) == (0, b"")
    assert check_headers([(b"content-encoding", b"GZip")]) == (0, b"gzip")
