"""`pilotboat serve`."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import click

from pilotboat import cgroup
from pilotboat import settings as settings_module
from pilotboat.errors import UsageError
from pilotboat.imports import resolve
from pilotboat.runtime import capacity, sizing
from pilotboat.runtime.sizing import Sizing
from pilotboat.settings import Settings

logger = logging.getLogger(__name__)

CHECK, LOGGING = "pilotboat.preflight:check", "pilotboat.serve:configure_logging"
ONE, MANY = "pilotboat.serve:run", "pilotboat.gunicorn:run"
"""Imported when the memory has been found to suffice for it, and the threads are set."""


def epilog() -> str:
    """Examples, and every setting with its default."""
    lines = ["\b", "Examples:", "  pilotboat serve", "  pilotboat serve models/titanic --port 9000"]
    lines += ["  PILOTBOAT_MODEL=titanic pilotboat serve --workers 2", "", "\b", "Environment:"]
    for name, field in Settings.model_fields.items():
        default = "" if str(field.default) in ("", "None", "()") else f" [{field.default}]"
        lines += [f"  {settings_module.variable_of(name)}{default}", f"      {field.description}"]
    return "\n".join(lines)


@click.command(epilog=epilog())
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [default: 8000]")
@click.option(
    "--workers",
    metavar="auto|N",
    help="Worker processes; 1: no supervisor either.  [default: auto]",
)
@click.option("--reload", is_flag=True, help="Start anew when the source or a bundle changes.")
@click.option(
    "--trust", metavar="DIGEST", multiple=True, help="Serve this bundle's own code and types."
)
def serve(path: Path | None, *, reload: bool, trust: tuple[str, ...], **options: Any) -> None:
    """Serve the models in PATH over HTTP.

    PATH is a repository of models, one model's directory or one bundle. Default:
    PILOTBOAT_REPOSITORY, else 'models'.
    """
    made = settings_module.read(
        repository=None if path is None else str(path), trust=trust or None, **options
    )
    supervised = _supervised(made, reload=reload)
    planned = _planned(made, supervised=supervised)
    resolve(LOGGING)(made.log_level)
    for warning in (*settings_module.unknown(os.environ), *planned.warnings):
        logger.warning("%s", warning)
    made = made.model_copy(update={"workers": planned.workers, "threads": planned.threads})
    resolve(CHECK)(made, supervised=supervised)
    if os.name == "posix" and os.geteuid() == 0:
        logger.warning("running as root: give the server a user of its own")
    logger.info("%s", planned)
    if supervised:
        resolve(MANY)(made)
    else:
        resolve(ONE)(made, reload=reload)


def _supervised(made: Settings, *, reload: bool) -> bool:
    """Whether gunicorn starts the workers: unless one was asked for, or it cannot."""
    several = made.workers not in ("auto", 1)
    if reload and several:
        raise UsageError("--reload serves with one worker.", hint="Leave out --workers.")
    if os.name == "nt" and several:  # pragma: no cover - Windows
        raise UsageError("Several workers need gunicorn, which Windows does not have.")
    return made.workers != 1 and not reload and os.name == "posix"


def _planned(made: Settings, *, supervised: bool) -> Sizing:
    """Workers and threads; the variables of the numeric libraries are set, before any is imported.

    Raises `EnvironmentFault` where the memory cannot hold so many workers.
    """
    allowed, need = cgroup.allowed(), capacity.need(Path(made.repository), remembers=made.remembers)
    planned = sizing.plan(
        allowed,
        need,
        supervised=supervised,
        workers=made.workers,
        threads=made.threads,
        environ=os.environ,
    )
    capacity.check(need.of(planned.workers, supervised=supervised), planned.workers, allowed.limit)
    asked = made.threads != "auto"
    os.environ.update(sizing.variables(planned, os.environ, asked=asked))
    return planned
