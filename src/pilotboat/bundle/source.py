"""What is packed and what comes of it: plain values that the steps hand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pilotboat.schema import Schema

Progress = Callable[[str], None]
"""Is called with the name of each step as it begins."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from and where it goes, and what the user said about it.

    engine: "auto", or the one that must answer. types: types stated for single columns. code: Python files that the model needs.
    trust: the user vouches for the artifact and the code. artifact, data: provenance.
    """

    name: str
    repository: Path
    target: str | None = None
    engine: str = "auto"
    types: Mapping[str, str] = field(default_factory=dict)
    code: tuple[Path, ...] = ()
    trust: bool = False
    allow_version_skew: bool = False
    artifact: Mapping[str, Any] | None = None
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What was put into a draft.

    engine: what answers. untrusted: what a deployer must vouch for. proof: of a plan, how it was
    compared with scikit-learn; of a model that is none, why.
    """

    schema: Schema
    engine: str
    untrusted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    proof: Mapping[str, Any] = field(default_factory=dict)
