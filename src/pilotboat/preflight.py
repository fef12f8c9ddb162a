"""What would stop a server, found before it starts."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from pilotboat import scratch
from pilotboat.errors import EnvironmentFault
from pilotboat.imports import missing, resolve
from pilotboat.operations.ring import parse
from pilotboat.runtime.repository import bundles
from pilotboat.settings import Settings

logger = logging.getLogger(__name__)

TRACING_CHECK = "pilotboat.operations.tracing:check"
REDIS_CHECK = "pilotboat.operations.shared:check"
TRACED = (
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
)
"""Any of these asks for traces."""


def check(settings: Settings, *, supervised: bool = False) -> None:
    """Raise `EnvironmentFault` for what would stop the server, before it starts.

    supervised: whether there are workers, which share files.
    """
    for _ in bundles(Path(settings.repository)):
        break
    if is_traced(os.environ):
        resolve(TRACING_CHECK)(os.environ)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise EnvironmentFault(
                f"Cannot listen on {settings.host} port {settings.port}: "
                f"{error.strerror or 'unknown address'}.",
                code="port-unavailable",
                hint="Choose another with --port, or stop what holds it.",
            ) from error
    if supervised:
        workers = 1 if settings.workers == "auto" else settings.workers
        scratch.choose(workers, scratch.places())
    _check_keys(settings)
    if settings.redis_url.get_secret_value():
        resolve(REDIS_CHECK)(settings.redis_url.get_secret_value())
    if settings.remembers:
        _check_memory(Path(settings.state))


def _check_memory(state: Path) -> None:
    """Raise where the libraries of the database are missing; warn where nothing can be kept."""
    if find_spec("sqlalchemy") is None:
        raise missing("store")
    if state.exists() and not (state.is_dir() and os.access(state, os.W_OK | os.X_OK)):
        logger.warning("predictions cannot be kept: '%s' (PILOTBOAT_STATE) is not writable", state)


def _check_keys(settings: Settings) -> None:
    """Warn where everyone who reaches the server may ask it, or where a limit limits nothing."""
    if parse(settings.api_keys.get_secret_value()).keys:
        return
    if not is_loopback(settings.host):
        logger.warning(
            "everyone who reaches %s may ask: no API key is set (PILOTBOAT_API_KEYS_FILE)",
            settings.host,
        )
    if settings.rate_limit:
        logger.warning(
            "PILOTBOAT_RATE_LIMIT limits nothing: it is that of API keys, and none is set"
        )


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_traced(environ: Mapping[str, str]) -> bool:
    """Whether a variable of OpenTelemetry asks for traces."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip()
    return exporter != "none" and any(environ.get(name, "").strip() for name in TRACED)
