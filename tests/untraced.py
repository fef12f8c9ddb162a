"""A plugin for measured runs: scikit-learn's side of a proof is not traced.

Coverage's tracer is called for each line of whatever runs, also where nothing is to be measured, and
a proof asks scikit-learn hundreds of times: tracing it would double what the proofs cost. The lines
of Pilotboat are measured all the same, and plans answer with the tracer on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest

from pilotboat.engines import sklearn as engine


class Untraced:
    """An estimator that answers without the tracer."""

    def __init__(self, estimator: Any) -> None:
        self.predict = _untraced(estimator.predict)
        if hasattr(estimator, "predict_proba"):
            self.predict_proba = _untraced(estimator.predict_proba)


def _untraced(ask: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(ask)
    def asked(*given: Any) -> Any:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return ask(*given)
        finally:
            sys.settrace(tracer)

    return asked


@pytest.fixture(autouse=True, scope="session")
def _untraced_estimators() -> Iterator[None]:
    """No line is lost: what is not scikit-learn's may be a test's own, and is traced."""
    real = engine.predict

    def predict(estimator: Any, data: Any, *, probabilities: bool) -> Any:
        if not type(estimator).__module__.startswith("sklearn."):
            return real(estimator, data, probabilities=probabilities)
        return real(Untraced(estimator), data, probabilities=probabilities)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "predict", predict)
        yield
