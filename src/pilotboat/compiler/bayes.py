"""Naive Bayes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pilotboat.compiler.given import (
    Compiler,
    Given,
    Head,
    as_numbers,
    chained,
    doubles,
    float64,
    refuse,
)
from pilotboat.compiler.spec import Spec
from pilotboat.plan.bayes import Binarise, Gaussian, LogShares
from pilotboat.plan.linear import Linear
from pilotboat.plan.step import Check, Numbers, Step

HERE = "pilotboat.compiler.bayes"


def _head(model: Any, given: Given, *steps: Step) -> Head:
    before, given = as_numbers(given)
    doubles(given)
    if len(model.classes_) < 2:  # noqa: PLR2004
        raise refuse("a single class is not compiled")
    return Head(chained([*before, Check(), *steps]), LogShares(), model.classes_)


def _finite(array: Any) -> Numbers:
    made = float64(array)
    if not np.isfinite(made).all():
        raise refuse("a probability of 0 or a variance of 0 is not compiled")
    return made


def gaussian(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`GaussianNB`."""
    variance = _finite(model.var_)
    with np.errstate(divide="ignore"):
        factor = [-0.5 * np.sum(np.log(2.0 * np.pi * one)) for one in variance]
        prior = np.log(float64(model.class_prior_))
    theta = np.ascontiguousarray(_finite(model.theta_))
    step = Gaussian(theta, np.ascontiguousarray(variance), _finite(prior), _finite(factor))
    return _head(model, given, step)


def multinomial(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`MultinomialNB`."""
    step = Linear(_finite(model.feature_log_prob_), _finite(model.class_log_prior_))
    return _head(model, given, step)


def complement(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`ComplementNB`, whose priors count for a single class only."""
    weights = _finite(model.feature_log_prob_)
    return _head(model, given, Linear(weights, np.zeros(len(weights))))


def bernoulli(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`BernoulliNB`."""
    present = _finite(model.feature_log_prob_)
    with np.errstate(divide="ignore"):
        absent = _finite(np.log(1 - np.exp(present)))
    step = Linear(present - absent, _finite(model.class_log_prior_) + absent.sum(axis=1))
    if model.binarize is None:
        return _head(model, given, step)
    return _head(model, given, Binarise(float(model.binarize)), step)


SMOOTHING = ("alpha", "force_alpha", "fit_prior", "class_prior")
COUNTED = ("class_count_", "class_log_prior_", "classes_", "feature_count_", "feature_log_prob_")

SPECS = {
    "sklearn.naive_bayes:GaussianNB": Spec(
        f"{HERE}:gaussian",
        free=("priors", "var_smoothing"),
        fitted=("class_count_", "class_prior_", "classes_", "epsilon_", "theta_", "var_"),
    ),
    "sklearn.naive_bayes:MultinomialNB": Spec(
        f"{HERE}:multinomial", free=SMOOTHING, fitted=COUNTED
    ),
    "sklearn.naive_bayes:ComplementNB": Spec(
        f"{HERE}:complement", free=(*SMOOTHING, "norm"), fitted=(*COUNTED, "feature_all_")
    ),
    "sklearn.naive_bayes:BernoulliNB": Spec(
        f"{HERE}:bernoulli", read=("binarize",), free=SMOOTHING, fitted=COUNTED
    ),
}
