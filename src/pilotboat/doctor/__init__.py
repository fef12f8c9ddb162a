"""What stands in the way of serving, looked for before anything is served.

Every check is a function of plain values that returns a `Finding`; `examine` looks at what is there
and hands it over.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pilotboat import cgroup, scratch
from pilotboat.doctor import bundles, environment, machine
from pilotboat.doctor.environment import Ask
from pilotboat.doctor.finding import Finding
from pilotboat.imports import resolve
from pilotboat.runtime import capacity, sizing
from pilotboat.settings import Settings

KEEPING = "pilotboat.doctor.keeping:checks"
"""Imported where there is a prediction log: the doctor is also asked where there is hardly any memory."""
Groups = dict[str, list[Finding]]


def examine(
    settings: Settings, environ: Mapping[str, str], *, ask: Ask, deep: bool = False
) -> Groups:
    """What every check found, in groups. environ: before settings were read. deep: open the models."""
    allowed, need = (
        cgroup.allowed(),
        capacity.need(Path(settings.repository), remembers=settings.remembers),
    )
    supervised = settings.workers != 1 and os.name == "posix"
    planned = sizing.plan(
        allowed,
        need,
        supervised=supervised,
        workers=settings.workers,
        threads=settings.threads,
        environ=environ,
    )
    user = os.geteuid() if hasattr(os, "geteuid") else None
    return {
        "machine": [
            machine.python(),
            machine.user(user),
            machine.processors(allowed, os.cpu_count()),
            *machine.sizing(planned),
            *machine.memory(allowed, need, planned.workers, supervised=supervised),
            machine.tasks(cgroup.task_limit(), planned),
            machine.files(machine.open_files(), settings.max_pending),
            machine.shared(planned.workers, scratch.places(), supervised=supervised),
            machine.temporary(scratch.temporary()),
            machine.state(Path(settings.state)),
        ],
        **_memory(settings),
        "settings": [
            *environment.timeouts(settings),
            environment.keys(settings),
            *environment.secrets(environ),
            *environment.variables(settings, environ, planned),
            environment.port(settings, ask),
        ],
        "models": _models(settings, deep=deep),
    }


def _memory(settings: Settings) -> Groups:
    """What the prediction log needs, where there is one."""
    if not settings.remembers:
        return {}
    return {"prediction log": resolve(KEEPING)(settings, Path(settings.state))}


def _models(settings: Settings, *, deep: bool) -> list[Finding]:
    read, found = bundles.repository(Path(settings.repository))
    default = bundles.default(settings, {name for name, _, _ in found}) if found else None
    each = [bundles.bundle(settings, one, deep=deep) for one in found]
    return [read, *([default] if default else []), *each]
