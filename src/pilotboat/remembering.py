"""The prediction log put together: what keeps predictions in a worker, and the process that ships them."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson

from pilotboat.operations.remember import Memory, Policy, keep
from pilotboat.operations.spool import Spool
from pilotboat.operations.store import Page, Query, open_store
from pilotboat.prediction import Predict, Soon
from pilotboat.runtime.model import Model
from pilotboat.settings import Settings, exported

logger = logging.getLogger(__name__)

SPOOL, STATUS, KEY = "spool", "status.json", "redaction.key"
COMMAND = [sys.executable, "-m", "pilotboat", "store", "ship", "--with-parent"]
PATIENCE, LONGEST = 8.0, 30.0
"""Seconds that a shipper gets to end, and the longest wait before one that ended is started anew."""
TOLD = {
    "pilotboat_prediction_log_stored_rows_total": "stored_rows",
    "pilotboat_prediction_log_parked_rows_total": "parked_rows",
    "pilotboat_prediction_log_lag_seconds": "lag_seconds",
    "pilotboat_prediction_log_waiting_bytes": "waiting_bytes",
}
"""What the shipper tells, as metrics."""


class Remembering:
    """What keeps predictions in a worker."""

    def __init__(self, settings: Settings) -> None:
        state = Path(settings.state)
        self.directory = state / SPOOL
        self.spool = Spool(
            self.directory,
            settings.prediction_log_max_bytes,
            settings.prediction_log_when_full,
            syncs=settings.prediction_log_durability == "synced",
        )
        self.policy = policy(settings, state)
        self._memories: list[Memory] = []
        self.store = cache(partial(open_store, settings.store_url, read_only=True))

    def wrap(
        self, model: Model, predict: Predict, soon: Soon | None
    ) -> tuple[Predict, Soon | None]:
        """The ways of answering of a version, whose answers are kept from now on."""
        memory = Memory(model, self.spool, self.policy)
        self._memories.append(memory)
        return memory.predict(predict), None if soon is None else memory.soon(soon)

    async def keep(self, outcomes: Sequence[dict[str, Any]], key: str | None) -> None:
        """Keep what has become of predictions. Raises `SpoolFullError`."""
        keep(self.spool, outcomes, key)
        if self.spool.syncs:
            await self.spool.synced(must=True)

    def find(self, query: Query) -> Page:
        """Predictions that the store has, with what became of them. This waits for the database.

        Raises `StoreUnavailableError`.
        """
        return self.store().find(query)

    def close(self) -> None:
        """Write what was only buffered, and no more."""
        for memory in self._memories:
            memory.flush()
        self.spool.close()

    def told(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """What the shipper tells of itself, for the metrics."""
        try:
            status = orjson.loads((self.directory / STATUS).read_bytes())
            return {(name, ()): float(status[said]) for name, said in TOLD.items()}
        except (OSError, ValueError, KeyError, TypeError):
            return {}  # it has told nothing yet

    def counted(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """What this worker has taken and dropped so far."""
        made: dict[tuple[str, tuple[str, ...]], float] = {}
        made["pilotboat_prediction_log_rows_total", ()] = float(self.spool.rows)
        for reason in ("newest", "oldest", "disk"):
            name = "pilotboat_prediction_log_dropped_rows_total"
            made[name, (reason,)] = float(self.spool.dropped[reason])
        return made


def policy(settings: Settings, state: Path) -> Policy:
    """What is kept, and how surely."""
    pairs = (one.rpartition("=") for one in settings.prediction_log_redact)
    redact = tuple((name, how) for name, _, how in pairs)
    hashes = any(how == "hash" for _, how in redact)
    return Policy(
        settings.prediction_log_durability,
        settings.prediction_log_sample,
        redact,
        _key(settings, state) if hashes else b"",
        settings.trust_idempotency_key,
    )


def _key(settings: Settings, state: Path) -> bytes:
    """What hashes are keyed with: the secret that is set, else one that the state keeps."""
    given = settings.prediction_log_redact_key.get_secret_value()
    if given:
        return given.encode()
    path = state / KEY
    fresh = secrets.token_bytes(32)
    try:
        state.mkdir(parents=True, exist_ok=True)
        draft = state / f".{KEY}-{secrets.token_hex(4)}"
        draft.touch(0o600)
        draft.write_bytes(fresh)
        with suppress(FileExistsError):  # from before, or another worker's
            os.link(draft, path)
        draft.unlink()
        return path.read_bytes()
    except OSError as error:
        logger.warning("inputs are hashed with a key of this start alone: %s", error.strerror)
        return fresh


class Shipping:
    """Keeps a process that ships: started by `look`, which is called every second or so."""

    def __init__(self, settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
        self.environ = {**environ, **exported(settings)}
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self._begun = self._not_before = 0.0
        self._stops = False

    def start(self) -> None:
        """Look now and every second, on the event loop that runs, until it is to stop."""
        if not self._stops:
            self.look()
            asyncio.get_running_loop().call_later(1.0, self.start)

    def look(self) -> None:
        """Start it, if it does not run: at once, and ever later where it keeps ending."""
        now = time.monotonic()
        if self.process is not None:
            if self.process.poll() is None:
                return
            self.failures = 1 if now - self._begun > LONGEST else self.failures + 1
            wait = min(0.5 * 2.0 ** (self.failures - 1), LONGEST)
            logger.error("what ships predictions has ended; it is started anew in %g s", wait)
            self.process, self._not_before = None, now + wait
        if now >= self._not_before:
            self._begun = now
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*COMMAND, str(os.getpid())], env=self.environ, stdin=subprocess.DEVNULL
            )

    def stop(self) -> None:
        """Let it ship what there is, for a while, and end it."""
        self._stops = True
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
