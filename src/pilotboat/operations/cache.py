"""Answers that slow models have given, so that they need not give them again.

An answer is that of one row. It is found by the SHA-256 of the model's digest, the operation and the row's
checked cells, which are typed: 3 is not 3.0. A call of several rows takes what there is and has the model
compute the rest. This process keeps what was used last; with a link to Redis, all servers keep it.

What comes from Redis is input like any other. A value says which answer it is, of which model, and how it
ends; it is data alone, and what does not fit in every respect has never been there.
"""

from __future__ import annotations

import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import orjson
from numpy.typing import NDArray

from pilotboat.errors import NotFiniteError, RefusedError
from pilotboat.prediction import Asked, Call, Done, Predict, Prediction
from pilotboat.runtime.model import Model
from pilotboat.schema import Schema, Value

if TYPE_CHECKING:  # it needs the optional redis
    from pilotboat.operations.shared import Link

MOST_ROWS = 64
"""A call of more rows is not looked up."""
LARGEST = 2**16
"""Bytes of a value at most: longer ones are neither kept nor read."""
OVERHEAD = 256
"""Bytes that this process needs for an answer beside its value: its key, and the places of both."""
LAYOUT = 1
"""To be raised when a value or a key is made otherwise."""
HEAD = struct.Struct(">4sI32s32s")
"""Of a value: magic, CRC-32 of what follows it, key, model's digest. Then comes JSON."""
MAGIC = b"PBA%d" % LAYOUT
DTYPE = re.compile(r"[<>|=]([iu][1248]|f[248]|b1|U\d{1,5}|O)")
KINDS: dict[str, frozenset[type]] = {
    "i": frozenset({int}),
    "u": frozenset({int}),
    "f": frozenset({float}),
    "b": frozenset({bool}),
    "U": frozenset({str}),
    "O": frozenset({str, int, float, bool}),
}
"""Kind of a NumPy dtype -> what its elements are in JSON."""

Row = tuple[NDArray[Any], NDArray[np.float64] | None]
"""The answer to one row: predictions of shape (1,) or (1, targets), probabilities (1, k) or None."""


class Local:
    """The answers that this process keeps, those used last, in at most `most` bytes.

    hits: rows that were answered from here. shared: those answered from Redis. misses: those that a
    model had to answer. rejected: values of Redis that were none. bytes: what is kept now.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = self.hits = self.shared = self.misses = self.rejected = 0
        self._values: OrderedDict[bytes, bytes] = OrderedDict()

    def get(self, key: bytes) -> bytes | None:
        """The JSON that is kept under a key."""
        found = self._values.get(key)
        if found is not None:
            self._values.move_to_end(key)
        return found

    def put(self, key: bytes, text: bytes) -> None:
        """Keep it, in place of what was not used for longest."""
        if len(text) + OVERHEAD > self.most:
            return
        before = self._values.pop(key, None)
        if before is not None:
            self.bytes -= len(before) + OVERHEAD
        self._values[key] = text
        self.bytes += len(text) + OVERHEAD
        while self.bytes > self.most:
            _, oldest = self._values.popitem(last=False)
            self.bytes -= len(oldest) + OVERHEAD


class Answers:
    """What is kept of one version. `predict` wraps its way of answering, and `soon` is one more.

    link: to the Redis that keeps answers too, for `seconds`; None: there is none.
    """

    def __init__(self, model: Model, local: Local, link: Link | None, seconds: int) -> None:
        self.model, self.local, self.link, self.seconds = model, local, link, seconds
        self._digest = bytes.fromhex(model.bundle.digest)
        self._read = reader(model.schema)
        head = [LAYOUT, model.bundle.digest, model.bundle.manifest.format]
        self._head = orjson.dumps(head)

    def predict(self, inner: Predict) -> Predict:
        """`inner` for the rows whose answers are not known."""

        async def predict(call: Call) -> Prediction:
            keys = self._keys(call)
            if keys is None:
                return await inner(call)
            found = self._known(keys)
            if self.link is not None and (unknown := _without(keys, found)):
                found |= await self._shared(self.link, unknown)
            return await self._completed(inner, call, keys, found)

        return predict

    def soon(self, cells: Sequence[Value], _asked: Asked, done: Done) -> Callable[[], None]:
        """Answers a row that this process knows the answer to, and no other. See `Soon`."""
        key = self.key("predict", cells)
        text = None if key is None else self.local.get(key)
        if text is None:
            done(None)
        else:
            self.local.hits += 1
            _, label, shares = orjson.loads(text)
            done((label, shares))
        return _nothing

    def key(self, operation: str, cells: Sequence[Value]) -> bytes | None:
        """What the answer to a row is found by; None where the row has no JSON."""
        try:
            text = orjson.dumps((operation, cells))
        except TypeError:
            return None
        return sha256(self._head + text).digest()

    def _keys(self, call: Call) -> list[bytes] | None:
        """The key of each row; None where one has none, or there are too many."""
        if call.rows.count > MOST_ROWS:
            return None
        rows = zip(*call.rows.columns, strict=True)
        keys = [self.key(call.operation, cells) for cells in rows]
        made = [key for key in keys if key is not None]
        return made if len(made) == len(keys) else None

    def _known(self, keys: list[bytes]) -> dict[bytes, Row]:
        """The answers that this process keeps."""
        found: dict[bytes, Row] = {}
        for key in keys:
            text = self.local.get(key)
            if text is not None:
                self.local.hits += 1
                found[key] = _row(orjson.loads(text))
        return found

    async def _shared(self, link: Link, keys: list[bytes]) -> dict[bytes, Row]:
        """The answers that Redis keeps. No more is read of a value than it may have."""
        replies = await link.ask(*(("GETRANGE", name(key), 0, LARGEST) for key in keys))
        found: dict[bytes, Row] = {}
        for key, reply in zip(keys, replies or (), strict=False):
            if reply == b"":
                continue
            text = opened(reply, key, self._digest) if isinstance(reply, bytes) else None
            row = None if text is None else self._read(text)
            if text is None or row is None:
                self.local.rejected += 1
                continue
            self.local.shared += 1
            self.local.put(key, text)
            found[key] = row
        return found

    async def _completed(
        self, inner: Predict, call: Call, keys: list[bytes], found: dict[bytes, Row]
    ) -> Prediction:
        """The answer to a call, of what is known and what `inner` says to the rest."""
        first = {key: number for number, key in reversed(list(enumerate(keys)))}
        numbers = [first[key] for key in _without(keys, found)]
        self.local.misses += len(numbers)
        made = None
        if numbers:
            made = await _computed(inner, call, numbers)
            self._keep(made, [keys[number] for number in numbers])
            if len(numbers) == len(keys):
                return made
            parts = (_part(made, at) for at in range(len(numbers)))
            found |= {keys[number]: part for number, part in zip(numbers, parts, strict=True)}
        rows = [found[key] for key in keys]
        shares = [table for _, table in rows if table is not None]
        model = self.model
        return Prediction(
            np.concatenate([labels for labels, _ in rows]),
            np.concatenate(shares) if shares else None,
            model.schema.classes,
            model.name,
            model.version,
        )

    def _keep(self, made: Prediction, keys: list[bytes]) -> None:
        """Keep the answers to the rows that have these keys, here and in Redis."""
        for at, key in enumerate(keys):
            text = _text(_part(made, at))
            if text is None or self._read(text) is None:
                continue
            self.local.put(key, text)
            if self.link is not None:
                value = sealed(text, key, self._digest)
                self.link.tell("SET", name(key), value, "EX", self.seconds)


def name(key: bytes) -> str:
    """Where the answer lies in Redis."""
    return f"pilotboat:answer:{key.hex()}"


def sealed(text: bytes, key: bytes, digest: bytes) -> bytes:
    """The value that holds `text` for Redis. `opened` is the way back."""
    check = crc32(text, crc32(digest, crc32(key)))
    return HEAD.pack(MAGIC, check, key, digest) + text


def opened(value: bytes, key: bytes, digest: bytes) -> bytes | None:
    """The JSON in a value; None where it is not the answer with that key of that model."""
    if not HEAD.size < len(value) <= LARGEST:
        return None
    magic, check, said, model = HEAD.unpack_from(value)
    text = value[HEAD.size :]
    if (magic, said, model) != (MAGIC, key, digest):
        return None
    return text if crc32(text, crc32(digest, crc32(key))) == check else None


def reader(schema: Schema) -> Callable[[bytes], Row | None]:
    """Reads JSON as the answer to one row of a model with that schema; None: it is none."""
    targets = len(schema.outputs)
    width = len(schema.classes or ()) if schema.probabilities else 0

    def read(text: bytes) -> Row | None:
        try:
            parts = orjson.loads(text)
            dtype, label, shares = parts
            kinds = KINDS[DTYPE.fullmatch(dtype)[1][0]]  # type: ignore[index]
            labels = label if targets > 1 else [label]
            fits = len(labels) == targets and _all_of(kinds, labels)
            if width:
                fits = fits and len(shares) == width and _all_of(KINDS["f"], shares)
            else:
                fits = fits and shares is None
            row = _row(parts) if fits else None
        except (KeyError, OverflowError, TypeError, ValueError):
            return None
        exact = row is not None and row[0].tolist()[0] == label
        return row if exact else None

    return read


def _all_of(kinds: frozenset[type], values: Iterable[Any]) -> bool:
    """Whether all are of these types, and finite."""
    return all(type(one) in kinds and (type(one) is not float or isfinite(one)) for one in values)


def _row(parts: list[Any]) -> Row:
    dtype, label, shares = parts
    return np.array([label], dtype), None if shares is None else np.array([shares])


def _part(made: Prediction, at: int) -> Row:
    """The answer to one of the rows."""
    shares = made.probabilities
    return made.predictions[at : at + 1], None if shares is None else shares[at : at + 1]


def _text(row: Row) -> bytes | None:
    """An answer as JSON, in which floats are exact; None where it cannot be written or is long."""
    labels, shares = row
    table = None if shares is None else shares[0].tolist()
    try:
        text = orjson.dumps([labels.dtype.str, labels.tolist()[0], table])
    except TypeError:
        return None
    return text if len(text) + HEAD.size <= LARGEST else None


async def _computed(inner: Predict, call: Call, numbers: list[int]) -> Prediction:
    """What `inner` answers to some rows of a call; a row that it refuses is named as the caller knows it."""
    if len(numbers) == call.rows.count:
        return await inner(call)
    try:
        return await inner(replace(call, rows=call.rows.pick(numbers)))
    except (RefusedError, NotFiniteError) as error:
        facts = {**error.facts, "row": numbers[error.facts["row"]]}
        raise type(error)(error.detail, code=error.code, hint=error.hint, **facts) from error


def _without(keys: list[bytes], found: dict[bytes, Row]) -> list[bytes]:
    """The keys, each once, that nothing was found for."""
    return [key for key in dict.fromkeys(keys) if key not in found]


def _nothing() -> None:
    pass
