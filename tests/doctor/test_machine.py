from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pilotboat.cgroup import Allowed
from pilotboat.doctor import machine
from pilotboat.doctor.finding import Finding
from pilotboat.runtime.capacity import MIB, Need
from pilotboat.runtime.sizing import Sizing
from pilotboat.scratch import wanted

NEED = Need(40 * MIB, 10 * MIB, 100 * MIB)


def marks(found: Sequence[Finding]) -> list[str]:
    return [one.mark for one in found]


def test_processors_are_told_beside_what_the_machine_has() -> None:
    assert machine.processors(Allowed(4, 0.5), 64).says == (
        "0.5: a quota of 0.5, 4 by affinity; the machine has 64"
    )
    assert machine.processors(Allowed(4), None).says == (
        "4: no quota, 4 by affinity; the machine has an unknown number"
    )


def test_what_speaks_against_a_plan_is_a_warning_each() -> None:
    found = machine.sizing(Sizing(2, 1, ("because",), ("one", "two")))
    assert marks(found) == ["ok", "warning", "warning"]
    assert found[0].says == "2 workers of 1 thread each: because"
    assert found[1].remedy


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (239, ["fault"]),
        (240, ["ok", "warning"]),
        (289, ["ok", "warning"]),
        (290, ["ok"]),
        (None, ["ok"]),
    ],
)
def test_memory_for_the_workers_and_for_one_more(limit: int | None, expected: list[str]) -> None:
    """D05; a worker more runs while releases change."""
    allowed = Allowed(4, None, None if limit is None else limit * MIB, 5000 * MIB)
    found = machine.memory(allowed, NEED, 2, supervised=True)
    assert marks(found) == expected
    assert "needs about 240 MiB: 40 MiB for the supervisor + 2 x (40 MiB + 10 MiB" in found[0].says
    assert ("5000 MiB available" in found[0].says) == (limit is None)


def test_one_process_has_no_supervisor_and_no_roll() -> None:
    found = machine.memory(Allowed(1, None, 150 * MIB), NEED, 1, supervised=False)
    assert marks(found) == ["ok"]
    assert "supervisor" not in found[0].says


def test_too_few_tasks() -> None:
    planned = Sizing(2, 4, ())
    assert machine.tasks(None, planned).mark == "ok"
    assert machine.tasks(128, planned).mark == "ok"
    assert machine.tasks(21, planned).mark == "warning"
    assert machine.tasks(22, planned).mark == "ok"


def test_too_few_files() -> None:
    assert machine.files(None, 512).mark == "ok"
    assert machine.files(1536, 512).mark == "ok"
    found = machine.files(1535, 512)
    assert found.mark == "warning"
    assert "ulimit" in found.remedy


def test_the_limit_on_files_is_that_of_the_process() -> None:
    code = "from pilotboat.doctor import machine; print(machine.open_files())"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (321, hard))

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=little,
    )
    assert done.stdout == "321\n"


def test_shared_memory(tmp_path: Path) -> None:
    """C15, D03"""
    absent = tmp_path / "absent"
    assert machine.shared(2, [absent], supervised=False).mark == "ok"
    assert machine.shared(2, [tmp_path], supervised=True).mark == "ok"
    elsewhere = machine.shared(2, [absent, tmp_path], supervised=True)
    assert elsewhere.mark == "warning"
    assert f"{tmp_path} serves" in elsewhere.says
    none = machine.shared(2, [absent], supervised=True)
    assert none.mark == "fault"
    assert f"{wanted(2):,} wanted" in none.says


def test_no_temporary_directory_is_no_fault(tmp_path: Path) -> None:
    """D02"""
    assert machine.temporary(None).mark == "ok"
    assert machine.temporary(tmp_path).says == f"{tmp_path} is writable"


def test_a_state_directory_that_is_absent_is_a_warning(tmp_path: Path) -> None:
    assert machine.state(tmp_path).mark == "ok"
    found = machine.state(tmp_path / "absent")
    assert (found.mark, "is not there" in found.says) == ("warning", True)
    (tmp_path / "file").touch()
    assert "is not writable" in machine.state(tmp_path / "file").says


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_directory_that_may_not_be_written_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert machine.state(tmp_path).mark == "warning"


def test_root_is_a_warning() -> None:
    """D01"""
    assert machine.user(0).mark == "warning"
    assert machine.user(1000).mark == "ok"
    assert machine.user(None).mark == "ok"


def test_the_interpreter_is_named() -> None:
    assert sys.version.split()[0] in machine.python().says
