"""What may stand in Redis in the place of an answer, and is none."""

from __future__ import annotations

import pickle
import random
import struct
from pathlib import Path
from typing import Any

import orjson

from pilotboat.operations import cache
from pilotboat.operations.cache import sealed


class Trap:
    """What a pickle runs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def poisons(key: bytes, digest: bytes, trap: Path) -> dict[str, bytes]:
    """The reason -> a value for the answer with `key` of the model with `digest`, a number.

    trap: a path that is there when one of them has run code.
    """
    chance = random.Random(0)  # noqa: S311
    text = orjson.dumps(["<f8", 666.0, None])
    good = sealed(text, key, digest)
    other = bytes(32)
    nested = b"[" * 3000 + b"]" * 3000

    def of(*parts: Any) -> bytes:
        return sealed(orjson.dumps(list(parts)), key, digest)

    return {
        "random": chance.randbytes(300),
        "a byte": b"x",
        "pickle": pickle.dumps(Trap(trap)),
        "pickle in ours": sealed(pickle.dumps(Trap(trap)), key, digest),
        "another model's": sealed(text, key, other),
        "another row's": sealed(text, other, digest),
        "another magic": b"PBA0" + good[4:],
        "cut": good[:-1],
        "longer": good + b" ",
        "the head alone": good[: cache.HEAD.size],
        "a flipped bit": good[:-3] + bytes([good[-3] ^ 1]) + good[-2:],
        "a flipped check": struct.pack("B", good[4] ^ 1).join([good[:4], good[5:]]),
        "huge": sealed(b"[" + b" " * cache.LARGEST + text[1:], key, digest),
        "no JSON": sealed(b"{", key, digest),
        "deep JSON": sealed(nested, key, digest),
        "no list": sealed(b"7", key, digest),
        "a short list": of("<f8", 666.0),
        "a long list": of("<f8", 666.0, None, None),
        "no dtype": of(None, 666.0, None),
        "an unknown dtype": of("f8,f8", 666.0, None),
        "a list of them": of([["x", "<f8"]], 666.0, None),
        "a vast dtype": of("<U999999999", "x", None),
        "a number as text": of("<f8", "666", None),
        "a gap": of("<f8", None, None),
        "a truth": of("<f8", True, None),
        "several": of("<f8", [666.0, 667.0], None),
        "an integer": of("<f8", 666, None),
        "too long for it": of("<U2", "abc", None),
        "not of that precision": of("<f4", 0.1, None),
        "probabilities": of("<f8", 666.0, [0.5, 0.5]),
    }
