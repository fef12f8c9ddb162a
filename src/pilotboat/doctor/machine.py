"""What the machine gives: processors, memory, files, places to write to."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from pilotboat import scratch
from pilotboat.cgroup import Allowed
from pilotboat.doctor.finding import Finding, fault, ok, warning
from pilotboat.runtime.capacity import MIB, SUPERVISOR, Need
from pilotboat.runtime.sizing import Sizing

FILES = 1024
"""Files that are open beside the connections of requests: models, the idle, the libraries' own."""
THREADS = 3
"""Threads of a worker beside those of the numeric libraries."""


def python() -> Finding:
    """The interpreter and what it runs on."""
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    return ok("python", f"{platform.python_implementation()} {platform.python_version()}, {system}")


def processors(allowed: Allowed, host: int | None) -> Finding:
    """What may be used, and of how much."""
    quota = "no quota" if allowed.quota is None else f"a quota of {allowed.quota:.3g}"
    return ok(
        "processors",
        f"{allowed.processors:.3g}: {quota}, {allowed.affinity} by affinity; "
        f"the machine has {host or 'an unknown number'}",
    )


def sizing(planned: Sizing) -> list[Finding]:
    """What is planned, and what speaks against it."""
    remedy = (
        "Allow more (docker run --cpus), or ask for less (PILOTBOAT_WORKERS, PILOTBOAT_THREADS)."
    )
    against = [warning("sizing", one, remedy) for one in planned.warnings]
    return [ok("sizing", str(planned)), *against]


def memory(allowed: Allowed, need: Need, workers: int, *, supervised: bool) -> list[Finding]:
    """What the workers need of it, and what one more would, which starts while releases change."""
    needed = need.of(workers, supervised=supervised)
    by = f"{_mib(allowed.limit)} allowed" if allowed.limit is not None else "no limit"
    if allowed.limit is None and allowed.available is not None:
        by += f", {_mib(allowed.available)} available"
    each = f"{workers} x ({_mib(need.worker)} + {_mib(need.models)} of models)"
    parts = [f"{_mib(SUPERVISOR)} for the supervisor"] if supervised else []
    parts += [each, *([f"{_mib(need.shared)} shared"] if need.shared else [])]
    parts += [f"{_mib(need.beside)} for the shipper"] if need.beside else []
    says = f"{by}; needs about {_mib(needed)}: {' + '.join(parts)}"
    if allowed.limit is not None and needed > allowed.limit:
        return [fault("memory", says, "Allow more (docker run --memory 512m), or fewer workers.")]
    found = [ok("memory", says)]
    more = need.of(workers + 1, supervised=supervised)
    if supervised and allowed.limit is not None and more > allowed.limit:
        found.append(
            warning(
                "memory",
                f"a worker more, as while releases change, would need about {_mib(more)}",
                f"Allow {_mib(more)} (docker run --memory), or one worker fewer.",
            )
        )
    return found


def tasks(limit: int | None, planned: Sizing) -> Finding:
    """Processes and threads."""
    need = 1 + (planned.workers + 1) * (planned.threads + THREADS)
    if limit is None:
        return ok("tasks", "no limit on processes and threads")
    says = f"{limit} processes and threads allowed, about {need} wanted"
    if limit < need:
        return warning("tasks", says, "Allow more (docker run --pids-limit 128).")
    return ok("tasks", says)


def files(limit: int | None, pending: int) -> Finding:
    """Open files of one process: each request holds a connection."""
    need = FILES + pending
    if limit is None:
        return ok("files", "no limit on open files")
    says = f"{limit:,} open files allowed to a process, {need:,} wanted"
    if limit < need:
        return warning(
            "files", says, "Allow more (ulimit -n 4096; docker run --ulimit nofile=4096)."
        )
    return ok("files", says)


def open_files() -> int | None:
    """How many files this process may open; None where nothing limits it."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - Windows has none

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def shared(workers: int, places: list[Path], *, supervised: bool) -> Finding:
    """The directory for what workers share."""
    if not supervised:
        return ok("shared memory", "one process shares nothing")
    need = scratch.wanted(workers)
    fitting = [one for one in places if (scratch.free(one) or 0) >= need]
    first, room = places[0], scratch.free(places[0])
    has = "is not there or not writable" if room is None else f"has {room:,} bytes free"
    says = f"{first} {has}, {need:,} wanted"
    remedy = "Give it more: docker run --shm-size 16m."
    if not fitting:
        return fault("shared memory", f"{says}, and no other directory has them", remedy)
    if fitting[0] != first:
        return warning("shared memory", f"{says}; {fitting[0]} serves, if it is quick", remedy)
    return ok("shared memory", says)


def temporary(path: Path | None) -> Finding:
    """The directory for temporary files. Serving compiled models needs none."""
    if path is None:
        return ok("temporary", "no directory is writable; serving needs none")
    return ok("temporary", f"{path} is writable")


def state(path: Path) -> Finding:
    """The directory for what is remembered."""
    if path.is_dir() and os.access(path, os.W_OK | os.X_OK):
        return ok("state", f"{path} is writable")
    what = "is not writable" if path.exists() else "is not there"
    return warning(
        "state",
        f"{path} {what}: nothing is remembered between starts",
        f"Make it writable for {_who()}, or name another (PILOTBOAT_STATE).",
    )


def user(number: int | None) -> Finding:
    """Who it runs as."""
    if number == 0:
        return warning("user", "root", "Give the server a user of its own.")
    return ok("user", _who())


def _who() -> str:
    return f"user {os.getuid()}" if hasattr(os, "getuid") else "this user"


def _mib(number: int) -> str:
    return f"{number / MIB:.0f} MiB" if number >= MIB or not number else "1 MiB"
