from __future__ import annotations

import os
import socket
import sys

import pytest

from pilotboat.protocol.listening import shut


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of another system")
def test_who_has_come_is_taken_and_nobody_comes_any_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        address = listener.getsockname()
        with socket.create_connection(address) as early:
            early.sendall(b"early")
            if not shut(listener.fileno()):
                pytest.skip("this container's engine does not let it be done")
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.2)
            taken, _ = listener.accept()
            with taken:
                assert taken.recv(5) == b"early"
                taken.sendall(b"answer")
                assert early.recv(6) == b"answer"


def test_what_cannot_be_shut_stays_as_it_is() -> None:
    assert not shut(-1)
    with open(os.devnull) as file:  # noqa: PTH123 - a descriptor that is no socket
        assert not shut(file.fileno())
