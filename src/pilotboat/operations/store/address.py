"""Where a store is: what its URL says, and what of that may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pilotboat.errors import UsageError

SQLITE, POSTGRESQL = "sqlite", "postgresql"
SCHEMES = {"postgresql", "postgres", "postgresql+psycopg"}
HOSTS = re.compile(r"(([\w.-]*|\[[0-9a-fA-F:.]+\])(:\d*)?)(,([\w.-]*|\[[0-9a-fA-F:.]+\])(:\d*)?)*")
EXPECTED = "Expected postgresql://USER:PASSWORD@HOST/NAME or sqlite:////PATH."


@dataclass(frozen=True, slots=True)
class Address:
    """kind: SQLITE or POSTGRESQL. target: the path, or libpq's URL. shown: without any secret.

    secrets: texts that no message may hold.
    """

    kind: str
    target: str = field(repr=False)
    shown: str
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def path(self) -> Path:
        """The file of SQLite."""
        return Path(self.target)


def parse(url: str) -> Address:
    """What `url` names. Raises `UsageError`, which shows nothing of it."""
    scheme, colon, rest = url.strip().partition("://")
    if scheme == SQLITE and rest.startswith("/") and len(rest) > 1:
        return Address(SQLITE, rest[1:], f"SQLite in {rest[1:]}")
    if scheme not in SCHEMES or not colon:
        raise UsageError("The URL of the database is none of those known.", hint=EXPECTED)
    return _postgresql(f"postgresql://{rest}")


def _postgresql(url: str) -> Address:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise unreadable() from None
    user, at, hosts = parts.netloc.rpartition("@")
    # A sign that ends the password too early would make a host of the rest, and hosts are shown.
    if not HOSTS.fullmatch(hosts) or "@" in user or (not at and "@" in url):
        raise unreadable()
    name = unquote(parts.path.removeprefix("/"))
    shown = f"PostgreSQL at {hosts or 'this machine'}{f', database {name!a}' if name else ''}"
    password = user.partition(":")[2]
    secrets = tuple({one for one in (password, unquote(password)) if one})
    return Address(POSTGRESQL, url, shown, secrets)


def unreadable() -> UsageError:
    return UsageError(
        "The URL of the database cannot be read.",
        hint=f"{EXPECTED} In a password write @ as %40, / as %2F, : as %3A, ? as %3F, # as %23.",
    )
