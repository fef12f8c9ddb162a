"""Gives up on a database that accepts and never answers."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from threading import Lock, Timer
from types import TracebackType
from typing import Self


class Deadline:
    """Shuts a connection down where the block has not ended after so many seconds; None: never.

    Whoever waits for the connection is told by the kernel that nobody is there any more. Timeouts of the
    server are of no use for that: a suspended one counts no time.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.expired = False
        self._end = 0.0 if seconds is None else time.monotonic() + seconds
        self._over = False
        self._lock = Lock()
        self._line: socket.socket | None = None
        self._timer: Timer | None = None

    def watch(self, descriptor: int) -> None:
        """The socket to shut down. It is not closed, nor used for anything else."""
        if self.seconds is None:
            return
        self._line = socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM)
        self._timer = Timer(max(0.0, self._end - time.monotonic()), self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _expire(self) -> None:
        with self._lock:
            if self._over or self._line is None:
                return
            self.expired = True
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._line is not None:
            self._line.close()
