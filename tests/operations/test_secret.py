from __future__ import annotations

import os
from pathlib import Path

import pytest

from pilotboat.operations.secret import Unusable, is_kept, read

posix = pytest.mark.skipif(os.name != "posix", reason="has no modes")


def written(path: Path, content: bytes, mode: int = 0o600) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"s3cret", "s3cret"),
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b"\xef\xbb\xbfs3cret\r\n\r\n", "s3cret"),
        (b" s3cret \n", " s3cret "),
        (b"a\nb\n", "a\nb"),
    ],
)
def test_a_secret_ends_where_its_last_line_does(tmp_path: Path, content: bytes, text: str) -> None:
    assert read(written(tmp_path / "file", content)) == text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\r\n \n", "empty"),
        (b"\xff\xfes3cret", "UTF-8"),
        (b"s3cret" * 200_000, "at most"),
    ],
)
def test_what_is_no_secret_is_said_and_not_shown(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    said = read(written(tmp_path / "file", content))
    assert isinstance(said, Unusable)
    assert reason in said.reason
    assert "s3cret" not in said.reason


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    said = [read(str(path)) for path in (tmp_path, tmp_path / "absent", "a\0b", "")]
    reasons = [one.reason for one in said if isinstance(one, Unusable)]
    assert len(reasons) == len(said)
    assert "it is none" in reasons[0]
    assert "No such file" in reasons[1]


@posix
def test_a_file_that_everyone_may_read_is_refused(tmp_path: Path) -> None:
    assert read(written(tmp_path / "group", b"s3cret", 0o640)) == "s3cret"
    said = read(written(tmp_path / "all", b"s3cret", 0o644))
    assert said == Unusable("expected a file that not everyone may read: chmod o= it")


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    said = read(written(tmp_path / "file", b"s3cret", 0o000))
    assert said == Unusable("expected a file that can be read: Permission denied")


@posix
def test_only_the_engine_s_folders_are_excused() -> None:
    assert is_kept("/run/secrets/keys")
    assert is_kept("/var/run/secrets/app/keys")
    for path in (
        "/run/secrets/../../tmp/keys",
        "/run/secrets",
        "/run/secretsx/a",
        "/tmp/run/secrets/a",
    ):
        assert not is_kept(path)
