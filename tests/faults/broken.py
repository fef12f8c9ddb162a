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

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

import pilotboat.gunicorn
from pilotboat.errors import PilotboatError
from pilotboat.http import body
from pilotboat.http.admission import Admission
from pilotboat.operations import metrics
from pilotboat.operations.seat import Seat
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
    )
}


def main() -> None:
    """Build the defect in, and be `pilotboat` with the arguments that follow."""
    DEFECTS[sys.argv[1]]()
    sys.argv[:] = ["pilotboat", *sys.argv[2:]]
    from pilotboat.cli.main import main as pilotboat_main  # noqa: PLC0415 - after the change

    pilotboat_main()


if __name__ == "__main__":
    main()
