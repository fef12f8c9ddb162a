# ruff: noqa: INP001 - a script stands alone
"""port.py PORT: silent where a server can listen on it, else one line that says what to do."""

import errno
import socket
import sys

HIGHEST = 65535


def trouble(port: int) -> str:
    """Why nothing can listen on the port, or ""."""
    with socket.socket() as probe:
        # Where a server has just stopped, its old connections must not look like a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
            probe.listen()
        except PermissionError:
            return "may only be used by root"
        except OSError as error:
            return "is in use" if error.errno == errno.EADDRINUSE else str(error)
    return ""


def main(text: str) -> str:
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= port <= HIGHEST:
        return f"PORT is a number from 1 to {HIGHEST}: make serve PORT=8001"
    reason = trouble(port)
    if not reason:
        return ""
    others = range(max(8001, port + 1), HIGHEST + 1)
    free = next((other for other in others if not trouble(other)), 8001)
    return f"port {port} {reason}: make serve PORT={free}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) or None)
