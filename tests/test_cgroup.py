from __future__ import annotations

from pathlib import Path

import pytest

from pilotboat import serve
from pilotboat.cgroup import FILES, QUOTAS, cpu_limit, memory_limit
from pilotboat.settings import read
from tests.factories import free_port

LONG = "starting and answering take long."


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


@pytest.mark.parametrize("names", QUOTAS)
def test_the_quota_is_read_in_both_layouts(tmp_path: Path, names: tuple[str, ...]) -> None:
    texts = ["10000 100000\n"] if len(names) == 1 else ["10000\n", "100000\n"]
    for name, text in zip(names, texts, strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cpu_limit(tmp_path) == 0.1


@pytest.mark.parametrize("text", ["max 100000", "-1 100000", "0 0", "", "100000", "nonsense 1"])
def test_no_quota_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_limit(tmp_path) is None


def test_no_quota_in_the_older_layout_is_none(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert cpu_limit(tmp_path) is None
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu_limit(tmp_path) is None


@pytest.mark.parametrize(
    ("limit", "workers", "said"),
    [
        (0.1, 1, f"Only 0.1 of a processor is allowed here: {LONG}"),
        (0.25, 2, f"Only 0.25 of a processor is allowed here: {LONG} The 2 workers share it: one would do."),
        (1.0, 2, ""),
        (None, 1, ""),
    ],
)  # fmt: skip
def test_less_than_a_processor_is_a_warning(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    limit: float | None,
    workers: int,
    said: str,
) -> None:
    """D06"""
    monkeypatch.setattr(serve, "cpu_limit", lambda: limit)
    serve.check(read(repository=str(tmp_path), port=free_port(), workers=workers))
    assert caplog.messages == ([said] if said else [])


def test_one_worker_is_what_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """D06"""
    monkeypatch.delenv("PILOTBOAT_WORKERS", raising=False)
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    assert read().workers == 1
