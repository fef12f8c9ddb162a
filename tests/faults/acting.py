"""`python -m tests.faults.acting [DEFECT]`: processes that write a spool or ship it, to be traced and killed.

Everything is imported once, and each actor is forked from there: what it calls of the kernel is what its
act takes. It waits until it is told to go, so that a tracer can be attached before. Reads a line for each
act on standard input, answers with its process id, waits for another line, and answers how it ended.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import sys
import tempfile
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pilotboat.errors import SpoolFullError
from pilotboat.operations.segments import PREDICTION
from pilotboat.operations.shipper import Shipper
from pilotboat.operations.spool import Full, Spool
from pilotboat.operations.store import open_store
from tests.spooled import SMALL, fill, prediction

ACKNOWLEDGED = "acknowledged"
"""The file of what the writer was told is kept: a request a line."""
LOGGED = "logged"
PR_SET_PTRACER, ANYBODY = 0x59616D61, -1


@dataclass(frozen=True)
class Act:
    """What an actor does. what: write | ship. home: of the spool, the store and what is noted of both.

    rows: are written, in the name of requests that begin with `mark`. url: of the store; "": a file.
    """

    what: str
    home: str
    rows: int = 0
    mark: str = "r"
    url: str = ""
    full: Full = "drop_newest"
    synced: bool = False
    most: int = SMALL


def write(act: Act, note: int) -> None:
    """Keep predictions, and note each one that is kept: as a worker that answers then."""
    spool = Spool(Path(act.home) / "spool", act.most, act.full, syncs=act.synced)

    async def answer() -> None:
        for number in range(act.rows):
            request = f"{act.mark}-{number}"
            before = spool.rows
            with suppress(SpoolFullError):
                spool.append(PREDICTION, 1, prediction(request, "x" * 300))
                if act.synced:
                    await spool.synced()
                if spool.rows > before:
                    os.write(note, f"{request}\n".encode())

    if act.synced:
        asyncio.run(answer())
    else:
        with suppress(StopIteration):
            answer().send(None)
    os.write(note, f"{act.mark} {sum(spool.dropped.values())} dropped\n".encode())
    spool.close()


def ship(act: Act) -> None:
    """Ship what there is, and go on for as long as there is a file called `open`."""
    home = Path(act.home)
    url = act.url or f"sqlite:///{home / 'predictions.db'}"
    shipper = Shipper(home / "spool", lambda: open_store(url))
    while shipper.turn() or (home / "open").exists():
        pass
    shipper.finish()


def perform(act: Act, ready: int, go: int) -> None:
    """Be an actor. Whatever it needs is open before it is ready, and it goes when it is told to."""
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)  # where only ancestors may trace
    home = Path(act.home)
    note = os.open(home / ACKNOWLEDGED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    log = (home / LOGGED).open("a")
    logging.basicConfig(stream=log, level=logging.INFO, force=True)
    os.write(ready, b".")
    os.read(go, 1)
    if act.what == "write":
        write(act, note)
    else:
        ship(act)


def warm() -> None:
    """Import what is imported when it is needed."""
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home) / "spool", [prediction("r", 1)])
        ship(Act("ship", home))


def serve() -> None:
    """Fork an actor for each line."""
    warm()
    for line in sys.stdin:
        act = Act(**json.loads(line))
        read, go = os.pipe()
        heard, ready = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                perform(act, ready, read)
                code = 0
            except Exception:  # noqa: BLE001 - the actor ends here, and not the others
                traceback.print_exc()
            finally:
                logging.shutdown()
                os._exit(code)
        os.close(ready)
        os.read(heard, 1)  # nothing, if it has ended: whoever lets it go will see
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdin.readline()
        os.write(go, b".")
        _, status = os.waitpid(child, 0)
        for end in (read, go, heard):
            os.close(end)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def told(act: Act) -> str:
    """An act as a line."""
    return json.dumps(asdict(act))


def main() -> None:
    if sys.argv[1:] and sys.argv[1]:
        defects: Any = __import__("tests.faults.broken", fromlist=["DEFECTS"])
        defects.DEFECTS[sys.argv[1]]()
    serve()


if __name__ == "__main__":
    main()
