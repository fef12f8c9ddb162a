"""The names that a fitted pipeline needs, and how each may be used.

The list is `allowlist.txt`, by exact name. It says three things apart, because a name that is
harmless to mention may be harmful to call:

made     classes whose instances are made empty and get their state back
called   functions and classes that are called while reading
named    functions, classes and constants that are only referred to
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Allowlist:
    """The sections of the list."""

    made: frozenset[str]
    called: frozenset[str]
    named: frozenset[str]

    def __contains__(self, name: object) -> bool:
        return name in self.made or name in self.called or name in self.named


def allowed(name: str) -> bool:
    """Whether `name`, as "module.name", may occur in an artifact that nobody vouches for."""
    return name in allowlist()


@cache
def allowlist() -> Allowlist:
    """The list, read once."""
    sections: dict[str, set[str]] = {"made": set(), "called": set(), "named": set()}
    names: set[str] = set()
    text = files(__package__).joinpath("allowlist.txt").read_text("utf-8")
    for line in text.splitlines():
        entry = line.partition("#")[0].strip()
        if entry.startswith("["):
            names = sections[entry.strip("[]")]
        elif entry:
            names.add(entry)
    return Allowlist(**{section: frozenset(found) for section, found in sections.items()})
