"""The end of listening, without a reset for who has come just before it."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from contextlib import suppress

ATTACH_FILTER = 26
"""SO_ATTACH_FILTER of socket(7) on Linux, which Python does not name."""
DROP = struct.pack("HBBI", 0x06, 0, 0, 0)
"""A classic BPF program of one instruction, `ret #0`: no packet passes."""
TAKEN = 0.1
"""Seconds in which those that had come before are taken."""


def shut(descriptor: int) -> bool:
    """Let nobody new arrive at a listening socket; who has arrived can still be taken.

    The kernel resets every connection that it has accepted and nobody has taken when the socket is closed.
    Who comes after this is left without an answer, tries again, and then finds it closed. Where it cannot
    be done, as in containers whose engine forbids it, all stays as it was. Returns whether it could.
    """
    if sys.platform != "linux":
        return False
    program = ctypes.create_string_buffer(DROP, len(DROP))
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as listener:
        told = struct.pack("HP", 1, ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, told)
        return True
    return False
