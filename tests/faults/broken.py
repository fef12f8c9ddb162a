"""`python -m tests.faults.broken DEFECT serve …`: Pilotboat with one defect built in.

What a test cannot notice it does not hold. So each fault is also put to a server that has the defect the
fault test is there for, and the test must fail. The product has no switch for any of it: this process
changes one thing of it before its command line runs, and the workers are forked from this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

import pilotboat.gunicorn
from pilotboat import remembering
from pilotboat.errors import PilotboatError, StoreUnavailableError
from pilotboat.http import body
from pilotboat.http.admission import Admission
from pilotboat.operations import metrics, segments, shipper
from pilotboat.operations.backoff import Complaints
from pilotboat.operations.seat import Seat
from pilotboat.operations.shipper import Shipper
from pilotboat.operations.spool import Spool
from pilotboat.operations.store import payload
from pilotboat.operations.store.deadline import Deadline
from pilotboat.operations.store.store import Store
from pilotboat.protocol import Server, limits
from pilotboat.runtime import backlog, batcher, repository
from pilotboat.supervisor import Supervisor
from pilotboat.worker import Worker

FOREVER = 1e9


def change(owner: Any, name: str, value: Any) -> None:
    """Put something else in the place of a part of the product. It must have been there."""
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, value)


def stock_protocol() -> None:
    """uvicorn's own connections: no lingering, no limits, no deadlines."""
    Worker.CONFIG_KWARGS["http"] = HttpToolsProtocol
    change(Server, "_watch", _nothing)


async def _nothing(_self: Server) -> None:
    await asyncio.Event().wait()


def no_heartbeat_while_draining() -> None:
    """A worker that stops shows no sign of life any more."""
    beat = Worker._beat

    async def until_told(self: Worker, server: Server) -> None:
        beating = asyncio.ensure_future(beat(self, server))
        while not server.should_exit:  # noqa: ASYNC110 - it is a flag that a signal sets
            await asyncio.sleep(0.1)
        beating.cancel()

    change(Worker, "_beat", until_told)


def no_look_at_the_supervisor() -> None:
    """Workers do not see that their supervisor has gone."""
    parent = os.getpid()
    change(os, "getppid", lambda: parent)


def hang_unnoticed() -> None:
    """No worker is ever taken for stuck."""
    change(Supervisor, "murder_workers", lambda _self: None)


def not_replaced() -> None:
    """A worker that dies is not replaced for half a minute."""
    ended = Supervisor.ended

    def late(self: Supervisor, worker: Any) -> None:
        ended(self, worker)
        self.not_before = FOREVER

    change(Supervisor, "ended", late)


def ungated_roll() -> None:
    """SIGHUP as gunicorn takes it: every worker is told to go, and others are started."""
    change(Supervisor, "handle_hup", Arbiter.handle_hup)
    change(Supervisor, "manage_workers", Arbiter.manage_workers)


def no_admission() -> None:
    """Whatever comes is taken on, and waits for as long as it takes."""

    async def everything(self: Admission, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    change(Admission, "__call__", everything)
    change(backlog.Backlog, "guarded", lambda _self, predict: predict)


def no_deadlines() -> None:
    """A request may take for ever to arrive."""
    change(limits, "HEAD_SECONDS", FOREVER)
    change(limits, "BODY_SECONDS", FOREVER)


def no_head_limits() -> None:
    """A head may be of any size, and say anything."""
    check: Any = limits.check

    def nothing(version: str, target: bytes, headers: Any, *more: Any) -> Any:
        try:
            return check(version, target, headers, *more)
        except PilotboatError:
            return check("1.1", b"/", [(b"host", b"localhost")], *more)

    change(limits, "check", nothing)
    for name in ("TARGET", "HEAD", "FIELDS"):
        change(limits, name, 10**9)


def short_keep_alive() -> None:
    """Stock connections, which are closed when they were idle for two seconds: gunicorn's default."""
    stock_protocol()
    change(pilotboat.gunicorn, "KEEP_ALIVE", 2)


def ready_without_models() -> None:
    """Ready is a server none of whose models is missing: also one that has none."""
    change(repository.Repository, "is_ready", property(lambda _self: True))
    change(repository.Repository, "not_ready", property(lambda _self: {}))


def unchecked_newcomer() -> None:
    """A roll goes on with whatever a new worker could load."""
    heard = Supervisor._heard

    def trusting(self: Supervisor, pid: int, start: Any, news: dict[str, Any]) -> None:
        if "lacks" in news:
            news = news | {"lacks": []}
        heard(self, pid, start, news)

    change(Supervisor, "_heard", trusting)


def halt_at_once() -> None:
    """One worker that cannot start ends the server, as gunicorn has it."""

    def halt(_self: Supervisor, reason: str) -> None:
        raise HaltServer(reason, 3)

    change(Supervisor, "_failed", halt)


def forgotten_counts() -> None:
    """A worker begins to count anew in place of the one before it."""
    made = metrics.Metrics.__init__

    def fresh(self: metrics.Metrics, seat: Seat, version: str) -> None:
        for path in (seat.directory or Path("nowhere")).glob(f"metrics/*{seat.slot}*"):
            path.unlink()
        made(self, seat, version)

    change(metrics.Metrics, "__init__", fresh)


def costly_check() -> None:
    """A check of a body that takes as long as it is thorough."""
    check = body._check_depth

    def thorough(raw: bytes, value: Any) -> None:
        for _ in range(40):
            sum(raw)
        check(raw, value)

    change(body, "_check_depth", thorough)


def standing_still() -> None:
    """The event loop waits for each large body."""
    check = body._check_depth

    async def here(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return function(*given, **named)

    def slow(raw: bytes, value: Any) -> None:
        if len(raw) > 100_000:
            time.sleep(1)
        check(raw, value)

    change(body, "_check_depth", slow)
    change(asyncio, "to_thread", here)


def open_by_name() -> None:
    """The name in a path is looked up on disk."""
    choose = repository.Repository.choose

    def looked_up(self: Any, name: str | None, version: str | None = None) -> Any:
        with contextlib.suppress(OSError, ValueError):
            os.close(os.open(f"/{name}", os.O_RDONLY))
        return choose(self, name, version)

    change(repository.Repository, "choose", looked_up)


def slow_models_on_the_loop() -> None:
    """Every model computes on the event loop, however long it takes."""
    change(batcher, "BRIEF", FOREVER)


def told_server() -> None:
    """Answers say what made them."""
    Worker.CONFIG_KWARGS["server_header"] = True


def forgotten_batches() -> None:
    """What the store did not take is forgotten."""
    put = Shipper._put

    def once(self: Shipper, store: Any, records: list[Any]) -> None:
        try:
            put(self, store, records)
        except StoreUnavailableError:
            self._lost(StoreUnavailableError("It was there a moment ago."))

    change(Shipper, "_put", once)


def forgotten_events() -> None:
    """What is sent twice is stored twice."""
    read: Any = payload.read
    change(
        payload, "read", lambda records: read([r._replace(event=uuid4().bytes) for r in records])
    )


def stale_connection() -> None:
    """A connection that broke is used again."""
    change(Store, "close", lambda _self: None)
    change(Shipper, "_close", lambda _self: None)


def endless_tries() -> None:
    """A database that does not answer is waited for."""
    change(Deadline, "watch", lambda *_: None)


def complaint_a_try() -> None:
    """Each try that fails is worth a line."""
    change(Complaints, "due", lambda *_: True)


def parked_batches() -> None:
    """One row that is refused takes its batch with it."""
    change(shipper, "_smaller", lambda records, _: [[one] for one in records[:1]])


def removed_too_early() -> None:
    """A segment goes when it is read, not when it is stored."""
    put = Shipper._put

    def early(self: Shipper, store: Any, records: list[Any]) -> None:
        for tail in self.tails.values():
            if tail.is_dry:
                tail.path.unlink()
        put(self, store, records)

    change(Shipper, "_put", early)


def kept_too_late() -> None:
    """A record is written when the next one comes."""
    append = Spool.append
    late: list[Any] = []

    def later(self: Spool, kind: int, rows: int, *more: Any) -> None:
        self.rows += rows
        if late:
            before = self.rows
            append(self, *late.pop())
            self.rows = before
        late.append((kind, rows, *more))

    change(Spool, "append", later)


def held_by_nobody() -> None:
    """Whether a segment is being written is not asked."""
    change(segments, "hold", lambda _descriptor: True)


def broken_by_disk() -> None:
    """Who answers hears of a disk that is full."""

    def raising(self: Spool, need: int) -> Any:
        made = begun(self, need)
        if made is None:
            raise OSError(28, "No space left on device")
        return made

    begun = Spool._begun
    change(Spool, "_begun", raising)


def uncounted_drops() -> None:
    """What is not kept is nobody's business."""
    refuse = Spool._refuse

    def silent(self: Spool, rows: int, *, must: bool) -> None:
        refuse(self, rows, must=must)
        self.dropped.clear()

    change(Spool, "_refuse", silent)
    change(segments, "rows", lambda *_: 0)


def unbounded_spool() -> None:
    """A spool takes what the disk has."""
    change(Spool, "_has_room", lambda *_: True)


def slow_store() -> None:
    """A store that takes ten milliseconds for a row."""
    put = Shipper._put

    def slow(self: Shipper, store: Any, records: list[Any]) -> None:
        time.sleep(0.01 * len(records))
        put(self, store, records)

    change(Shipper, "_put", slow)


DEFECTS: dict[str, Callable[[], None]] = {
    made.__name__.replace("_", "-"): made
    for made in (
        stock_protocol,
        no_heartbeat_while_draining,
        no_look_at_the_supervisor,
        hang_unnoticed,
        not_replaced,
        ungated_roll,
        no_admission,
        no_deadlines,
        no_head_limits,
        short_keep_alive,
        ready_without_models,
        unchecked_newcomer,
        halt_at_once,
        forgotten_counts,
        costly_check,
        standing_still,
        open_by_name,
        slow_models_on_the_loop,
        told_server,
        forgotten_batches,
        forgotten_events,
        stale_connection,
        endless_tries,
        complaint_a_try,
        parked_batches,
        removed_too_early,
        kept_too_late,
        held_by_nobody,
        broken_by_disk,
        uncounted_drops,
        unbounded_spool,
        slow_store,
    )
}


def main() -> None:
    """Build the defect in, and be `pilotboat` with the arguments that follow."""
    from tests.faults.misled import MISLED  # noqa: PLC0415 - it changes things as it is done here

    (DEFECTS | MISLED)[sys.argv[1]]()
    # What the server starts has the defect too.
    myself = [sys.executable, "-m", "tests.faults.broken", sys.argv[1]]
    change(remembering, "COMMAND", [*myself, *remembering.COMMAND[3:]])
    sys.argv[:] = ["pilotboat", *sys.argv[2:]]
    from pilotboat.cli.main import main as pilotboat_main  # noqa: PLC0415 - after the change

    pilotboat_main()


if __name__ == "__main__":
    main()
