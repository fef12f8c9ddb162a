from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pilotboat.errors import EnvironmentFault
from pilotboat.scratch import SHARED_MEMORY, choose, free, places, temporary, wanted


def test_the_first_with_room_is_chosen(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert choose(2, [absent, tmp_path, Path.cwd()]) == tmp_path


def test_no_room_names_each_directory_and_the_bytes(tmp_path: Path) -> None:
    """C15, D03"""
    many = (free(tmp_path) or 0) // 2**18 + 1
    with pytest.raises(EnvironmentFault) as caught:
        choose(many, [tmp_path / "absent", tmp_path])
    assert f"{wanted(many):,} bytes" in caught.value.detail
    assert f"{tmp_path / 'absent'} is not writable" in caught.value.detail
    assert f"{tmp_path} has " in caught.value.detail
    assert "--shm-size" in caught.value.hint


def test_more_workers_want_more() -> None:
    assert 2**20 < wanted(1) < wanted(2)


def test_memory_comes_first() -> None:
    assert places() == [SHARED_MEMORY, temporary()]


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o600)
    assert free(tmp_path / "file") is None


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX")
def test_where_no_directory_is_writable_there_is_none_for_temporary_files() -> None:
    """D02: a root that is read-only, and no HOME."""
    code = (
        "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc', '/nowhere']\n"
        "from pilotboat import scratch; print(scratch.temporary(), *scratch.places())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout.split() == ["None", "/dev/shm"]
