"""A network between two: it delivers, or swallows what it is given and tells nobody."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Relay:
    """A port of the loopback address that leads to another, while it delivers."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self._swallows = threading.Event()
        self._over = threading.Event()
        self._pairs: dict[socket.socket, socket.socket | None] = {}
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def swallow(self) -> None:
        """From now on nothing arrives, and no connection is closed."""
        self._swallows.set()

    def deliver(self) -> None:
        """What is sent from now on arrives; connections that missed something are dead."""
        self._swallows.clear()

    def _run(self) -> None:
        self._selector.register(self.listener, selectors.EVENT_READ)
        while not self._over.is_set():
            for key, _ in self._selector.select(0.05):
                if key.fileobj is self.listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._pass_on(key.fileobj)

    def _accept(self) -> None:
        near, _ = self.listener.accept()
        self._add(near, None)
        if self._swallows.is_set():
            return
        with suppress(OSError):
            far = socket.create_connection(("127.0.0.1", self.to))
            self._add(far, near)
            self._pairs[near] = far

    def _add(self, one: socket.socket, other: socket.socket | None) -> None:
        self._pairs[one] = other
        self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket) -> None:
        try:
            told = one.recv(65536)
        except OSError:
            told = b""
        if one not in self._pairs:
            return
        other = self._pairs[one]
        if told and self._swallows.is_set():
            self._pairs[one] = None  # it has missed something
        elif told and other is not None:
            with suppress(OSError):
                other.sendall(told)
        elif not told or other is None:
            self._end(one)
            if other is not None:
                self._end(other)

    def _end(self, one: socket.socket) -> None:
        if self._pairs.pop(one, one) is not one:
            self._selector.unregister(one)
        one.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        for one in [self.listener, *self._pairs]:
            one.close()
        self._selector.close()
