"""Load: wrk, with as many connections as asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("cycle.lua")


class MissingProgramError(Exception):
    """wrk is not installed."""


class LoadError(Exception):
    """wrk could not put load on a server."""


@dataclass(frozen=True)
class Load:
    """What a server did under load for `seconds`.

    requests: answers of any status. refused: those of status 400 and above. broken: connections
    that failed, broke or timed out. cpu_ms: processor time of the server a request, milliseconds.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int
    cpu_ms: float = 0.0

    @property
    def rate(self) -> float:
        """Requests a second that were not refused."""
        return (self.requests - self.refused) / self.seconds

    @property
    def errors(self) -> int:
        """Refused and broken ones."""
        return self.refused + self.broken


def require() -> str:
    """The path of wrk. Raises `MissingProgramError`."""
    found = shutil.which("wrk")
    if found is None:
        raise MissingProgramError("wrk is not installed: apt install wrk")
    return found


def write(bodies: Sequence[bytes], path: Path) -> Path:
    """The file that wrk reads the bodies from, one a line."""
    path.write_bytes(b"".join(body + b"\n" for body in bodies))
    return path


def run(url: str, bodies: Path, connections: int, seconds: float) -> Load:
    """Post the bodies in turn to `url` for that many seconds (whole ones, for wrk knows no other).

    Raises `LoadError`.
    """
    duration = max(1, round(seconds))
    command = [require(), "--threads", "1", "--connections", f"{connections}"]
    command += ["--duration", f"{duration}s", "--timeout", "30s", "--script", str(SCRIPT)]
    command += [url, "--", str(bodies)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise LoadError(f"wrk: {(done.stderr or done.stdout).strip()}")
    return parse(done.stdout)


def parse(output: str) -> Load:
    """What wrk printed. Raises `LoadError`."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise LoadError(f"wrk said nothing of use: {output.strip()[-200:]}")
    return Load(**json.loads(lines[-1]))
