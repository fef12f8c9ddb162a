"""Steps of text and of terms, by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.utils import murmurhash3_32

from pilotboat.plan import terms as steps
from pilotboat.plan.bayes import Binarise, Gaussian, LogShares
from pilotboat.plan.murmur import hash_many, hash_one
from pilotboat.plan.step import Chain, Check, Join, Step, Take, magnitude
from pilotboat.plan.terms import Dense, Dot, JoinTerms, Keep, Reweigh, Sparse, Terms, Values
from pilotboat.plan.text import Count, Hash, Tokens

RANDOM = np.random.default_rng(0)
TABLE = np.where(RANDOM.random((40, 9)) < 0.3, RANDOM.normal(size=(40, 9)), 0.0)
COEF = RANDOM.normal(size=(3, 9))
TERMS = [
    Reweigh(None),
    Reweigh(np.arange(9.0), norm="l2"),
    Reweigh(np.arange(9.0), logarithm=True, norm="l1"),
    Values(Binarise(0.5)),
    Keep((1, 4, 5)),
]


def _one_by_one(step: Step, table: Any = TABLE) -> Any:
    function = step.one()
    return np.array([function(row) for row in table.tolist()])


def test_hashes_are_those_of_scikit_learn() -> None:
    tokens = [bytes(RANDOM.integers(0, 256, size).tolist()) for size in list(range(40)) * 10]
    tokens += [b"", b"\0", b"a" * 10_001, "\U0001f600\u0130".encode()]
    wanted = [int(murmurhash3_32(token, 0)) for token in tokens]
    assert hash_many(tokens).tolist() == wanted
    assert [hash_one(token) for token in tokens] == wanted


@pytest.mark.parametrize("step", TERMS, ids=str)
def test_one_row_and_many_rows_agree(step: Step) -> None:
    with np.errstate(all="ignore"):
        width = 3 if isinstance(step, Keep) else 9
        chain: tuple[Step, ...] = (Sparse(9), step, Dense(width))
        many = Chain(chain).many()(TABLE)
        np.testing.assert_array_equal(_one_by_one(Chain(chain)), many)


def test_what_is_kept() -> None:
    many = Chain((Sparse(9), Keep((0, 7)), Dense(2))).many()(TABLE)
    np.testing.assert_array_equal(many, TABLE[:, [0, 7]])


def test_dense_takes_some_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Chain((Sparse(9), Dense(9, (Check(), Take((2, 3)))))).many()(TABLE)
    monkeypatch.setattr(steps, "CELLS", 63)
    chain = Chain((Sparse(9), Dense(9, (Check(), Take((2, 3))))))
    np.testing.assert_array_equal(chain.many()(TABLE), whole)
    np.testing.assert_array_equal(magnitude(chain, TABLE, None)[1], np.abs(whole))
    assert chain.many()(TABLE[:0]).shape == (0, 2)


@pytest.mark.parametrize("classes", [1, 3, 7])
@pytest.mark.parametrize("listed", [0, 1000])
def test_products(classes: int, listed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LISTED", listed)
    coef = np.resize(COEF, (classes, 9))
    step = Chain((Sparse(9), Dot(coef, np.arange(classes, dtype=np.float64))))
    many = step.many()(TABLE)
    np.testing.assert_allclose(many, TABLE @ coef.T + np.arange(classes), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(_one_by_one(step), many)
    sizes = magnitude(step, TABLE, None)[1]
    assert sizes is not None
    assert (sizes >= np.abs(many) - 1e-12).all()


def test_joined_terms_are_joined_numbers() -> None:
    both = JoinTerms((Sparse(9), Chain((Take((1, 2)), Sparse(2)))), (9, 2))
    wanted = np.hstack([TABLE, TABLE[:, [1, 2]]])
    chain = Chain((both, Dense(11)))
    np.testing.assert_array_equal(chain.many()(TABLE), wanted)
    np.testing.assert_array_equal(_one_by_one(chain), wanted)


def test_no_rows() -> None:
    count = Chain((Tokens(0, "char"), Count(("a", "b"))))
    hashed = Chain((Tokens(0, "char"), Hash(8)))
    for step, width in ((count, 2), (hashed, 8)):
        made = step.many()([[]])
        assert isinstance(made, Terms)
        assert made.dense().shape == (0, width)


@pytest.mark.parametrize("cell", [None, float("nan"), 3, b"text"])
def test_what_is_no_text_is_refused(cell: Any) -> None:
    step = Chain((Tokens(1, "word", pattern=r"\w+"), Count(("text",))))
    with pytest.raises(ValueError, match="where text is expected"):
        step.one()(["text", cell])
    with pytest.raises(ValueError, match="where text is expected"):
        step.many()([["text"], [cell]])


def test_half_a_surrogate_pair_has_no_hash() -> None:
    step = Chain((Tokens(0, "char"), Hash(8)))
    with pytest.raises(ValueError, match="surrogates"):
        step.one()(["\ud800"])
    with pytest.raises(ValueError, match="surrogates"):
        step.many()([["\ud800"]])


def test_shares_of_equal_and_of_no_likelihoods() -> None:
    scores = np.array([[0.0, 0.0, -1.0], [-np.inf, -5.0, 2.0], [700.0, -700.0, 3.0]])
    many = LogShares().many()(scores)
    np.testing.assert_allclose(many.sum(axis=1), 1.0)
    one = LogShares().one()
    np.testing.assert_array_equal([one(row) for row in scores.tolist()], many)
    with np.errstate(invalid="ignore"):
        assert np.isnan(one([-np.inf, -np.inf])).all()


@pytest.mark.parametrize("inputs", [3, 20])
def test_likelihoods_one_by_one(inputs: int) -> None:
    table = RANDOM.normal(size=(30, inputs))
    mean, variance = RANDOM.normal(size=(4, inputs)), 0.1 + RANDOM.random((4, inputs))
    step = Gaussian(mean, variance, np.log(np.full(4, 0.25)), -variance.sum(axis=1))
    many = step.many()(table)
    np.testing.assert_array_equal(_one_by_one(step, table), many)
    assert (step.terms(table, None) >= np.abs(many) * (1 - 1e-12)).all()


def test_numbers_beside_text_are_told_apart() -> None:
    joined = Join((Take((0,)), Take((8,))))
    np.testing.assert_array_equal(magnitude(joined, TABLE, None)[0], TABLE[:, [0, 8]])
