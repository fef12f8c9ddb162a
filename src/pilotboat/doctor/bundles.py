"""The repository and each bundle in it."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from pilotboat.bundle import archive
from pilotboat.bundle.archive import Bundle
from pilotboat.doctor.finding import Finding, fault, ok, warning
from pilotboat.errors import EnvironmentFault, PilotboatError
from pilotboat.runtime.capacity import MIB
from pilotboat.runtime.model import check_versions, load
from pilotboat.runtime.repository import bundles
from pilotboat.settings import Settings

NEEDS = {"plan": (), "sklearn": ("sklearn", "skops"), "onnx": ("onnxruntime",)}
"""engine -> what has to be installed for it"""


def repository(path: Path) -> tuple[Finding, list[tuple[str, str, Path]]]:
    """Whether it can be read, and the bundles in it."""
    try:
        found = list(bundles(path))
    except EnvironmentFault as error:
        return fault("repository", f"{error.detail}{_owner(path)}", error.hint), []
    if not found:
        remedy = "Pack a model into it: pilotboat pack."
        return warning("repository", f"{path} holds no model: not ready", remedy), []
    names = len({name for name, _, _ in found})
    return ok(
        "repository", f"{path}: {_count(names, 'model')}, {_count(len(found), 'version')}"
    ), found


def default(settings: Settings, names: set[str]) -> Finding | None:
    """The model that answers requests which name none."""
    if settings.model is not None and settings.model not in names:
        known = ", ".join(sorted(names)) or "none"
        return fault(
            "default", f"there is no model '{settings.model}'", f"Models here are: {known}."
        )
    if settings.model is None and len(names) > 1:
        return ok("default", "no default model: requests name one")
    return None


def bundle(settings: Settings, place: tuple[str, str, Path], *, deep: bool) -> Finding:
    """Whether it is whole and can be answered for; deep: whether it answers its golden rows."""
    name, number, path = place
    title = f"{name} {number}"
    try:
        found = archive.open_bundle(path)
        if deep:
            load(path, trust=settings.trust, allow_version_skew=settings.allow_version_skew)
        else:
            _check(found, settings)
    except PilotboatError as error:
        return fault(title, error.detail, error.hint)
    except OSError as error:
        return fault(title, f"cannot be read: {error.strerror}{_owner(path)}", "Check permissions.")
    size = sum(one.size for one in found.manifest.files.values())
    told = f"{size / MIB:.1f} MiB" if size >= MIB else f"{-(-size // 1024)} KiB"
    return ok(title, f"{found.engine}, {told}, {_done(found, deep=deep)}")


def _check(found: Bundle, settings: Settings) -> None:
    """What stops it from being served, without opening the model."""
    if found.manifest.untrusted and found.digest not in settings.trust:
        raise EnvironmentFault(
            f"it brings what is not on Pilotboat's own list: {', '.join(found.manifest.untrusted)}",
            hint=f"If you vouch for it: --trust {found.digest}",
        )
    if found.engine not in NEEDS:
        raise EnvironmentFault(f"the engine '{found.engine}' is not known to this version")
    missing = [one for one in NEEDS[found.engine] if find_spec(one) is None]
    if missing:
        raise EnvironmentFault(
            f"the engine {found.engine} needs {', '.join(missing)}, not installed here",
            hint=f'pip install "pilotboat[{found.engine}]"',
        )
    if found.engine == "sklearn" and not settings.allow_version_skew:
        check_versions(found)


def _done(found: Bundle, *, deep: bool) -> str:
    said = "golden rows answered" if deep else "digests agree"
    if found.engine != "sklearn":
        return said
    return f"{said}, scikit-learn {version('scikit-learn')}; its n_jobs is left as packed"


def _owner(path: Path) -> str:
    """Whose a directory is, where that can be asked."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f" It belongs to user {found.st_uid}, mode {found.st_mode & 0o7777:04o}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
