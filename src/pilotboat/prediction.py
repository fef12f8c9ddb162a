"""What goes into a model and what comes out: the one callable shape of every level."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from pilotboat.rows import Rows
from pilotboat.schema import Value


@dataclass(frozen=True, slots=True)
class Call:
    """One request for predictions.

    id: the request's id. key: the id of the API key it came with. deadline: `time.monotonic()`
    seconds after which nobody waits for the answer. once: the same for every try of one request, where
    a proxy says so. references: the caller's own name of each row, where there are any.
    """

    rows: Rows
    operation: str = "predict"
    id: str = ""
    key: str | None = None
    deadline: float | None = None
    tags: dict[str, str] = field(default_factory=dict)
    once: str = ""
    references: Sequence[str | None] | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to n rows.

    predictions: shape (n,), or (n, targets) for a model with several targets.
    probabilities: shape (n, k), one column a class in the order of `classes`; None without.
    """

    predictions: NDArray[Any]
    probabilities: NDArray[np.float64] | None
    classes: tuple[Value, ...] | None
    model: str
    version: str


Predict = Callable[[Call], Awaitable[Prediction]]
Single = tuple[Value | list[float], list[float] | None]
"""The answer to one row: its label, or its numbers, and its probabilities."""
One = Callable[[Sequence[Value]], Single]
"""The checked cells of one row -> its answer, at once."""
Done = Callable[[Single | None], None]
"""Takes an answer; None: there is none that way, and `Predict` has to say why."""


class Asked(NamedTuple):
    """What is known of the request of a single row; see `Call`."""

    id: str = ""
    key: str | None = None
    once: str = ""
    reference: str | None = None


Soon = Callable[[Sequence[Value], Asked, Done], Callable[[], None]]
"""The cells of one row, and what takes its answer within this turn of the event loop or the next.

Returns a function after which the answer has been given.
"""


def label_key(label: Value) -> str:
    """A class label as the key of a JSON object: as JSON writes it, a text without its quotes."""
    return label if isinstance(label, str) else orjson.dumps(label).decode()
