"""What the prediction log needs: room where records wait, the libraries, and the database."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from pilotboat.doctor.finding import Finding, fault, ok, warning
from pilotboat.errors import PilotboatError
from pilotboat.imports import missing
from pilotboat.operations.store import open_store
from pilotboat.settings import Settings


def checks(settings: Settings, state: Path) -> list[Finding]:
    """All of it."""
    return [spool(settings, state), library(), store(settings)]


def spool(settings: Settings, state: Path) -> Finding:
    """Where records wait for the database, and how many may."""
    most = settings.prediction_log_max_bytes
    place = next((one for one in (state, *state.absolute().parents) if one.is_dir()), Path("/"))
    free = shutil.disk_usage(place).free
    says = f"{settings.prediction_log_durability}, {settings.prediction_log_when_full}; at most "
    says += f"{most:,} bytes wait, the disk has {free:,} free"
    if free < most:
        remedy = "Free some, or let fewer wait (PILOTBOAT_PREDICTION_LOG_MAX_BYTES)."
        return warning("spool", says, remedy)
    return ok("spool", says)


def library() -> Finding:
    """What speaks with databases."""
    if find_spec("sqlalchemy") is None:
        error = missing("store")
        return fault("libraries", error.detail, error.hint)
    return ok("libraries", "installed")


def store(settings: Settings) -> Finding:
    """The database, which a server serves without, and joins when it comes."""
    kind = "PostgreSQL" if settings.database_url.get_secret_value() else "SQLite"
    if kind == "SQLite" and not (Path(settings.state) / "predictions.db").exists():
        return ok("database", "SQLite in the state directory, made when it is needed")
    try:
        opened = open_store(settings.store_url, read_only=True)
        try:
            opened.check()
        finally:
            opened.close()
    except PilotboatError as error:
        return warning("database", error.detail, error.hint)
    return ok("database", f"{kind}, with the schema of this release")
