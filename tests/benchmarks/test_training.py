"""The data, the pipelines, and the same rows without a server."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import pilotboat
from benchmarks import constant, inprocess, training
from benchmarks.answers import Answer, WrongAnswerError
from benchmarks.inprocess import Timing
from tests.factories import Server


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> training.Trained:
    return training.train("lr", tmp_path_factory.mktemp("trained"))


def test_the_rows_differ_and_some_have_a_gap(trained: training.Trained) -> None:
    rows = {tuple(record.values()) for record in trained.records}
    assert len(rows) == training.ASKED
    assert sum(record["age"] is None for record in trained.records) == 33
    assert {one.label for one in trained.answers} == {"no", "yes"}


def test_the_seed_is_fixed() -> None:
    assert training.frame(50).equals(training.frame(50))
    assert training.records(50, 1) == training.records(50, 1)
    assert training.records(50, 1) != training.records(50, 2)


def test_the_training_data_has_gaps_in_both_kinds() -> None:
    gaps = training.frame(500).isna().sum()
    assert gaps["age"] > 0
    assert gaps["region"] > 0


@pytest.mark.parametrize("name", training.HEADS)
def test_every_model_has_a_pipeline(name: str) -> None:
    assert training.pipeline(name).steps[-1][1].get_params()


def test_the_constant_is_as_long_as_an_answer(server: Server) -> None:
    row = {"pclass": 1, "sex": "female", "age": 22.5, "fare": 71.3, "embarked": "C"}
    real = server.client.post("/predict", json=row)
    told = real.json()
    made = constant.document(Answer(told["prediction"], told["probabilities"]), "titanic")
    assert made.replace(constant.ID, told["id"]) == real.text


def test_both_ways_are_timed_and_agree(trained: training.Trained) -> None:
    made = inprocess.compare(trained, 1)
    assert [one.rows for one in made] == [1, 16, 1_000]
    assert {one.engine for one in made} == {pilotboat.load(trained.bundle).engine}
    assert all(one.ours[0] > 0 and one.sklearn[0] > 0 for one in made)


def test_a_difference_is_not_timed(trained: training.Trained) -> None:
    with pytest.raises(WrongAnswerError):
        inprocess.agree(lambda _rows: np.array([0.5]), lambda _rows: np.array([0.6]), trained)


def test_both_take_turns() -> None:
    order: list[str] = []

    def timed(name: str, count: int) -> float:
        order.append(name)
        return 0.1 / count

    found = inprocess.turns([partial(timed, "a"), partial(timed, "b")], 3)
    assert order == [*"ab", *"ababab"]
    assert [len(one) for one in found] == [3, 3]


def test_the_table_has_medians_and_the_least() -> None:
    text = inprocess.markdown([Timing("lr", "plan", 1_000, [2, 1, 4], [400, 200, 300])])
    assert text.splitlines()[-1] == "| lr | plan | 1,000 | 2 | 1 | 300 | 200 | 150 |"


def test_the_command_prints_a_table_or_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inprocess, "train", lambda *_: None)
    monkeypatch.setattr(inprocess, "compare", lambda *_: [Timing("lr", "plan", 1, [1], [2])])
    assert inprocess.main(["--models", "lr"]) == 0
    assert "| lr | plan | 1 |" in capsys.readouterr().out
    assert inprocess.main(["--models", "lr", "--json"]) == 0
    assert '"sklearn": [' in capsys.readouterr().out
