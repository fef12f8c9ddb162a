from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pilotboat.cgroup import (
    FILES,
    QUOTAS,
    TASKS,
    Allowed,
    affinity,
    allowed,
    cpu_limit,
    memory_available,
    memory_limit,
    processors,
    task_limit,
)

OLDER = "4:memory:/outer/inner\n3:pids:/outer/inner\n2:cpuacct,cpu:/outer/inner\n1:name=systemd:/\n"
NEWER = "0::/outer/inner\n"

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    return written


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Where a process writes which groups it is in: in the outermost."""
    path = tmp_path / "own"
    path.write_text("0::/\n")
    return path


@pytest.mark.parametrize("name", FILES)
def test_the_limit_is_read_in_both_layouts(
    tmp_path: Path, own: Path, write: Write, name: str
) -> None:
    write(name, "67108864\n")
    assert memory_limit(tmp_path, own) == 64 * 2**20


@pytest.mark.parametrize("text", ["max", "9223372036854771712", "", "nonsense"])
def test_no_limit_is_none(tmp_path: Path, own: Path, write: Write, text: str) -> None:
    write(FILES[0], text)
    assert memory_limit(tmp_path, own) is None


def test_no_control_group_is_no_limit(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert memory_limit(absent, absent) is None
    assert cpu_limit(absent, absent) is None
    assert task_limit(absent, absent) is None


@pytest.mark.parametrize("name", TASKS)
def test_processes_are_limited_in_both_layouts(
    tmp_path: Path, own: Path, write: Write, name: str
) -> None:
    write(name, "128\n")
    assert task_limit(tmp_path, own) == 128


@pytest.mark.parametrize("names", QUOTAS)
def test_the_quota_is_read_in_both_layouts(
    tmp_path: Path, own: Path, write: Write, names: tuple[str, ...]
) -> None:
    texts = ["10000 100000\n"] if len(names) == 1 else ["10000\n", "100000\n"]
    for name, text in zip(names, texts, strict=True):
        write(name, text)
    assert cpu_limit(tmp_path, own) == 0.1


@pytest.mark.parametrize("text", ["max 100000", "-1 100000", "0 0", "", "100000", "nonsense 1"])
def test_no_quota_is_none(tmp_path: Path, own: Path, write: Write, text: str) -> None:
    write("cpu.max", text)
    assert cpu_limit(tmp_path, own) is None


def test_no_quota_in_the_older_layout_is_none(tmp_path: Path, own: Path, write: Write) -> None:
    write("cpu/cpu.cfs_quota_us", "-1\n")
    assert cpu_limit(tmp_path, own) is None
    write("cpu/cpu.cfs_period_us", "100000\n")
    assert cpu_limit(tmp_path, own) is None


@pytest.mark.parametrize(
    ("inner", "outer", "quota"),
    [
        ("max 100000", "150000 100000", 1.5),
        ("300000 100000", "150000 100000", 1.5),
        ("50000 100000", "150000 100000", 0.5),
        ("50000 100000", "max 100000", 0.5),
        ("max 100000", "max 100000", None),
    ],
)
def test_the_smallest_quota_on_the_way_up_counts(
    tmp_path: Path, own: Path, write: Write, inner: str, outer: str, quota: float | None
) -> None:
    own.write_text(NEWER)
    write("outer/cpu.max", outer)
    write("outer/inner/cpu.max", inner)
    write("outer/beside/cpu.max", "1000 100000")
    assert cpu_limit(tmp_path, own) == quota


def test_so_it_is_in_the_older_layout(tmp_path: Path, own: Path, write: Write) -> None:
    own.write_text(OLDER)
    for place, quota, limit, tasks in (("outer", "200000", "1000", "50"), ("outer/inner", "-1", "9000", "max")):  # fmt: skip
        write(f"cpu/{place}/cpu.cfs_quota_us", quota)
        write(f"cpu/{place}/cpu.cfs_period_us", "100000")
        write(f"memory/{place}/memory.limit_in_bytes", limit)
        write(f"pids/{place}/pids.max", tasks)
    assert cpu_limit(tmp_path, own) == 2
    assert memory_limit(tmp_path, own) == 1000
    assert task_limit(tmp_path, own) == 50


def test_a_container_sees_its_group_as_the_root(tmp_path: Path, own: Path, write: Write) -> None:
    own.write_text("0::/docker/0123456789ab\n4:memory:/docker/0123456789ab\n")
    write("memory/memory.limit_in_bytes", "2000")
    write("cpu.max", "50000 100000")
    assert memory_limit(tmp_path, own) == 2000
    assert cpu_limit(tmp_path, own) == 0.5


def test_a_group_outside_of_what_is_visible_is_the_root(
    tmp_path: Path, own: Path, write: Write
) -> None:
    own.write_text("0::/../../elsewhere\n")
    write("cpu.max", "50000 100000")
    (tmp_path.parent / "elsewhere").mkdir(exist_ok=True)
    (tmp_path.parent / "elsewhere" / "cpu.max").write_text("1 100000")
    assert cpu_limit(tmp_path, own) == 0.5


@pytest.mark.parametrize(
    ("processors", "quota", "may"), [(8, 2.5, 2.5), (2, 8.0, 2), (4, None, 4), (1, 0.1, 0.1)]
)
def test_the_least_of_quota_and_affinity(processors: int, quota: float | None, may: float) -> None:
    assert Allowed(processors, quota).processors == may


def test_memory_is_what_is_allowed_else_what_is_there() -> None:
    assert Allowed(1, None, 5, 7).memory == 5
    assert Allowed(1, None, None, 7).memory == 7
    assert Allowed(1).memory is None


def test_available_memory_is_read(tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    assert memory_available(file) is None
    file.write_text("MemTotal:  100 kB\nMemFree:  2 kB\nMemAvailable:    30 kB\n")
    assert memory_available(file) == 30 * 1024
    file.write_text("MemTotal:  100 kB\n")
    assert memory_available(file) is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_process_bound_to_a_processor_has_one() -> None:
    code = (
        "import os; from pilotboat.cgroup import affinity, processors;"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); print(affinity(), processors() <= 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "True"]


def test_where_there_is_no_affinity_the_processors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sched_getaffinity", "process_cpu_count"):  # the second asks the first
        monkeypatch.delattr(os, name, raising=False)
    assert affinity() >= 1


def test_what_is_allowed_here() -> None:
    here = allowed()
    assert 0 < processors() <= here.affinity <= (os.cpu_count() or 1)
