"""`pilotboat serve`."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import click

from pilotboat import settings as settings_module
from pilotboat.cgroup import memory_limit
from pilotboat.errors import UsageError
from pilotboat.imports import resolve
from pilotboat.runtime import capacity
from pilotboat.settings import Settings

logger = logging.getLogger(__name__)

CHECK, LOGGING = "pilotboat.serve:check", "pilotboat.serve:configure_logging"
ONE, MANY = "pilotboat.serve:run", "pilotboat.gunicorn:run"
"""Imported when the memory has been found to suffice for it."""


def epilog() -> str:
    """Examples, and every setting with its default."""
    lines = ["\b", "Examples:", "  pilotboat serve", "  pilotboat serve models/titanic --port 9000"]
    lines += ["  PILOTBOAT_MODEL=titanic pilotboat serve --workers 2", "", "\b", "Environment:"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f" [{field.default}]"
        lines += [f"  {settings_module.variable_of(name)}{default}", f"      {field.description}"]
    return "\n".join(lines)


@click.command(epilog=epilog())
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [default: 8000]")
@click.option("--workers", type=int, help="Worker processes.  [default: 1]")
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
    if reload and made.workers > 1:
        raise UsageError("--reload serves with one worker.", hint="Leave out --workers.")
    capacity.check(Path(made.repository), made.workers, memory_limit())
    resolve(LOGGING)(made.log_level)
    for warning in settings_module.unknown(os.environ):
        logger.warning("%s", warning)
    resolve(CHECK)(made)
    if os.name == "posix" and os.geteuid() == 0:
        logger.warning("running as root: give the server a user of its own")
    if made.workers == 1:
        resolve(ONE)(made, reload=reload)
    elif os.name == "nt":  # pragma: no cover - Windows
        raise UsageError("Several workers need gunicorn, which Windows does not have.")
    else:
        resolve(MANY)(made)
