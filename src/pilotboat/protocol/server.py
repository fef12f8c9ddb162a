"""The server around the connections: it leaves without losing a request, and watches the slow."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from pilotboat.protocol.listening import TAKEN, shut

TICK = 0.5
"""Seconds between two looks at the connections."""
TURN = 0.001
"""Seconds that a thread may keep the others waiting: Python's own 5 ms is longer than an answer."""


class State(ServerState):
    """What the connections of a server share. leaving: it is about to stop."""

    leaving = False


class Server(uvicorn.Server):
    """uvicorn's server. on_started: called once it takes connections. owns: nobody else listens where
    it does; a supervisor sees to that for its workers.

    When it is told to stop it says so at once: its application gets `leave()`, so that it is no longer
    ready, and each answer from then on is the last of its connection. Relies on what uvicorn keeps
    private: `server_state`, made in the constructor and handed to every connection.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        on_started: Callable[[], None] | None = None,
        *,
        owns: bool = True,
    ) -> None:
        super().__init__(config)
        self.server_state: State = State()
        self.on_started = on_started
        self.owns = owns

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.server_state.leaving = True
        leave = getattr(self.config.loaded_app, "leave", None) if self.config.loaded else None
        if leave is not None:
            leave()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _settle()
            self._watching = asyncio.get_running_loop().create_task(self._watch())
            if self.on_started is not None:
                self.on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        """Stop taking connections, and finish with those that there are.

        The sockets are closed by the loop's servers, which own them.
        """
        self.server_state.leaving = True
        if self.owns:
            for server in self.servers:
                for listener in server.sockets:
                    shut(listener.fileno())
        await asyncio.sleep(TAKEN)
        try:
            await super().shutdown()
        finally:
            self._watching.cancel()

    async def _watch(self) -> None:
        """Close connections whose time is up."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK)
            now = loop.time()
            connections: list[Any] = list(self.server_state.connections)
            for connection in connections:
                if connection.due is not None and now > connection.due:
                    connection.overdue()


def _settle() -> None:
    """Spare the collector of garbage what has been loaded: it lives as long as the process.

    Looking through it takes longer than hundreds of answers, and a request of many rows brings that on.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(TURN)
