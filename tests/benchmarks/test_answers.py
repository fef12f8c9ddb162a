"""What each server is asked and what its answer means; a wrong one is refused."""

from __future__ import annotations

import json

import pytest

from benchmarks import answers
from benchmarks.answers import Answer, Record, Route, WrongAnswerError
from benchmarks.servers import SERVERS, Server

ROWS: list[Record] = [{"age": 22.5, "plan": "pro"}, {"age": None, "plan": "basic"}]
RIGHT = [Answer("yes", {"no": 0.25, "yes": 0.75}), Answer("no", {"no": 0.5, "yes": 0.5})]
MANY = Route("/", answers.instances, answers.many)
SHARES = [one.shares for one in RIGHT]


def told(*labels: str, shares: object = SHARES) -> bytes:
    return json.dumps({"predictions": labels, "probabilities": shares}).encode()


def test_right_answers_pass() -> None:
    MANY.check(told("yes", "no"), RIGHT)


def test_rounding_passes() -> None:
    near = [{"no": 0.25 + 5e-10, "yes": 0.75 - 5e-10}, SHARES[1]]
    MANY.check(told("yes", "no", shares=near), RIGHT)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (told("no", "no"), "row 0: label 'no', not 'yes'"),
        (told("yes", "no", shares=[{"no": 0.25, "yes": 0.76}, SHARES[1]]), r"row 0: P\(yes\)"),
        (told("yes", "no", shares=[{"no": 0.25, "yes": float("nan")}, SHARES[1]]), "nan"),
        (told("yes", "no", shares=[{"0": 0.25, "1": 0.75}, SHARES[1]]), "row 0: classes"),
        (told("yes", shares=SHARES[:1]), "1 answers to 2 rows"),
        (told("yes"), "not an answer"),
        (b'{"detail":"no"}', "not an answer"),
        (b"<html>", "not an answer"),
    ],
)
def test_a_wrong_answer_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(WrongAnswerError, match=says):
        MANY.check(content, RIGHT)


def test_records_become_what_each_protocol_asks_for() -> None:
    assert answers.first(ROWS) == ROWS[0]
    assert answers.instances(ROWS) == {"instances": ROWS}
    assert answers.listed(ROWS) == {"records": ROWS}
    assert answers.split(ROWS)["dataframe_split"] == {
        "columns": ["age", "plan"],
        "data": [[22.5, "pro"], [None, "basic"]],
    }
    age, plan = answers.tensors(ROWS)["inputs"]
    assert age == {"name": "age", "shape": [2, 1], "datatype": "FP64", "data": [22.5, None]}
    assert (plan["datatype"], plan["data"]) == ("BYTES", ["pro", "basic"])


def test_each_protocol_s_answer_is_read() -> None:
    one = {"prediction": "yes", "probabilities": SHARES[0]}
    rows = [[0.25, 0.75], [0.5, 0.5]]
    assert answers.named(one) == RIGHT[:1]
    assert answers.sequence([one]) == RIGHT[:1]
    assert answers.predictions({"predictions": rows}) == RIGHT
    assert answers.outputs({"outputs": [{"data": [0.25, 0.75, 0.5, 0.5]}]}) == RIGHT


@pytest.mark.parametrize("server", SERVERS.values(), ids=lambda server: server.name)
def test_a_body_is_one_line_of_json(server: Server) -> None:
    body = server.one.body(ROWS[:1])
    assert b"\n" not in body
    assert json.loads(body)


@pytest.mark.parametrize("server", SERVERS.values(), ids=lambda server: server.name)
def test_a_peer_s_requirements_are_pinned(server: Server) -> None:
    """All but the libraries that the project's own environment decides on."""
    if server.package:
        lines = server.requirements.read_text().splitlines()
        free = {line for line in lines if "==" not in line}
        assert free == {"joblib", "pandas", "scikit-learn"}
        assert any(server.package in line for line in lines if "==" in line)
