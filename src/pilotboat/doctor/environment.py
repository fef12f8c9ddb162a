"""What the settings say together, and what the environment says beside them."""

from __future__ import annotations

import socket
import stat
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pilotboat import settings as settings_module
from pilotboat.doctor.finding import Finding, fault, ok, warning
from pilotboat.runtime.sizing import NUMERIC, Sizing
from pilotboat.settings import Settings

GRACE = 5
"""Seconds that gunicorn gives a worker beyond its drain."""
STOP, START = 45, 90
"""Seconds after which compose ends what does not stop, and calls unhealthy what is not ready."""

Ask = Callable[[str, int, float], tuple[int, Mapping[str, Any]]]
"""(host, port, seconds) -> status and document of /health. `ValueError`: it is another server."""


def timeouts(settings: Settings) -> list[Finding]:
    """Each has to be shorter than the one that ends it; that of a request and the drain are settled."""
    request, queue = settings.request_timeout_ms / 1000, settings.queue_ms / 1000
    drain, hang = settings.drain_seconds, settings.hang_seconds
    pairs = [
        (queue, "queue_ms", request, "request_timeout_ms", "waiting takes the time to answer"),
        (request, "request_timeout_ms", hang, "hang_seconds", "slow answers pass for a hang"),
        (drain + GRACE, "drain_seconds + 5", STOP, "stop_grace_period of compose", "it is killed"),
        (
            settings.boot_seconds,
            "boot_seconds",
            START,
            "the health check's patience",
            "it is killed",
        ),
    ]
    against = [
        warning(
            "timeouts",
            f"{less} ({short:g} s) is not below {more} ({long:g} s): {so}",
            f"Shorten {less.split()[0]}, or lengthen {more}.",
        )
        for short, less, long, more, so in pairs
        if short > long
    ]
    says = f"queue {queue:g} s, request {request:g} s, drain {drain:g} s, hang {hang} s"
    return against or [ok("timeouts", f"{says}, boot {settings.boot_seconds} s")]


def keys(settings: Settings) -> Finding:
    """Who may ask."""
    there = bool(settings.api_keys.get_secret_value().strip())
    if there:
        return ok("keys", "requests need an API key")
    who = "this machine" if _loopback(settings.host) else f"whoever reaches {settings.host}"
    return ok("keys", f"no API keys: {who} may ask")


def secrets(environ: Mapping[str, str]) -> list[Finding]:
    """The modes of the files that secrets were read from; one that everyone may read is none."""
    found = []
    for name in map(settings_module.file_of, settings_module.SECRETS):
        if name not in environ:
            continue
        path = Path(environ[name])
        mode = stat.S_IMODE(path.stat().st_mode)
        says = f"{path} has mode {mode:04o}"
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            found.append(warning("secrets", f"{says}: others may change it", f"chmod 600 {path}"))
        else:
            found.append(ok("secrets", says))
    return found


def variables(settings: Settings, environ: Mapping[str, str], planned: Sizing) -> list[Finding]:
    """What the environment says that is no setting, or not read."""
    found = [warning("environment", one) for one in settings_module.unknown(environ)]
    made = [name for name in environ if settings_module.is_kubernetes(name, environ[name])]
    if made:
        found.append(ok("environment", f"{len(made)} variables of Kubernetes are ignored"))
    if environ.get("GUNICORN_CMD_ARGS"):
        remedy = "Use Pilotboat's settings: pilotboat serve --help."
        found.append(warning("environment", "GUNICORN_CMD_ARGS is not read", remedy))
    for name, other in settings_module.STAND_INS.items():
        if other in environ and settings_module.variable_of(name) not in environ:
            found.append(ok("environment", f"{other}={environ[other]} counts as {name}"))
    return [*found, *_numeric(settings, environ, planned)] or [ok("environment", "nothing odd")]


def _numeric(settings: Settings, environ: Mapping[str, str], planned: Sizing) -> list[Finding]:
    given = {name: environ[name] for name in NUMERIC if environ.get(name)}
    if not given:
        return []
    says = ", ".join(f"{name}={value}" for name, value in given.items())
    if settings.threads != "auto":
        return [ok("threads", f"PILOTBOAT_THREADS replaces {says}")]
    if set(given.values()) == {str(planned.threads)}:
        return [ok("threads", f"{says} in the environment")]
    remedy = "Unset them, or set PILOTBOAT_THREADS, which replaces them all."
    return [warning("threads", f"{says} in the environment do not agree", remedy)]


def port(settings: Settings, ask: Ask) -> Finding:
    """Whether the server can listen, or already does."""
    host, number = settings.host, settings.port
    where = f"{host} port {number}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            refused = error.strerror or "unknown address"
        else:
            return ok("port", f"{where} is free")
    try:
        status, told = ask(host, number, 0.5)
    except (OSError, ValueError):
        return fault("port", f"{where}: {refused}", "Choose another with --port.")
    return ok("port", f"{where} is served by Pilotboat: {told.get('status', status)}")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
