"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. name: of what was looked at. remedy: what to do about it, or ""."""

    mark: Mark
    name: str
    says: str
    remedy: str = ""


def ok(name: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding("ok", name, says)


def warning(name: str, says: str, remedy: str = "") -> Finding:
    """It serves all the same."""
    return Finding("warning", name, says, remedy)


def fault(name: str, says: str, remedy: str = "") -> Finding:
    """It does not serve, or not everything."""
    return Finding("fault", name, says, remedy)
