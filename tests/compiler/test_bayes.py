"""Naive Bayes, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pilotboat.errors import CompileError
from tests.compiler.proving import EXACT, NEAR, pair

RANDOM = np.random.default_rng(0)
Y2 = np.where(RANDOM.random(200) < 0.4, "yes", "no")
Y12 = RANDOM.integers(0, 12, 200)


def _table(inputs: int) -> Any:
    return RANDOM.normal(size=(200, inputs))


@pytest.mark.parametrize("labels", [Y2, Y12 % 3, Y12], ids=["two", "three", "twelve"])
@pytest.mark.parametrize("inputs", [2, 7, 8, 30])
def test_gaussian(inputs: int, labels: Any) -> None:
    table = _table(inputs)
    model = make_pipeline(StandardScaler(), GaussianNB()).fit(table, labels)
    assert pair(model, table).largest_difference() <= NEAR


def test_gaussian_is_equal_to_the_last_bit() -> None:
    table = _table(6)
    assert pair(GaussianNB().fit(table, Y12 % 3), table).largest_difference() <= EXACT


def test_gaussian_with_priors_and_smoothing() -> None:
    table = _table(4)
    model = GaussianNB(priors=[0.9, 0.1], var_smoothing=0.5).fit(table, Y2)
    assert pair(model, table).largest_difference() <= EXACT


def test_gaussian_far_from_everything() -> None:
    table = _table(4) * [1.0, 1e-3, 1e3, 1e6]
    table[::5] *= 1e4
    assert pair(GaussianNB().fit(table, Y12 % 3), table).largest_difference() <= EXACT


@pytest.mark.parametrize("labels", [Y2, Y12 % 3, Y12], ids=["two", "three", "twelve"])
@pytest.mark.parametrize(
    "model",
    [
        MultinomialNB(),
        MultinomialNB(alpha=0.1, fit_prior=False),
        ComplementNB(),
        ComplementNB(norm=True),
        BernoulliNB(binarize=0.3),
        BernoulliNB(alpha=0.5, class_prior=None),
    ],
    ids=str,
)
def test_counts(model: Any, labels: Any) -> None:
    table = np.abs(_table(9))
    assert pair(model.fit(table, labels), table).largest_difference() < 1e-13


def test_bernoulli_of_what_is_binary_already() -> None:
    table = (_table(9) > 0).astype(float)
    model = BernoulliNB(binarize=None).fit(table, Y2)
    assert pair(model, table).largest_difference() < 1e-14


def test_a_probability_of_0_is_refused() -> None:
    table = np.abs(_table(3))
    table[:, 1] = 0.0
    model = MultinomialNB(alpha=0.0, force_alpha=True)
    with np.errstate(divide="ignore"):
        model.fit(table, Y2)
    with pytest.raises(CompileError, match="MultinomialNB: a probability of 0"):
        pair(model, table)


def test_a_single_class_is_refused() -> None:
    table = _table(3)
    with pytest.raises(CompileError, match="single class"):
        pair(GaussianNB().fit(table, np.zeros(200)), table)
