"""API keys: how one is made, how a line of the keys file states it, and what it opens.

A key is `pb_ID_SECRET`, and its secret 256 random bits in hexadecimal digits, which no shell, URL or
YAML reads as anything else. What is kept is its SHA-256: a slow hash protects passwords that can be
guessed, and nobody guesses 256 bits.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from pilotboat.bundle.manifest import NAME

PREDICT, METRICS, ADMIN = "predict", "metrics", "admin"
SCOPES = (PREDICT, METRICS, ADMIN)
ID = re.compile(r"[A-Za-z0-9-]{1,64}")
PLAIN = re.compile(r"pb_[A-Za-z0-9-]+_[0-9a-f]+")
MOST = 4096
"""Keys of one server: so many have a meter (see `operations.seat`)."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key that is known, by its digest alone.

    scopes: what it opens: predict, predict:MODEL, metrics, admin. rate: requests a second; 0: any
    number. index: its place among the keys, and that of its meter.
    """

    id: str
    digest: bytes
    scopes: frozenset[str]
    rate: float = 0.0
    index: int = 0

    def opens(self, scope: str) -> bool:
        """Whether it is of that scope, or of one that holds it."""
        return scope in self.scopes or (PREDICT in self.scopes and scope.startswith("predict:"))

    def may(self, model: str | None) -> bool:
        """Whether it may use that model; None: whichever there is."""
        scopes = self.scopes
        return PREDICT in scopes or (model is not None and f"predict:{model}" in scopes)


class Ring:
    """The keys that are known."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = {key.id.encode(): key for key in keys}
        self._nobody = Key("", sha256(secrets.token_bytes()).digest(), frozenset())

    def find(self, credential: bytes) -> Key | None:
        """The key that a caller has shown; None: it is not known here.

        Takes as long for an id that is known as for one that is not.
        """
        key = self.keys.get(credential[3:-65], self._nobody)
        if hmac.compare_digest(sha256(credential).digest(), key.digest):
            return key
        return None


def fresh(name: str) -> str:
    """A new key."""
    return f"pb_{name}_{secrets.token_hex(32)}"


def line(key: str, scopes: Sequence[str], rate: float | None = None) -> str:
    """The line of the keys file that makes `key` known. rate: its own; None: the server's."""
    name = key.split("_")[1]
    limit = [] if rate is None else ["rate=" + f"{rate:.6f}".rstrip("0").rstrip(".")]
    return " ".join([f"{name}:{sha256(key.encode()).hexdigest()}", *scopes, *limit])


def parse(text: str, rate: float = 0.0) -> Ring:
    """The keys that the lines of a keys file state. rate: of keys that state none.

    Raises `ValueError` with the number of every faulty line and what is wrong with it; what stands
    there is not repeated.
    """
    keys: dict[str, Key] = {}
    digests: set[bytes] = set()
    faults = []
    for number, one in enumerate(text.splitlines(), 1):
        if not one.strip() or one.lstrip().startswith("#"):
            continue
        try:
            key = _key(one.split(), rate, len(keys))
            if key.id in keys or key.digest in digests:
                raise ValueError("has an id or a key that is there already")
        except ValueError as error:
            faults.append(f"line {number} {error}")
            continue
        keys[key.id] = key
        digests.add(key.digest)
    if len(keys) > MOST:
        faults.append(f"there are more than {MOST:,} of them")
    if faults:
        raise ValueError("; ".join(faults))
    return Ring(list(keys.values()))


def _key(words: list[str], rate: float, index: int) -> Key:
    """The key of one line."""
    name, colon, digest = words[0].partition(":")
    if any(PLAIN.search(word) for word in words):
        raise ValueError("holds a key itself, which is for its user alone")
    if not colon or not ID.fullmatch(name):
        raise ValueError("begins with no id and colon")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ValueError("has no SHA-256 of 64 hexadecimal digits, in lower case, after the id")
    scopes = set()
    for word in words[1:]:
        if word.startswith("rate="):
            rate = _rate(word.removeprefix("rate="))
        elif is_scope(word):
            scopes.add(word)
        else:
            raise ValueError(
                f"has a word that is none of {', '.join(SCOPES)}, predict:MODEL, rate=NUMBER"
            )
    return Key(name, bytes.fromhex(digest), frozenset(scopes or {PREDICT}), rate, index)


def is_scope(word: str) -> bool:
    """Whether a word is a scope."""
    name, colon, model = word.partition(":")
    return word in SCOPES or (name == PREDICT and bool(colon) and bool(NAME.fullmatch(model)))


def _rate(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,6})?", text):
        raise ValueError("has a rate that is no number of requests a second")
    return float(text)
