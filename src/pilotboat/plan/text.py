"""Text: from a cell to tokens, from tokens to terms."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any, Literal

import numpy as np

from pilotboat.plan.murmur import hash_many, hash_one
from pilotboat.plan.step import Function
from pilotboat.plan.terms import OneRow, Places, Terms, counted

CACHED = 2048
"""Words whose n-grams, or whose hash, are remembered."""
SHORT = 32
"""Longer words are not: a cache must not grow with what is sent."""
NO_TEXT = "The input holds something else where text is expected."

_SPACES = re.compile(r"\s\s+")


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    return "".join([one for one in apart if not unicodedata.combining(one)])


ACCENTS = {"ascii": _ascii, "unicode": _without_accents}


@dataclass(frozen=True, slots=True)
class Tokens:
    """A cell of text -> its tokens, a list; many rows: one list after another.

    ngrams: the least and the largest number of words, or of characters, that make a token.
    pattern: the regular expression of a word, and stop: words left out, both for "word" alone.
    """

    place: int
    analyzer: Literal["word", "char", "char_wb"]
    ngrams: tuple[int, int] = (1, 1)
    lowercase: bool = True
    accents: Literal["ascii", "unicode"] | None = None
    pattern: str = ""
    stop: tuple[str, ...] = ()

    def one(self) -> Function:
        place, tokens = self.place, self._tokens()

        def call(cells: Any) -> list[str]:
            text = cells[place]
            if not isinstance(text, str):
                raise ValueError(NO_TEXT)  # noqa: TRY004 - a refusal, as everywhere in a plan
            made: list[str] = tokens(text)
            return made

        return call

    def many(self) -> Function:
        place, one = self.place, self.one()
        # Not all of them at once: n-grams take far more room than their text.
        return lambda columns: (one({place: text}) for text in columns[place])

    def _tokens(self) -> Function:
        prepared, (low, high) = self._prepared(), self.ngrams
        if self.analyzer == "char":
            return lambda text: _pieces(_SPACES.sub(" ", prepared(text)), low, high)
        if self.analyzer == "char_wb":
            return _within_words(prepared, low, high)
        find, stop = re.compile(self.pattern).findall, frozenset(self.stop)
        if high == 1 and not stop:
            return lambda text: find(prepared(text))

        def call(text: str) -> list[str]:
            words = find(prepared(text))
            if stop:
                words = [word for word in words if word not in stop]
            return words if high == 1 else _phrases(words, low, high)

        return call

    def _prepared(self) -> Function:
        if self.accents is None:
            return str.lower if self.lowercase else str
        strip = ACCENTS[self.accents]
        return (lambda text: strip(text.lower())) if self.lowercase else strip


def _pieces(text: str, low: int, high: int) -> list[str]:
    """Every piece of so many characters."""
    length = len(text)
    made: list[str] = []
    for size in range(low, min(high, length) + 1):
        made += [text[start : start + size] for start in range(length - size + 1)]
    return made


def _phrases(words: list[str], low: int, high: int) -> list[str]:
    """Every so many words that follow each other."""
    made = list(words) if low == 1 else []
    for size in range(max(low, 2), min(high, len(words)) + 1):
        made += map(" ".join, zip(*(words[start:] for start in range(size)), strict=False))
    return made


def _within_words(prepared: Function, low: int, high: int) -> Function:
    """Pieces of each word with a space at both ends. A word shorter than any is one, once."""

    def pieces(word: str) -> list[str]:
        padded = f" {word} "
        return _pieces(padded, low, high) if len(padded) >= low else [padded]

    remembered = lru_cache(CACHED)(pieces)

    def call(text: str) -> list[str]:
        made: list[str] = []
        for word in prepared(text).split():
            made += remembered(word) if len(word) <= SHORT else pieces(word)
        return made

    return call


@dataclass(frozen=True, slots=True)
class Count:
    """Tokens -> how often there is each word of the vocabulary, or 1 for each that there is."""

    vocabulary: tuple[str, ...]
    binary: bool = False

    def one(self) -> Function:
        find, binary = self._places().get, self.binary

        def call(tokens: Sequence[str]) -> OneRow:
            counts = Counter(map(find, tokens, repeat(-1)))
            counts.pop(-1, None)
            places = sorted(counts)
            if binary:
                return places, [1.0] * len(places)
            return places, [float(counts[place]) for place in places]

        return call

    def many(self) -> Function:
        find, binary, width = self._places().get, self.binary, len(self.vocabulary)

        def call(texts: Iterable[Sequence[str]]) -> Terms:
            found: list[int] = []
            lengths: list[int] = []
            for tokens in texts:
                found += map(find, tokens, repeat(-1))
                lengths.append(len(tokens))
            places = np.array(found, dtype=np.intp)
            rows = _rows(lengths)
            known = places >= 0
            terms = counted(rows[known], places[known], len(lengths), width)
            if binary:
                terms.values.fill(1.0)
            return terms

        return call

    def _places(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.vocabulary)}


@dataclass(frozen=True, slots=True)
class Hash:
    """Tokens -> how often there is each hash, below `width`.

    signed: the hash's sign is the token's, so that tokens of one place may cancel out; the term is
    there all the same.
    """

    width: int
    signed: bool = True
    binary: bool = False

    def one(self) -> Function:
        place_of, binary = self._place, self.binary
        remembered = lru_cache(CACHED)(place_of)

        def call(tokens: Sequence[str]) -> OneRow:
            counts: dict[int, float] = {}
            for token in tokens:
                place, sign = (remembered if len(token) <= SHORT else place_of)(token)
                counts[place] = counts.get(place, 0.0) + sign
            places = sorted(counts)
            return places, [1.0] * len(places) if binary else [counts[one] for one in places]

        return call

    def many(self) -> Function:
        def call(texts: Iterable[Sequence[str]]) -> Terms:
            known: defaultdict[str, int] = defaultdict()
            known.default_factory = known.__len__
            found: list[int] = []
            lengths: list[int] = []
            for tokens in texts:
                found += map(known.__getitem__, tokens)
                lengths.append(len(tokens))
            hashes = hash_many([token.encode() for token in known])[np.array(found, dtype=np.intp)]
            rows = _rows(lengths)
            signs = np.where(hashes >= 0, 1.0, -1.0) if self.signed else None
            terms = counted(rows, np.abs(hashes) % self.width, len(lengths), self.width, signs)
            if self.binary:
                terms.values.fill(1.0)
            return terms

        return call

    def _place(self, token: str) -> tuple[int, float]:
        made = hash_one(token.encode())
        return abs(made) % self.width, -1.0 if self.signed and made < 0 else 1.0


def _rows(lengths: Sequence[int]) -> Places:
    """The row of each token, of rows of these lengths."""
    return np.repeat(np.arange(len(lengths)), np.array(lengths, dtype=np.intp))
