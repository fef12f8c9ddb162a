"""What a model holds of other models: their answers, as steps that give numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pilotboat.compiler.given import Head, refuse
from pilotboat.plan.answers import Label, Probabilities
from pilotboat.plan.step import Step


def path(where: str, name: str) -> str:
    """The path of a model inside the one at `where`."""
    return f"{where}.{name}" if where else name


def decides(model: Any) -> bool:
    """Whether scikit-learn would ask `decision_function` of it before its probabilities."""
    return hasattr(model, "decision_function")


def decision(head: Head, model: Any) -> Step:
    """What `decision_function` gives."""
    if not head.decides:
        raise refuse(f"the decision_function of {type(model).__name__} is not compiled")
    return head.scores


def probabilities(head: Head, model: Any, places: tuple[int, ...] = ()) -> Step:
    """What `predict_proba` gives, of some classes or all."""
    if head.link is None:
        raise refuse(f"{type(model).__name__} gives no probabilities")
    return Probabilities(head.scores, head.link, places)


def labels(head: Head, model: Any, values: Any = None) -> Step:
    """What `predict` gives: the number itself, or of a class its own or the one in `values`."""
    if head.classes is None:
        return head.scores
    known = np.asarray(head.classes if values is None else values)
    if known.dtype.kind not in "biuf":
        raise refuse(f"the labels of {type(model).__name__} are no numbers")
    return Label(head.scores, head.link, head.label, tuple(float(one) for one in known))
