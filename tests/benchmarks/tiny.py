"""python tiny.py PORT LABEL: a server that says LABEL to every row."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    label: ClassVar[str]

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        share = asked["age"] or 0.0
        shares = {"no": 1 - share, "yes": share}
        told = json.dumps({"prediction": self.label, "probabilities": shares}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)


if __name__ == "__main__":
    Handler.label = sys.argv[2]
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
