from __future__ import annotations

import re
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotboat.operations import ring
from pilotboat.operations.ring import Key, fresh, line, parse

DIGEST, OTHER = "ab" * 32, "01" * 32


def test_a_fresh_key_has_its_name_and_256_bits() -> None:
    made = fresh("ci-2")
    assert re.fullmatch(r"pb_ci-2_[0-9a-f]{64}", made)
    assert fresh("ci-2") != made


def test_a_line_says_the_digest_and_not_the_key() -> None:
    made = fresh("ci")
    written = line(made, ["predict:titanic", "metrics"], 2.5)
    assert written == f"ci:{sha256(made.encode()).hexdigest()} predict:titanic metrics rate=2.5"
    assert made.split("_")[2] not in written


@pytest.mark.parametrize(("rate", "said"), [(0, "0"), (1e9, "1000000000"), (0.000001, "0.000001")])
def test_a_rate_comes_back_as_it_was_given(rate: float, said: str) -> None:
    made = fresh("ci")
    written = line(made, ["predict"], rate)
    assert written.endswith(f" rate={said}")
    found = parse(written, 7).find(made.encode())
    assert found is not None
    assert found.rate == rate


def test_lines_become_keys_that_are_found_by_what_is_shown() -> None:
    keys = [fresh(name) for name in ("ci", "ci-2", "shop")]
    lines = [line(keys[0], []), line(keys[1], ["metrics"]), line(keys[2], ["predict:titanic"])]
    known = parse("# people\r\n\r\n" + "\r\n  ".join(lines) + "\n\n", 5)
    found = [known.find(key.encode()) for key in keys]
    assert [key and (key.id, set(key.scopes), key.rate, key.index) for key in found] == [
        ("ci", {"predict"}, 5.0, 0),
        ("ci-2", {"metrics"}, 5.0, 1),
        ("shop", {"predict:titanic"}, 5.0, 2),
    ]


def test_nothing_else_is_found() -> None:
    key = fresh("ci")
    known = parse(line(key, []))
    last = "0" if key[-1] != "0" else "1"
    for other in (
        "",
        "ci",
        key[:-1],
        key + "0",
        f" {key}",
        key.upper(),
        key[:-1] + last,
        fresh("ci"),
        fresh("nobody"),
        key.replace("ci", "cj"),
        line(key, []).split()[0].split(":")[1],
    ):
        assert known.find(other.encode()) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_only_unknown(shown: bytes) -> None:
    assert parse(line(fresh("ci"), [])).find(shown) is None


def test_no_lines_are_no_keys() -> None:
    assert parse("").keys == {}
    assert parse("\n# nothing\n").keys == {}


@pytest.mark.parametrize(
    ("scopes", "opened", "closed"),
    [
        (["predict"], ["predict", "predict:titanic"], ["metrics", "admin"]),
        (
            ["predict:titanic"],
            ["predict:titanic"],
            ["predict", "predict:house", "predict:titanic2"],
        ),
        (["metrics"], ["metrics"], ["predict", "predict:titanic", "admin"]),
        (["admin"], ["admin"], ["predict", "metrics"]),
    ],
)
def test_a_scope_opens_itself_and_what_it_holds(
    scopes: list[str], opened: list[str], closed: list[str]
) -> None:
    key = Key("ci", b"", frozenset(scopes))
    assert all(key.opens(one) for one in opened)
    assert not any(key.opens(one) for one in closed)


def test_a_key_may_use_its_models() -> None:
    assert Key("a", b"", frozenset({"predict"})).may(None)
    one = Key("b", b"", frozenset({"predict:titanic", "metrics"}))
    assert (one.may("titanic"), one.may("house"), one.may(None)) == (True, False, False)


FAULTS = {
    fresh("ci"): "holds a key itself",
    f"ci:{fresh('ci')}": "holds a key itself",
    f"ci:{DIGEST} {fresh('ci')}": "holds a key itself",
    DIGEST: "begins with no id",
    f":{DIGEST}": "begins with no id",
    f"a_b:{DIGEST}": "begins with no id",
    f"{'a' * 65}:{DIGEST}": "begins with no id",
    "ci:": "has no SHA-256",
    f"ci:{DIGEST[:-1]}": "has no SHA-256",
    f"ci:{DIGEST.upper()}": "has no SHA-256",
    f"ci:{'xy' * 32}": "has no SHA-256",
    f"ci: {DIGEST}": "has no SHA-256",
    f"ci:{DIGEST} everything": "none of predict, metrics, admin, predict:MODEL",
    f"ci:{DIGEST} predict:": "none of predict",
    f"ci:{DIGEST} predict:a/b": "none of predict",
    f"ci:{DIGEST} metrics:x": "none of predict",
    f"ci:{DIGEST} predict,metrics": "none of predict",
    f"ci:{DIGEST} rate=fast": "no number of requests",
    f"ci:{DIGEST} rate=-1": "no number of requests",
    f"ci:{DIGEST} rate=1e3": "no number of requests",
    f"ci:{DIGEST} rate=inf": "no number of requests",
    f"ok:{DIGEST}": "there already",
    f"new:{OTHER}": "there already",
}


@pytest.mark.parametrize("text", FAULTS, ids=map(str, range(len(FAULTS))))
def test_a_faulty_line_is_told_with_its_number_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^line 3 ") as caught:
        parse(f"ok:{OTHER}\n\n{text}")
    assert FAULTS[text] in str(caught.value)
    assert not re.search("[0-9a-f]{32}|everything", str(caught.value))


def test_every_faulty_line_is_told() -> None:
    with pytest.raises(ValueError, match=r"^line 1 .*; line 2 .*; line 4 "):
        parse(f"a\nb\nc:{DIGEST}\nd")


def test_there_are_as_many_keys_as_meters() -> None:
    lines = [f"k{number}:{number:064x}" for number in range(ring.MOST + 1)]
    assert len(parse("\n".join(lines[:-1])).keys) == ring.MOST
    with pytest.raises(ValueError, match="more than 4,096"):
        parse("\n".join(lines))


def test_what_is_kept_does_not_show_the_key() -> None:
    key = fresh("ci")
    assert key.split("_")[2] not in repr(list(parse(line(key, [])).keys.values()))
