"""MurmurHash3 for 32-bit x86, by Austin Appleby, with the seed 0: how scikit-learn hashes tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

C1, C2, ADDED = 0xCC9E2D51, 0x1B873593, 0xE6546B64
F1, F2 = 0x85EBCA6B, 0xC2B2AE35
MASK = 0xFFFFFFFF
TOGETHER = 8
"""From so many tokens of one length on, NumPy is quicker."""


def hash_one(data: bytes) -> int:
    """The hash as a signed number."""
    length = len(data)
    whole = length & ~3
    made = 0
    for start in range(0, whole, 4):
        made ^= _mixed(int.from_bytes(data[start : start + 4], "little"))
        made = ((made << 13) | (made >> 19)) & MASK
        made = (made * 5 + ADDED) & MASK
    if whole < length:
        made ^= _mixed(int.from_bytes(data[whole:], "little"))
    made ^= length
    made = ((made ^ (made >> 16)) * F1) & MASK
    made = ((made ^ (made >> 13)) * F2) & MASK
    made ^= made >> 16
    return made - 2**32 if made >= 2**31 else made


def _mixed(block: int) -> int:
    block = (block * C1) & MASK
    block = ((block << 15) | (block >> 17)) & MASK
    return (block * C2) & MASK


def hash_many(tokens: Sequence[bytes]) -> NDArray[np.int64]:
    """The hash of each, tokens of one length at a time. Shape (n,)."""
    made = np.empty(len(tokens), dtype=np.int64)
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    for length in np.unique(lengths).tolist():
        which = np.flatnonzero(lengths == length)
        some = [tokens[number] for number in which.tolist()]
        few = len(some) < TOGETHER
        made[which] = [hash_one(token) for token in some] if few else _hashes(some, length)
    return made


def _hashes(tokens: Sequence[bytes], length: int) -> NDArray[np.int32]:
    """`hash_one` of tokens of one length; uint32 drops what overflows."""
    rest = -length % 4
    padded = b"".join(token + b"\0" * rest for token in tokens)
    blocks = np.frombuffer(padded, dtype="<u4").reshape(len(tokens), -1).astype(np.uint32)
    made = np.zeros(len(tokens), dtype=np.uint32)
    for number, block in enumerate(blocks.T):
        mixed = block * np.uint32(C1)
        mixed = (mixed << np.uint32(15)) | (mixed >> np.uint32(17))
        made ^= mixed * np.uint32(C2)
        if number < length // 4:
            made = (made << np.uint32(13)) | (made >> np.uint32(19))
            made = made * np.uint32(5) + np.uint32(ADDED)
    made ^= np.uint32(length)
    made = (made ^ (made >> np.uint32(16))) * np.uint32(F1)
    made = (made ^ (made >> np.uint32(13))) * np.uint32(F2)
    return (made ^ (made >> np.uint32(16))).view(np.int32)
