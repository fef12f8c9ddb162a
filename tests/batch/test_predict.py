"""`pilotboat predict` as a process: pipes, terminals, full disks, signals, memory."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pilotboat.cli.main import main
from pilotboat.runtime.model import load
from tests.factories import PILOTBOAT, clean_environment, passengers, run

if os.name == "posix":
    import pty

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    passengers().drop(columns="survived").to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "many.csv"
    write_many(path, 300_000)
    return path


def write_many(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write("x0\n")
        file.writelines(f"{number}.5\n" for number in range(count))


def start(*arguments: Any, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PILOTBOAT, "predict", *map(str, arguments)],
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_file_to_a_file(titanic: Path, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "scored.csv"
    done = run("predict", titanic / "titanic", rows, "-o", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == f"300 rows scored with titanic 1: {out}\n"
    frame = passengers().drop(columns="survived")
    given = load(titanic / "titanic").predict(frame)
    assert given.probabilities is not None
    told = list(csv.reader(io.StringIO(out.read_text())))
    assert told[0][:6] == list(frame.columns)
    assert [row[6] for row in told[1:]] == given.predictions.tolist()
    assert [[float(one) for one in row[7:]] for row in told[1:]] == given.probabilities.tolist()


def test_standard_input_to_standard_output_in_any_locale(titanic: Path, rows: Path) -> None:
    text = rows.read_text().splitlines()
    text = [f"{text[0]},note", *(f"{line},Tromsø" for line in text[1:4])]
    done = subprocess.run(
        [*PILOTBOAT, "predict", titanic / "titanic" / "1", "-"],
        input="\n".join(text).encode(),
        env=clean_environment(LC_ALL="C", PYTHONIOENCODING="ascii"),
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert done.stdout.decode().count("Tromsø") == 3


def left(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str]:
    """The exit code of `pilotboat predict` in this process, and its one line."""
    with pytest.raises(SystemExit) as caught:
        main(["predict", *map(str, arguments)])
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    return int(caught.value.code or 0), said.err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("absent.csv", "No such file"),
        (".", "directory"),
        ("bad.csv", "line 2, column 'age'"),
    ],
)
def test_inputs_that_cannot_be_used(
    titanic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, words: str
) -> None:
    (tmp_path / "bad.csv").write_text("pclass,sex,age,fare,embarked\n1,female,x,8,C\n")
    out = tmp_path / "out.csv"
    code, said = left(capsys, titanic / "titanic", tmp_path / given, "-o", out)
    assert code == 3
    assert words in said
    assert {one.name for one in tmp_path.iterdir()} == {"bad.csv"}


def test_an_output_that_is_there(
    titanic: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    out.write_text("kept")
    code, said = left(capsys, titanic / "titanic", rows, "-o", out)
    assert (code, out.read_text()) == (4, "kept")
    assert "is there already" in said
    assert "--force" in said
    code, said = left(capsys, titanic / "titanic", rows, "-o", out, "--force")
    assert (code, said) == (0, f"300 rows scored with titanic 1: {out}\n")


@linux
def test_a_full_disk_leaves_nothing(line: Path, many: Path, tmp_path: Path) -> None:
    script = (
        "import resource, sys; from pilotboat.cli.main import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)); main(sys.argv[1:])"
    )
    out = tmp_path / "out.csv"
    done = subprocess.run(
        [sys.executable, "-c", script, "predict", line, many, "-o", out],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "cannot be written: File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


@linux
def test_a_full_standard_output(titanic: Path, rows: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = start(titanic / "titanic", rows, stdout=full)
        said = process.communicate()[1]
    assert process.returncode == 4
    assert "No space left on device" in said
    assert "Traceback" not in said


@posix
def test_a_killed_process_shows_no_half_of_a_file(
    titanic: Path, rows: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    with start(titanic / "titanic", "-", "-o", out, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        text = rows.read_text()
        body = text.partition("\n")[2]
        process.stdin.write(text + body * 40)
        process.stdin.flush()
        while not any(one.stat().st_size for one in tmp_path.iterdir()):
            assert process.poll() is None  # it is at work as long as something is written
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()


@posix
def test_a_reader_that_goes_away(line: Path, many: Path) -> None:
    with start(line, many, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "x0,prediction\n"
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == 0
    assert said == ""


def on_terminal(*arguments: Any, stdin: Any = None) -> tuple[int, str]:
    """The exit code of `pilotboat predict`, and what it said to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PILOTBOAT, "predict", *map(str, arguments)],
        env=clean_environment(TERM="xterm"),
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    with suppress(OSError):  # Linux's way of saying that the other side is closed
        while piece := os.read(ours, 65536):
            said += piece
    os.close(ours)
    return process.wait(), said.decode()


@posix
def test_progress_is_for_terminals(titanic: Path, rows: Path) -> None:
    code, said = on_terminal(titanic / "titanic", rows)
    assert code == 0
    assert "scoring" in said
    assert "100%" in said


@posix
def test_a_pipe_by_name_on_a_terminal(titanic: Path, rows: Path) -> None:
    """As a shell's `<(zcat rows.csv.gz)`: its length is not known, so there is no bar."""
    with subprocess.Popen(["cat", rows], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        code, said = on_terminal(titanic / "titanic", "/dev/stdin", stdin=cat.stdout)
    assert (code, said) == (0, "")


@posix
def test_a_terminal_is_no_input(
    titanic: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        code, said = left(capsys, titanic / "titanic", "-")
    os.close(ours)
    assert code == 2
    assert "Standard input is a terminal." in said


PEAK = (
    "import resource, subprocess, sys; "
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


@linux
def test_memory_does_not_grow_with_the_file(line: Path, many: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    write_many(few, 30_000)

    def peak(path: Path) -> int:
        command: list[str | Path] = [sys.executable, "-c", PEAK, *PILOTBOAT, "predict", line, path]
        done = subprocess.run(
            command, env=clean_environment(), capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert peak(many) < peak(few) + 16 * 1024  # KiB; the longer file alone holds more in memory
