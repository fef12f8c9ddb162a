from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from pilotboat import scratch
from pilotboat.errors import EnvironmentFault
from pilotboat.operations.directory import find, made

PORT = 64_001


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scratch, "SHARED_MEMORY", tmp_path)
    return tmp_path


def test_it_is_there_while_the_server_runs(place: Path) -> None:
    with made(PORT, place) as mine:
        assert mine.path.parent == place
        assert mine.path.stat().st_mode & 0o777 == 0o700
        mine.write({"pid": 7})
        found = find(PORT)
        assert found is not None
        assert found.read() == {"pid": 7}
        assert find(PORT + 1) is None
    assert find(PORT) is None


def test_what_a_killed_server_left_is_removed(place: Path) -> None:
    with made(PORT, place) as mine:
        (mine.path / "left").touch()
        with made(PORT, place) as next_one:
            assert list(next_one.path.iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_lies_in_wait_is_not_used(place: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").touch()
    path = place / f"pilotboat-{os.geteuid()}-{PORT}"
    if kind == "link":
        path.symlink_to(target)
    else:
        path.touch()
    with pytest.raises(EnvironmentFault, match=str(path)), made(PORT, place):
        pass
    assert (target / "file").exists()


def test_a_process_that_was_forked_leaves_it(place: Path) -> None:
    child = 0
    with suppress(SystemExit), made(PORT, place) as mine:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            assert mine.path.exists()
        raise SystemExit
    if not child:
        os._exit(0)
    assert not mine.path.exists()
