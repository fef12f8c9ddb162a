"""What a good image is held to. Each check is a pass or a fail with one line of reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pilotboat.image import credentials
from pilotboat.image.contents import Contents, ancestors
from pilotboat.image.layers import Entry, Saved

MAX_WASTE = 0.01
"""The part of an image that may be bytes which no container sees."""

LABELS = ("revision", "version", "licenses", "source")
LABEL_PREFIX = "org.opencontainers.image."
SHELLS = {"sh", "bash", "ash", "dash", "ksh", "zsh", "cmd", "powershell"}
FREE = ("tmp", "var/tmp", "dev", "proc", "sys")

_NUMERIC = re.compile(r"\d+(?::\d+)?")
_TOOL = re.compile(
    r"(?:^|/)s?bin/(?:[a-z0-9_]+-linux-[a-z]+-)?(?:(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|gfortran|ld|as)(?:-[\d.]+)?"
    r"|rustc|cargo|make|cmake|pip[\d.]*|pipx|pipenv|poetry|pdm|uv|conda|mamba|npm|curl|wget|git)$"
    r"|(?:site|dist)-packages/pip/__main__\.py$"
)
_CACHE = re.compile(
    r"^var/lib/apt/lists/.|^var/cache/apt/(?:archives/[^/]+\.deb|[^/]+\.bin)$"
    r"|^(?:root|home/[^/]+)/\.cache/.|(?:^|/)\.cache/(?:pip|pypoetry|uv|huggingface)/."
    r"|^var/cache/(?:apk|yum|dnf)/.|^lib/apk/db/cache/.|(?:^|/)conda/pkgs/.|(?:^|/)\.npm/_cacache/."
)


@dataclass(frozen=True, slots=True)
class Config:
    """What an image says of how it is run."""

    user: str = ""
    environment: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    stop_signal: str = ""
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Config:
        """From the `Config` of `docker image inspect`."""
        return cls(
            user=told.get("User") or "",
            environment=tuple(told.get("Env") or ()),
            entrypoint=tuple(told.get("Entrypoint") or ()),
            command=tuple(told.get("Cmd") or ()),
            health=tuple((told.get("Healthcheck") or {}).get("Test") or ()),
            stop_signal=told.get("StopSignal") or "",
            volumes=tuple(told.get("Volumes") or ()),
            labels=dict(told.get("Labels") or {}),
        )


@dataclass(frozen=True, slots=True)
class Image:
    """All that the checks look at."""

    config: Config
    saved: Saved
    contents: Contents


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check."""

    name: str
    passed: bool
    reason: str


def user(image: Image) -> tuple[bool, str]:
    """Numeric: a name cannot be seen to be no root before the container runs."""
    name = image.config.user
    if not name:
        return False, "root: no USER is set"
    if not _NUMERIC.fullmatch(name):
        return False, f"{name}: a name, where Kubernetes' runAsNonRoot wants a number"
    if int(name.partition(":")[0]) == 0:
        return False, f"{name}: root"
    return True, name


def health(image: Image) -> tuple[bool, str]:
    test = image.config.health
    if not test or test[0] == "NONE":
        return False, "there is none"
    if test[0] == "CMD-SHELL" or _is_shell(test[1:]):
        return False, f"runs in a shell: {credentials.redacted(' '.join(test[1:]))}"
    return True, credentials.redacted(" ".join(test[1:]))


def entry_point(image: Image) -> tuple[bool, str]:
    """Exec form: in shell form the shell gets the stop signal, and keeps it to itself."""
    whole = image.config.entrypoint + image.config.command
    said = credentials.redacted(" ".join(whole))
    if not whole:
        return False, "neither an entry point nor a command"
    if _is_shell(image.config.entrypoint) or _is_shell(image.config.command):
        return False, f"shell form: {said}"
    return True, said


def stop_signal(image: Image) -> tuple[bool, str]:
    signal = image.config.stop_signal
    if signal.upper().removeprefix("SIG") in {"KILL", "9"}:
        return False, f"{signal}: nothing can be finished before it"
    return True, signal or "SIGTERM, as always where none is set"


def environment(image: Image) -> tuple[bool, str]:
    labels = [f"{name}={value}" for name, value in (image.config.labels or {}).items()]
    found = [*credentials.in_environment(image.config.environment)]
    found += [*credentials.in_environment(labels)]
    return _none(found, f"{len(image.config.environment)} variables, none looks like a secret")


def history(image: Image) -> tuple[bool, str]:
    lines = image.saved.history
    found = [name for line in lines for name in credentials.in_command(line)]
    return _none(dict.fromkeys(found), f"{len(lines)} steps, none names a secret")


def secret_files(image: Image) -> tuple[bool, str]:
    """In every layer: what a later one deletes is still in the image."""
    found: dict[str, str] = {}
    for number, layer in enumerate(image.saved.layers, 1):
        for entry in layer.entries:
            if why := _secret(entry):
                gone = entry.path not in image.contents.files
                kept = f", deleted later, yet still in layer {number}" if gone else ""
                found.setdefault(entry.path, f"/{entry.path} ({why}{kept})")
    return _none(found.values(), "no keys, credentials or repositories in any layer")


def _secret(entry: Entry) -> str:
    """What is secret about a file, or ""."""
    if entry.kind == "directory" and entry.path.rpartition("/")[2] == ".git":
        return "a repository with its history"
    if entry.kind == "file" and entry.size and credentials.secret_path(entry.path):
        return entry.found or "by its name"
    return entry.found


def setuid(image: Image) -> tuple[bool, str]:
    found = [f"/{one.path}" for one in _files(image) if one.mode & 0o6000]
    return _none(found, "no file lends its owner's rights")


def writable(image: Image) -> tuple[bool, str]:
    """By the image's user or by everybody, where it is not meant to write."""
    uid, gid = _identity(image)
    if uid == 0:
        return False, "everything: the user is root"
    free = {*FREE, *(volume.strip("/") for volume in image.config.volumes)}
    found: dict[str, None] = {}
    for path, entry in image.contents.files.items():
        right = 0o002 | (0o200 if entry.uid == uid else 0o020 if entry.gid == gid else 0)
        above = {path, *ancestors(path)}
        counts = entry.kind not in {"symlink", "device"} and not above & (free | found.keys())
        if entry.mode & right and counts:
            found[path] = None
    meant = ", ".join(f"/{one}" for one in sorted(free - {"proc", "sys"}))
    return _none((f"/{path}" for path in found), f"only {meant}")


def tools(image: Image) -> tuple[bool, str]:
    """Whatever helps a stranger to bring more. A symlink that leads nowhere is no tool."""
    named = [path for path in image.contents.files if _TOOL.search(path)]
    found = [f"/{path}" for path in named if image.contents.follow(path)]
    return _none(found, "no compiler, package installer, curl, wget or git")


def caches(image: Image) -> tuple[bool, str]:
    found = [one for one in _files(image) if one.size and _CACHE.search(one.path)]
    size = human(sum(one.size for one in found))
    if found:
        return False, f"{size} in {_some([f'/{one.path}' for one in found])}"
    return True, "no package lists, no downloads"


def labels(image: Image) -> tuple[bool, str]:
    told = image.config.labels or {}
    values = {name: told.get(LABEL_PREFIX + name, "") for name in LABELS}
    absent = [name for name, value in values.items() if value in {"", "unknown"}]
    if absent:
        return False, f"{LABEL_PREFIX}{{{', '.join(absent)}}} not set"
    return True, f"version {values['version']}, revision {values['revision'][:12]}"


def waste(image: Image) -> tuple[bool, str]:
    wasted, size = image.contents.wasted_bytes, sum(layer.size for layer in image.saved.layers)
    part = wasted / size if size else 0.0
    reason = f"{human(wasted)} that no container sees, {part:.1%} of the image"
    return part < MAX_WASTE, reason


CHECKS: Mapping[str, Callable[[Image], tuple[bool, str]]] = {
    "user": user,
    "health check": health,
    "entry point": entry_point,
    "stop signal": stop_signal,
    "environment": environment,
    "history": history,
    "secret files": secret_files,
    "setuid, setgid": setuid,
    "writable paths": writable,
    "tools": tools,
    "caches": caches,
    "labels": labels,
    "waste": waste,
}
"""name -> what it looks at"""


def run(image: Image) -> tuple[Check, ...]:
    """Every check."""
    return tuple(Check(name, *check(image)) for name, check in CHECKS.items())


def human(size: int) -> str:
    """Bytes as Docker writes them: decimal units."""
    if size < 1000:  # noqa: PLR2004
        return f"{size} B"
    if size < 1000**2:
        return f"{size / 1000:.1f} kB"
    return f"{size / 1000**2:.1f} MB"


def _is_shell(command: Sequence[str]) -> bool:
    return len(command) > 1 and command[0].rpartition("/")[2] in SHELLS and command[1] == "-c"


def _files(image: Image) -> Iterator[Entry]:
    return (one for one in image.contents.files.values() if one.kind in {"file", "link"})


def _identity(image: Image) -> tuple[int, int]:
    """User and group by number; a name as /etc/passwd has it."""
    name, _, group = image.config.user.partition(":")
    passwd = next((one.passwd for one in reversed(image.saved.layers) if one.passwd), "")
    for line in passwd.splitlines():
        known, _, uid, gid, *_ = [*line.split(":"), "", "", "", ""]
        if name in {known, uid} and uid.isdecimal() and gid.isdecimal():
            return int(uid), int(group) if group.isdecimal() else int(gid)
    return int(name) if name.isdecimal() else 0, int(group) if group.isdecimal() else 0


def _none(found: Iterable[str], otherwise: str) -> tuple[bool, str]:
    named = list(found)
    return (False, _some(named)) if named else (True, otherwise)


def _some(named: Sequence[str]) -> str:
    """The first few, and how many more."""
    shown = 2
    more = f" and {len(named) - shown} more" if len(named) > shown else ""
    return ", ".join(named[:shown]) + more
