"""Files are sniffed and packed in a child process with limits; what comes back is plain JSON.

Parent and child speak in lines on the child's standard output: `{"step": …}` while it works, then
`{"done": …}` or `{"error": …}`. No object ever crosses.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pilotboat.bundle.source import Progress, Source
from pilotboat.errors import ArtifactError, LimitHitError, PilotboatError, from_report

GIB = 2**30
KEPT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV")
KEPT_PREFIXES = ("LC_", "PYTHON", "LD_", "DYLD_", "COVERAGE_", "COV_")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a packing process may use, where the platform can limit it.

    memory: bytes of address space. cpu: seconds of processor time. time: seconds on the clock.
    """

    memory: int = 64 * GIB
    cpu: int = 3600
    time: int = 3600


def sniff(path: Path, limits: Limits | None = None) -> dict[str, Any]:
    """What the bytes of an artifact say, without running any of it. Raises `ArtifactError`."""
    task = {"task": "sniff", "path": str(path)}
    return _run(task, limits or Limits(), lambda _step: None)


def pack_file(
    path: Path, data: Any, source: Source, limits: Limits, progress: Progress
) -> dict[str, Any]:
    """Pack an artifact file. Returns `{"path", "notes"}`; raises what the child raised."""
    plain = asdict(source) | {
        "repository": str(source.repository.absolute()),
        "code": [str(file.absolute()) for file in source.code],
    }
    with _as_file(data) as file:
        task = {"task": "pack", "path": str(path.absolute()), "source": plain, "data": file}
        return _run(task, limits, progress)


@contextmanager
def _as_file(data: Any) -> Iterator[dict[str, str] | None]:
    """Training rows where the child finds them: a path as it is, an object as the parent's own."""
    if data is None:
        yield None
    elif isinstance(data, str | os.PathLike):
        yield {"file": str(Path(data).absolute())}
    else:
        from pilotboat.bundle.data import as_frame  # noqa: PLC0415 - pandas, only where it is used

        with tempfile.TemporaryDirectory() as folder:
            kept = Path(folder) / "rows"
            as_frame(data).to_pickle(kept)
            yield {"frame": str(kept)}


def _run(task: dict[str, Any], limits: Limits, progress: Progress) -> dict[str, Any]:
    develop = ["-X", "dev"] if sys.flags.dev_mode else []
    command = [sys.executable, *develop, "-m", "pilotboat.bundle.child"]
    task = task | {"limits": asdict(limits)}
    with subprocess.Popen(  # noqa: S603 - our own module under our own interpreter
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    ) as child:
        timer = threading.Timer(limits.time, child.kill)
        timer.start()
        try:
            report = _converse(child, json.dumps(task).encode(), progress)
        except BaseException:
            child.kill()
            raise
        finally:
            late = not timer.is_alive()
            timer.cancel()
        child.wait()
    if "done" in report:
        done: dict[str, Any] = report["done"]
        return done
    if "error" in report:
        raise from_report(report["error"])
    raise _died(child.returncode, limits, late=late)


def environment() -> dict[str, str]:
    """What of the environment the child sees: no secrets, one thread a library."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or name.startswith(KEPT_PREFIXES)
    }
    return dict.fromkeys(THREADS, "1") | kept


def _converse(
    child: subprocess.Popen[bytes], task: bytes, progress: Callable[[str], None]
) -> dict[str, Any]:
    assert child.stdin is not None  # noqa: S101 - both are pipes, as asked for
    assert child.stdout is not None  # noqa: S101
    try:
        child.stdin.write(task)
        child.stdin.close()
    except BrokenPipeError:
        return {}
    for line in child.stdout:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if "step" in said:
            progress(said["step"])
        else:
            return dict(said)
    return {}


def _died(code: int, limits: Limits, *, late: bool) -> PilotboatError:
    """The error for a child that ended without a word."""
    if late:
        what, option = f"{limits.time} seconds", "--time-limit"
        return LimitHitError(
            f"Reading the artifact took longer than {what}.",
            hint=f"If it is honest, allow more: {option}.",
            limit="time",
        )
    if code in (-getattr(signal, "SIGXCPU", 24), -getattr(signal, "SIGKILL", 9)):
        cpu = code == -getattr(signal, "SIGXCPU", 24)
        what = f"{limits.cpu} seconds of processor time" if cpu else "more memory than there is"
        return LimitHitError(
            f"Reading the artifact needed {what if not cpu else 'more than ' + what}.",
            hint="If it is honest, allow more: --cpu-limit." if cpu else "Use a larger machine.",
            limit="cpu" if cpu else "memory",
        )
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return ArtifactError(
        f"The process that read the artifact ended with {how}.",
        hint="The file is damaged, or made to do harm.",
    )
