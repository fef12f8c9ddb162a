"""The prediction log: what was asked and answered goes into the spool before the answer leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from time import perf_counter
from typing import Any, Literal
from zlib import crc32

import orjson

from pilotboat.errors import SpoolFullError
from pilotboat.operations.segments import OUTCOME, PREDICTION
from pilotboat.operations.spool import Spool
from pilotboat.prediction import (
    Asked,
    Call,
    Done,
    Predict,
    Prediction,
    Single,
    Soon,
    label_key,
)
from pilotboat.runtime.model import Model
from pilotboat.schema import Value

Durability = Literal["buffered", "flushed", "synced"]
PIECE = 500
"""Rows of one record at most."""
MOMENT = 0.02
"""Seconds after an answer until it is kept, where it is only buffered."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept, and how surely.

    sample: share of the requests. redact: input -> "hash" or "drop". key: what hashes are keyed with.
    once: whether the callers' word is taken for which requests are the same one.
    """

    durability: Durability = "flushed"
    sample: float = 1.0
    redact: tuple[tuple[str, str], ...] = ()
    key: bytes = b""
    once: bool = False


class Memory:
    """Keeps the predictions of one version. `predict` and `soon` wrap its ways of answering."""

    def __init__(self, model: Model, spool: Spool, policy: Policy) -> None:
        self.spool, self.policy = spool, policy
        self.syncs = policy.durability == "synced"
        rules, names = dict(policy.redact), model.schema.names
        kept = [at for at, name in enumerate(names) if rules.get(name) != "drop"]
        self._picks = [(at, names[at] in rules) for at in kept]
        self._whole = not rules.keys() & set(names)
        self._head = _head(model, [names[at] for at in kept])
        self._keep = self._defer if policy.durability == "buffered" else self._write
        self._later: list[tuple[Any, ...]] = []

    def predict(self, inner: Predict) -> Predict:
        """`inner`, whose answers are kept before they are given.

        Raises `SpoolFullError` where that cannot be and has to be.
        """

        async def predict(call: Call) -> Prediction:
            begun = perf_counter()
            made = await inner(call)
            asked = Asked(call.id, call.key, call.once)
            if self._wants(asked):
                self._all(call, asked, made, _since(begun))
                if self.syncs:
                    await self.spool.synced()
            return made

        return predict

    def soon(self, inner: Soon) -> Soon | None:
        """The same for single rows; None where keeping them takes waiting."""
        if self.syncs:
            return None

        def soon(cells: Sequence[Value], asked: Asked, done: Done) -> Callable[[], None]:
            begun = perf_counter()

            def keep(answer: Single | None) -> None:
                if answer is not None and self._wants(asked):
                    label, shares = answer
                    table = None if shares is None else [shares]
                    names = None if asked.reference is None else [asked.reference]
                    try:
                        self._keep(asked, (0, _since(begun)), [cells], ([label], table), names)
                    except SpoolFullError:  # it is asked once more, and `predict` says so
                        answer = None
                done(answer)

            return inner(cells, asked, keep)

        return soon

    def _wants(self, asked: Asked) -> bool:
        """Whether a request is of those that are kept: every try of it is, or none."""
        sample = self.policy.sample
        return sample >= 1 or crc32((asked.once or asked.id).encode()) < sample * 2**32

    def _all(self, call: Call, asked: Asked, made: Prediction, ms: float) -> None:
        """Keep the rows of a call, in records that are not too long."""
        shares = made.probabilities
        for first in range(0, call.rows.count, PIECE):
            part = slice(first, first + PIECE)
            columns = [column[part] for column in call.rows.columns]
            labels = made.predictions[part].tolist()
            rows = list(zip(*columns, strict=True)) or [()] * len(labels)
            table = None if shares is None else shares[part].tolist()
            names = None if call.references is None else call.references[part]
            self._keep(asked, (first, ms), rows, (labels, table), names)

    def _defer(self, *kept: Any) -> None:
        self._later.append(kept)
        if len(self._later) == 1:
            asyncio.get_running_loop().call_later(MOMENT, self.flush)

    def flush(self) -> None:
        """Write what was only buffered."""
        later, self._later = self._later, []
        for kept in later:
            with suppress(SpoolFullError):  # its answer has left: it is counted
                self._write(*kept)

    def _write(
        self,
        asked: Asked,
        facts: tuple[int, float],
        rows: Sequence[Sequence[Value]],
        answers: tuple[list[Any], list[Any] | None],
        references: Sequence[str | None] | None,
    ) -> None:
        """Write a record of rows.

        facts: the number that the first has in its request, and milliseconds. answers: their labels,
        and the shares of each class.
        """
        told, (first, ms), (labels, shares) = rows, facts, answers
        if not self._whole:
            told = self._redacted(rows)
        body = (asked.id, asked.key, first, ms, told, labels, shares, references)
        event = same(f"{asked.once} {first}") if asked.once and self.policy.once else None
        self.spool.append(PREDICTION, len(labels), self._head + orjson.dumps(body), event)

    def _redacted(self, rows: Sequence[Sequence[Value]]) -> list[Sequence[Value]]:
        """Of each row the cells that are kept, those that are hashed as their hashes."""
        key = self.policy.key
        return [
            [_hashed(row[at], key) if is_hashed else row[at] for at, is_hashed in self._picks]
            for row in rows
        ]


def keep(spool: Spool, outcomes: Sequence[dict[str, Any]], key: str | None) -> None:
    """Keep what callers say has become of predictions. Raises `SpoolFullError` where it cannot be."""
    payload = orjson.dumps({"key": key, "outcomes": outcomes})
    spool.append(OUTCOME, len(outcomes), payload)


def same(name: str) -> bytes:
    """An event that is the same wherever it is made: a UUID of version 8, RFC 9562 section 5.8."""
    made = bytearray(blake2b(name.encode(), digest_size=16).digest())
    made[6] = made[6] & 0x0F | 0x80
    made[8] = made[8] & 0x3F | 0x80
    return bytes(made)


def _head(model: Model, inputs: list[str]) -> bytes:
    classes = model.schema.classes if model.schema.probabilities else None
    told = {
        "model": model.name,
        "version": model.version,
        "digest": model.bundle.digest,
        "operation": "predict",
        "inputs": inputs,
        "classes": None if classes is None else [label_key(label) for label in classes],
    }
    return orjson.dumps(told) + b"\n"


def _hashed(cell: Value, key: bytes) -> str | None:
    """A keyed BLAKE2 (RFC 7693) of a cell, by which equal ones are known; a gap stays one."""
    if cell is None:
        return None
    return blake2b(orjson.dumps(cell), key=key[:64], digest_size=16).hexdigest()


def _since(begun: float) -> float:
    """Milliseconds, to the microsecond."""
    return int((perf_counter() - begun) * 1e6) / 1000
