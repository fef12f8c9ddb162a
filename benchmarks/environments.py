"""The environments of the peers: one each, made from its pinned requirements, made once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.servers import HERE, Server

ENVIRONMENTS = HERE.parent / ".tools" / "bench"
PLOT = HERE / "plot-requirements.txt"
SHARED = ("scikit-learn", "numpy", "scipy", "pandas", "joblib")
"""libraries that every peer has in the version that is here, so that all run the same pipeline"""


class InstallError(Exception):
    """An environment could not be made."""


def environment(server: Server) -> Path:
    """The folder with the programs of its environment, made if need be. Raises `InstallError`."""
    if not server.package:
        return Path(sys.executable).parent
    return install(server.name, server.requirements)


def install(name: str, requirements: Path) -> Path:
    """The folder with the programs of the environment `name`. Raises `InstallError`."""
    folder = ENVIRONMENTS / name
    wanted = requirements.read_text() + constraints()
    stamp, digest = folder / "stamp", hashlib.sha256(wanted.encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        pins = folder / "constraints.txt"
        pins.write_text(constraints())
        pip = [str(folder / "bin" / "pip"), "install", "-r", str(requirements), "-c", str(pins)]
        _run([sys.executable, "-m", "venv", str(folder)], folder / "venv.log")
        _run(pip, folder / "pip.log")
        stamp.write_text(digest)
    return folder / "bin"


def constraints() -> str:
    """The shared libraries in the versions that the project's own environment has."""
    return "".join(f"{name}=={version(name)}\n" for name in SHARED)


def version_of(server: Server, programs: Path) -> str:
    """The version of what serves."""
    if not server.package:
        return version("pilotboat")
    ask = f"from importlib.metadata import version; print(version({server.package!r}))"
    command = [str(programs / "python"), "-c", ask]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()


def _run(command: list[str], log: Path) -> None:
    """Run a command with its output in a file. Raises `InstallError` with the last line of it."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("wb") as output:
        done = subprocess.run(  # noqa: S603
            command, stdout=output, stderr=subprocess.STDOUT, env=clean, check=False
        )
    if done.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        faults = [line for line in lines if line.startswith("ERROR")] or lines
        raise InstallError(f"not installed: {faults[-1] if faults else 'no output'}")
