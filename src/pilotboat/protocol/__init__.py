"""HTTP/1.1 as this server speaks it, on uvicorn and httptools."""

from pilotboat.protocol.connection import Connection
from pilotboat.protocol.server import Server

__all__ = ["Connection", "Server"]
