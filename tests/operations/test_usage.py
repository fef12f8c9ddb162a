from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pilotboat.operations import usage
from pilotboat.operations.metrics import Metrics
from pilotboat.operations.seat import Seat


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own files")
def test_files_that_are_open_are_counted(tmp_path: Path) -> None:
    before = usage.files()
    assert before is not None
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        assert usage.files() == before + 2
    assert usage.files() == before


def test_what_cannot_be_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "PROC", tmp_path / "nowhere")
    assert usage.memory() is None
    assert usage.files() is None
    page, _ = Metrics(Seat(), "1").page()
    assert b"\nprocess_open_fds " not in page
    assert b"\nprocess_cpu_seconds_total " in page
