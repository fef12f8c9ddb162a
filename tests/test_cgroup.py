from __future__ import annotations

from pathlib import Path

import pytest

from pilotboat.cgroup import FILES, memory_limit


@pytest.mark.parametrize("name", FILES)
def test_the_limit_is_read_in_both_layouts(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("67108864\n")
    assert memory_limit(tmp_path) == 64 * 2**20


@pytest.mark.parametrize("text", ["max", "9223372036854771712", "", "nonsense"])
def test_no_limit_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILES[0]).write_text(text)
    assert memory_limit(tmp_path) is None


def test_no_control_group_is_no_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path / "absent") is None
