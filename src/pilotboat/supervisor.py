"""gunicorn's arbiter, made to lose no request.

Relies on what gunicorn 27 keeps private: the names and duties of the methods of `Arbiter` that
`Supervisor` overrides; that `manage_workers` and `murder_workers` are called in every turn of its loop,
which a SIGCHLD begins; and that it halts where `child_exit` raises `HaltServer`.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from pilotboat.operations.directory import Directory
from pilotboat.operations.seat import READY, RESTARTS, WORKERS, Seat, shared
from pilotboat.protocol.listening import shut
from pilotboat.remembering import Shipping

logger = logging.getLogger(__name__)

UNUSABLE = 4
"""The exit code where the first workers cannot start: the environment."""
PATIENCE = 30.0
"""The longest wait, in seconds, before a worker that could not start is started again."""


@dataclass(slots=True)
class Start:
    """How a worker's start goes, as it tells on a pipe: a JSON object a line."""

    seat: Seat
    pipe: tuple[int, int] = field(default_factory=lambda: os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
    born: float = field(default_factory=time.monotonic)
    at: str = "starting"
    failed: str = ""
    is_ready: bool = False
    asked: bool = False
    _rest: bytes = b""

    def news(self) -> list[dict[str, Any]]:
        """What it has told since it was last asked."""
        with suppress(BlockingIOError):
            while chunk := os.read(self.pipe[0], 65536):
                self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in lines]


@dataclass(slots=True)
class Roll:
    """Workers that are replaced one by one. old: their process ids. newcomer: the one that starts."""

    number: int
    old: list[int]
    replaced: int = 0
    newcomer: int = 0
    leaving: int = 0


class Supervisor(Arbiter):  # type: ignore[misc]  # its package has no types
    """Keeps the workers running, and changes them one by one, each only for one that is ready.

    Once a worker could start it outlives those that cannot. A worker's slot is the lowest number that is
    free, so that what is kept by slot is bounded.
    """

    # gunicorn halts for these exit codes of a worker; here there are none of which one would.
    WORKER_BOOT_ERROR = APP_LOAD_ERROR = -1

    def __init__(self, app: Any, directory: Directory, shipping: Shipping | None = None) -> None:
        self.directory = directory
        self.shipping = shipping
        self.numbers = shared()
        self.known: set[tuple[str, str]] | None = None  # what the last worker could not serve
        self.roll: Roll | None = None
        self.rolls = self.failures = self.given_up = 0
        self.not_before = 0.0
        self.stops = False
        super().__init__(app)
        self.cfg.set("child_exit", lambda _arbiter, worker: self.ended(worker))
        self._write({})

    # Workers come and go

    def spawn_worker(self) -> int:
        taken = {worker.start.seat.slot for worker in self.WORKERS.values()}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        start = Start(Seat(slot, self.directory.path, self.numbers))
        kind: Any = self.cfg.worker_class

        def seated(*arguments: Any) -> Any:
            worker = kind(*arguments)
            worker.start = start
            return worker

        self.worker_class = seated
        try:
            pid: int = super().spawn_worker()
        finally:
            self.worker_class = kind
        os.close(start.pipe[1])
        return pid

    def kill_worker(self, pid: int, sig: int) -> None:
        if pid in self.WORKERS:
            self.WORKERS[pid].start.asked = True
        super().kill_worker(pid, sig)

    def stop(self, graceful: bool = True) -> None:
        """End every worker. From now on nobody new may come; they take who has come, and finish."""
        self.stops = True
        for listener in self.LISTENERS:
            shut(listener.fileno())
        super().stop(graceful)
        if self.shipping is not None:  # last, so that it has everything
            self.shipping.stop()

    def manage_workers(self) -> None:
        """Hear how starts go, take the next step of a roll, and keep as many workers as there should be.

        In place of gunicorn's, which counts workers that are leaving, and would wait for them.
        """
        if self.shipping is not None:
            self.shipping.look()
        for pid, worker in list(self.WORKERS.items()):
            for news in worker.start.news():
                self._heard(pid, worker.start, news)
        if self.roll is not None:
            self._go_on(self.roll)
        staying = [worker for worker in self.WORKERS.values() if not worker.start.asked]
        wanted = self.num_workers + (1 if self.roll is not None and self.roll.newcomer else 0)
        if time.monotonic() >= self.not_before:
            for _ in range(wanted - len(staying)):
                self.spawn_worker()
        for worker in sorted(staying, key=lambda one: one.age)[: max(len(staying) - wanted, 0)]:
            self.kill_worker(worker.pid, signal.SIGTERM)
        self.numbers[WORKERS] = sum(worker.start.is_ready for worker in staying)

    def ended(self, worker: Any) -> None:
        """A worker has ended: note why, and how soon another may be started."""
        start = worker.start
        for news in start.news():
            self._heard(worker.pid, start, news)
        os.close(start.pipe[0])
        reason = start.failed or f"it ended while {start.at}"
        if self.roll is not None and self.roll.newcomer == worker.pid:
            self._give_up(start.at, reason)
        elif start.is_ready:
            if worker.aborted or not start.asked:
                self.numbers[RESTARTS] += 1
        elif not start.asked or (worker.aborted and worker.pid != self.given_up):
            self._failed(reason)

    def _failed(self, reason: str) -> None:
        """A worker could not start: halt where none ever could, else try again, ever later."""
        if self.known is None and not self.stops:
            raise HaltServer(f"no worker can start: {reason}", UNUSABLE)
        self.failures += 1
        wait = min(2.0 ** (self.failures - 1), PATIENCE)
        self.not_before = time.monotonic() + wait
        logger.error("a worker could not start: %s; the next try is in %g s", reason, wait)

    def murder_workers(self) -> None:
        """Replace workers that hang; one that still loads its models may take longer than others."""
        longest = self.app.settings.boot_seconds
        for pid, worker in list(self.WORKERS.items()):
            start = worker.start
            if start.is_ready or start.failed:
                continue
            if time.monotonic() - start.born <= longest:
                worker.tmp.notify()  # in its place: loading leaves it no time for that
                continue
            start.failed = f"it was not ready after {longest} s"
            worker.aborted = True
            logger.error("worker %d is stopped: %s, %s", pid, start.failed, start.at)
            if self.roll is not None and self.roll.newcomer == pid:
                self._give_up(start.at, start.failed)
            self.kill_worker(pid, signal.SIGABRT)
        super().murder_workers()

    def _heard(self, pid: int, start: Start, news: dict[str, Any]) -> None:
        start.at = news.get("at", start.at)
        start.failed = news.get("failed", start.failed)
        if "lacks" not in news:
            return
        lacks = {(name, version): reason for name, version, reason in news["lacks"]}
        worse = [one for one in lacks if self.known is not None and one not in self.known]
        if worse and any(
            one.start.is_ready and not one.start.asked for one in self.WORKERS.values()
        ):
            self._refused(pid, worse[0], lacks[worse[0]])
            return
        start.at, start.is_ready = "serving", True
        self.failures = 0
        self.known = set(lacks)
        self.numbers[READY] = all(version for _, version in lacks)

    def _refused(self, pid: int, what: tuple[str, str], reason: str) -> None:
        """Stop a worker that would serve less than those that there are."""
        name, version = what
        at = f"loading '{name}' {version}".rstrip()
        if self.roll is not None and self.roll.newcomer == pid:
            self._give_up(at, reason)
        else:
            self._failed(f"{at}: {reason}")
        self.kill_worker(pid, signal.SIGTERM)

    # A roll

    def handle_hup(self) -> None:
        """Replace every worker, each only when another is ready. One roll at a time."""
        if self.roll is not None:
            logger.warning("the workers are being replaced already")
            return
        self.rolls += 1
        old = sorted(self.WORKERS.values(), key=lambda worker: worker.age)
        self.roll = Roll(self.rolls, [worker.pid for worker in old if not worker.start.asked])
        self._write({"state": "rolling", "at": "starting"})

    def handle_usr2(self) -> None:
        """Two supervisors at a time are more than one can tell apart."""
        logger.warning("SIGUSR2 does nothing here: 'pilotboat reload' replaces the workers")

    def _go_on(self, roll: Roll) -> None:
        if roll.newcomer:
            start = self.WORKERS[roll.newcomer].start
            self._write({"state": "rolling", "at": start.at})
            if start.is_ready:
                roll.newcomer, roll.leaving = 0, roll.old.pop(0) if roll.old else 0
                if roll.leaving in self.WORKERS:
                    self.kill_worker(roll.leaving, signal.SIGTERM)
            return
        if roll.leaving in self.WORKERS:
            return
        if roll.leaving:
            roll.replaced, roll.leaving = roll.replaced + 1, 0
        roll.old = [pid for pid in roll.old if pid in self.WORKERS]
        if roll.old:
            roll.newcomer = self.spawn_worker()
            return
        logger.info("%d workers have been replaced", roll.replaced)
        self._write({"state": "done", "at": "serving"})
        self.roll = None

    def _give_up(self, stage: str, reason: str) -> None:
        logger.error(
            "the workers are not replaced, and those that there are go on: %s: %s", stage, reason
        )
        self._write({"state": "failed", "at": stage, "reason": reason})
        if self.roll is not None:
            self.given_up, self.roll = self.roll.newcomer, None

    def _write(self, told: dict[str, Any]) -> None:
        state: dict[str, Any] = {"pid": os.getpid(), "workers": self.num_workers}
        if self.roll is not None:
            told |= {"replaced": self.roll.replaced}
        state["roll"] = {"number": self.rolls, **told}
        if state != getattr(self, "_written", None):
            self._written = state
            try:
                self.directory.write(state)
            except OSError as error:  # a full disk must not end the server
                logger.warning("how the workers are cannot be told: %s", error.strerror)
