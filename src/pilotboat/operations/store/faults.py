"""What PostgreSQL's errors mean, in words that hold nothing of the rows.

Codes: PostgreSQL's manual, appendix A.
"""

from __future__ import annotations

import re

from psycopg import Error, errors

MIGRATE = "Run 'pilotboat store migrate'."
DATA = ("22", "23", "54")
"""Classes that are about the rows: data exceptions, constraints, limits of the program."""
NO_PARTITION = "23514"
"""Also what a row gets whose partition has just been dropped; then no constraint is named."""
CAUSES: dict[str, tuple[str, str]] = {
    "42P01": ("lacks a table", MIGRATE),
    "42703": ("has tables of another release", MIGRATE),
    "42P07": ("has another table of that name", "Give the store a database of its own."),
    "3F000": ("lacks the schema that its tables are to be in", MIGRATE),
    "42501": ("does not permit this to the role", "Its tables must belong to the role."),
    "25006": ("takes no writes: it is read-only, or a standby", ""),
    "28P01": ("refuses the password", "Check PILOTBOAT_DATABASE_URL."),
    "28000": ("refuses the role", "Check PILOTBOAT_DATABASE_URL and pg_hba.conf."),
    "3D000": ("is a database that does not exist", "Create it."),
    "53100": ("cannot grow: its disk is full", "Make room there."),
    "53200": ("has no memory left", ""),
    "53300": ("has no connection left", "Raise its max_connections, or run less beside it."),
    "55P03": ("is locked by somebody else", ""),
    "55006": ("is used by somebody else", ""),
    "57014": ("took too long for a statement, and stopped it", ""),
    "40P01": ("stopped one of two writers that waited for each other", ""),
    "57P01": ("is shutting down", ""),
    "57P02": ("has crashed, and restarts", ""),
    "57P03": ("is starting up or shutting down", ""),
}
CLASSES: dict[str, tuple[str, str]] = {
    "08": ("broke the connection", ""),
    "28": ("refuses the role", "Check PILOTBOAT_DATABASE_URL and pg_hba.conf."),
    "53": ("is short of something", "See its log."),
    "57": ("was stopped by its operator", ""),
    "58": ("cannot read or write its files", "See its log."),
    "XX": ("has damaged data, or a fault of its own", "See its log."),
}
LONGEST = 160


def is_data(error: Error) -> bool:
    """Whether the rows are to blame, which will never be stored."""
    code = error.sqlstate
    if code is None:  # found out before anything was sent
        return isinstance(error, errors.DataError)
    if code == NO_PARTITION and not error.diag.constraint_name:
        return False
    return code[:2] in DATA


def named(error: Error) -> str:
    """The name of what happened: "untranslatable character (22P05)"."""
    code = error.sqlstate or ""
    try:
        name = errors.lookup(code).__name__
    except KeyError:
        name = type(error).__name__
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
    return f"{words} ({code})" if code else words


def cause(error: Error) -> tuple[str, str]:
    """What PostgreSQL does, after its name in a sentence, and what to do about it."""
    code = error.sqlstate or ""
    if code == NO_PARTITION:
        return "lacks the partition of a day, which has been removed", ""
    known = CAUSES.get(code) or CLASSES.get(code[:2])
    return known or (f"cannot be used: {named(error)}", "See its log.")


def unreached(error: Error, secrets: tuple[str, ...]) -> str:
    """Why there is no connection, as libpq has it, in a line."""
    if isinstance(error, errors.ConnectionTimeout):
        return "no answer in time"
    text = str(error).strip().split(" failed: ")[-1]
    lines = text.splitlines() or [type(error).__name__]
    line = lines[0].removeprefix("connection failed: ")
    for secret in filter(None, secrets):
        line = line.replace(secret, "***")
    line = re.sub(r"^(FATAL|ERROR):\s*", "", line).rstrip(".")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
