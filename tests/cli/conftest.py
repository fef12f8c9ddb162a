"""A command in this process, and what it said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pilotboat.cli.main import main


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def pilotboat(capsys: pytest.CaptureFixture[str]) -> Command:
    """`pilotboat ARGUMENTS` in this process."""

    def command(*arguments: str | Path) -> Said:
        with pytest.raises(SystemExit) as left:
            main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Said(left.value.code, out, err)

    return command
