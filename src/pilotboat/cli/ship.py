"""`pilotboat store ship`."""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from pilotboat import settings as settings_module
from pilotboat.errors import DataRefusedError, EnvironmentFault, StoreUnavailableError
from pilotboat.imports import resolve
from pilotboat.operations import parking
from pilotboat.operations.shipper import Shipper, alone

OPEN = "pilotboat.operations.store:open_store"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
SPOOL = "spool"
LOOK = 1.0
"""Seconds between two looks whether the server that started this is still there."""
KIND = 2
"""How nice it is to the workers, whose processors it uses."""
EXAMPLES = """\b
Examples:
  pilotboat store ship                 beside a server of another container that shares PILOTBOAT_STATE
  pilotboat store ship --once          before a volume is removed
  pilotboat store ship --parked        after an upgrade that can store what was refused before"""


@click.command(epilog=EXAMPLES)
@click.option("--once", is_flag=True, help="Ship all that there is, and end.")
@click.option(
    "--parked", is_flag=True, help="Store what was refused and parked once more, and end."
)
@click.option("--with-parent", type=int, hidden=True, help="End when this process has ended.")
def ship(*, once: bool, parked: bool, with_parent: int | None) -> None:
    """Bring what waits in PILOTBOAT_STATE/spool into the database.

    A server does that by itself: one such process runs with it. Here it can be run by hand, while no
    server uses the same PILOTBOAT_STATE.
    """
    made = settings_module.read()
    logging.basicConfig(level=made.log_level.upper(), format=FORMAT)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    directory = Path(made.state).absolute() / SPOOL
    opened = partial(_opened, resolve(OPEN), made.store_url)
    if parked:
        _again(directory / parking.DEAD, opened())
        return
    stop = None if once else Stop(with_parent)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(directory, waits=stop if with_parent else None) as ours:
            if ours:
                _shipped(Shipper(directory, opened), stop)
            elif stop is None or not stop.told:
                raise EnvironmentFault(
                    f"Another process ships '{directory}' already: that of a server, most likely.",
                    code="shipped-already",
                )
    except OSError as error:
        raise EnvironmentFault(
            f"'{directory}' cannot be used: {error.strerror}.", code="no-spool"
        ) from error


def _shipped(shipper: Shipper, stop: Stop | None) -> None:
    """Ship until told to stop; without `stop`, what there is."""
    if stop is None:
        _once(shipper)
        return
    with suppress(OSError):
        os.nice(KIND)
    shipper.run(stop)


class Stop:
    """Waits, and says when to stop: after SIGTERM or SIGINT, or when `parent` has ended.

    A server that is stopped from a terminal with SIGINT says so itself, after its workers' last rows.
    """

    def __init__(self, parent: int | None = None) -> None:
        self.parent = parent
        self.told = False
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._tell)
        signal.signal(signal.SIGINT, self._tell if parent is None else signal.SIG_IGN)

    def _tell(self, *_: object) -> None:
        self.told = True

    def __call__(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not self.told:
            left = end - time.monotonic()
            if self.parent is not None and os.getppid() != self.parent:
                self.told = True
            elif left <= 0:
                break
            else:
                select.select([self._read], [], [], min(left, LOOK))
        return self.told


def _opened(open_store: Callable[[str], Any], url: str) -> Any:
    """The store, of which is known that it can be used. Raises `StoreUnavailableError`."""
    store = open_store(url)
    try:
        store.check()
    except StoreUnavailableError:
        store.close()
        raise
    return store


def _once(shipper: Shipper) -> None:
    """Ship all that there is. Raises `EnvironmentFault` that names what remains."""
    before = shipper.progress.stored_rows, shipper.progress.parked_rows
    try:
        while shipper.turn():
            pass
    except StoreUnavailableError as error:
        why = f"the database cannot be used: {error}"
    else:
        why = "see above"
    left = shipper.left()
    shipper.finish(0)
    stored = shipper.progress.stored_rows - before[0]
    parked = shipper.progress.parked_rows - before[1]
    click.echo(f"{stored} rows stored" + (f", {parked} refused and parked" if parked else ""))
    if left:
        names = ", ".join(tail.path.name for tail in left[:3]) + (", …" if left[3:] else "")
        raise EnvironmentFault(
            f"{sum(tail.waiting for tail in left)} bytes remain in {names}: {why}.",
            code="not-shipped",
        )


def _again(dead: Path, store: Any) -> None:
    """Store what is parked. Raises `DataRefusedError` where something is refused once more."""
    stored = refused = 0
    try:
        for path in sorted(dead.glob("*.json")):
            try:
                stored += store.write([parking.load(path)])
                path.unlink()
            except FileNotFoundError:  # it had to make room
                continue
            except (DataRefusedError, ValueError):
                refused += 1
    finally:
        store.close()
    click.echo(f"{stored} rows stored")
    if refused:
        raise DataRefusedError(
            f"{refused} of the parked records in '{dead}' are refused once more."
        )
