"""Answers: how each server writes them, and whether they are right."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
Encode = Callable[[Sequence[Record]], Any]
Decode = Callable[[Any], "list[Answer]"]

TOLERANCE = 1e-9
CLASSES = ("no", "yes")
"""the classes in scikit-learn's order, for protocols that answer without their names"""


@dataclass(frozen=True)
class Answer:
    """A label, and the probability of each class."""

    label: str
    shares: dict[str, float]


class WrongAnswerError(Exception):
    """A server answered, and not what scikit-learn says."""


@dataclass(frozen=True)
class Route:
    """Where rows are sent, and what they and their answers look like there."""

    path: str
    encode: Encode
    decode: Decode

    def body(self, rows: Sequence[Record]) -> bytes:
        """The body of a request for rows."""
        return json.dumps(self.encode(rows), separators=(",", ":")).encode()

    def check(self, content: bytes, expected: Sequence[Answer]) -> None:
        """Raise `WrongAnswerError` unless `content` says what is expected."""
        try:
            got = self.decode(json.loads(content))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise WrongAnswerError(f"not an answer: {content[:200]!r}") from error
        if len(got) != len(expected):
            raise WrongAnswerError(f"{len(got)} answers to {len(expected)} rows")
        for row, (one, other) in enumerate(zip(got, expected, strict=True)):
            compare(row, one, other)


def compare(row: int, got: Answer, expected: Answer) -> None:
    """Raise `WrongAnswerError` where an answer differs by more than rounding."""
    if got.label != expected.label:
        raise WrongAnswerError(f"row {row}: label {got.label!r}, not {expected.label!r}")
    if got.shares.keys() != expected.shares.keys():
        raise WrongAnswerError(f"row {row}: classes {sorted(got.shares)}")
    for label, share in expected.shares.items():
        if not abs(got.shares[label] - share) <= TOLERANCE:
            raise WrongAnswerError(f"row {row}: P({label}) = {got.shares[label]}, not {share}")


def first(rows: Sequence[Record]) -> Any:
    """A record alone."""
    return rows[0]


def instances(rows: Sequence[Record]) -> Any:
    """Many records, as KServe and Vertex AI have them."""
    return {"instances": list(rows)}


def listed(rows: Sequence[Record]) -> Any:
    """Many records under the name of BentoML's argument."""
    return {"records": list(rows)}


def split(rows: Sequence[Record]) -> Any:
    """MLflow's `dataframe_split`."""
    columns = list(rows[0])
    return {
        "dataframe_split": {"columns": columns, "data": [list(row.values()) for row in rows]},
    }


def tensors(rows: Sequence[Record]) -> Any:
    """The Open Inference Protocol, one tensor a column, to be read as a DataFrame."""
    return {
        "parameters": {"content_type": "pd"},
        "inputs": [tensor(name, [row[name] for row in rows]) for name in rows[0]],
        "outputs": [{"name": "predict_proba"}],
    }


def tensor(name: str, values: list[Any]) -> dict[str, Any]:
    """One column of the Open Inference Protocol."""
    is_text = any(isinstance(value, str) for value in values)
    kind = {"datatype": "BYTES", "parameters": {"content_type": "str"}} if is_text else {}
    return {"name": name, "shape": [len(values), 1], "datatype": "FP64", "data": values} | kind


def named(document: Any) -> list[Answer]:
    """One answer: a label and named probabilities."""
    return [Answer(document["prediction"], document["probabilities"])]


def many(document: Any) -> list[Answer]:
    """Answers side by side: labels, and named probabilities."""
    pairs = zip(document["predictions"], document["probabilities"], strict=True)
    return [Answer(label, shares) for label, shares in pairs]


def sequence(document: Any) -> list[Answer]:
    """A list of what `named` reads."""
    return [answer for one in document for answer in named(one)]


def matrix(rows: Sequence[Sequence[float]]) -> list[Answer]:
    """Probabilities without names; the label is that of the largest."""
    made = []
    for row in rows:
        shares = dict(zip(CLASSES, row, strict=True))
        made.append(Answer(max(shares, key=shares.__getitem__), shares))
    return made


def predictions(document: Any) -> list[Answer]:
    """MLflow's answer from `predict_proba`."""
    return matrix(document["predictions"])


def outputs(document: Any) -> list[Answer]:
    """The Open Inference Protocol's answer: one flat tensor."""
    flat, width = document["outputs"][0]["data"], len(CLASSES)
    return matrix([flat[start : start + width] for start in range(0, len(flat), width)])
