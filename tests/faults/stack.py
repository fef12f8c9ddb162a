"""The real thing, started: the server with its workers, nginx with the shipped file, the load."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Self

from tests.factories import PILOTBOAT, Server, clean_environment, free_port
from tests.faults.fleet import Fleet
from tests.faults.load import Plan
from tests.faults.outcome import Outcome
from tests.faults.processes import accepting, accepts, children, listeners, until

ROOT = Path(__file__).parents[2]
NGINX_CONF = ROOT / "docker" / "nginx" / "nginx.conf"
PEER = "        server server:8000 max_fails=0;\n"


class Served(Server):
    """`pilotboat serve` under gunicorn, with one defect built in if `defect` names one."""

    def __init__(
        self, fleet: Fleet, *options: str, workers: int = 2, defect: str = "", **env: str
    ) -> None:
        trusted = ["--trust", fleet.trust] if fleet.trust else []
        env = {
            "PILOTBOAT_MODEL": "titanic",
            "PILOTBOAT_LOG_LEVEL": "warning",
            "PILOTBOAT_STATE": str(fleet.path / ".state"),
            "PILOTBOAT_CACHE_BYTES": "0",  # a slow model is to be slow
            **env,
        }
        super().__init__(fleet.path, "--workers", str(workers), *trusted, *options, **env)
        self.boot = 0.0
        self.workers = workers
        if defect:
            broken = [sys.executable, "-m", "tests.faults.broken", defect]
            self.command = [*broken, *self.command[len(PILOTBOAT) :]]

    def __enter__(self) -> Self:
        began = time.monotonic()
        super().__enter__()
        self.settle()
        self.boot = time.monotonic() - began
        return self

    @property
    def master(self) -> int:
        return self.process.pid

    def serving(self) -> list[int]:
        """The workers that accept connections; a single one is the server itself."""
        if self.workers == 1:
            return [self.master] if accepts(self.master, listeners(self.port)) else []
        return accepting(self.master, self.port)

    def descendants(self) -> list[int]:
        return children(self.master)

    def settle(self, seconds: float = 60.0) -> None:
        """Wait until every worker accepts. (`boot`: how long that took at the start.)"""
        until(lambda: len(self.serving()) >= self.workers, seconds, "every worker is there")

    def reload(self, timeout: float = 180.0) -> subprocess.CompletedProcess[str]:
        """`pilotboat reload`, as an operator calls it."""
        return subprocess.run(
            [*PILOTBOAT, "reload", "--port", str(self.port)],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


class Proxy:
    """nginx with the file that is shipped, on loopback: port for plain HTTP, and tls.

    The TLS server listens without TLS too, so that the load generator need not encrypt. peers: how
    often the server's address is listed; as shipped, four times. The rest of the file is as it is.
    """

    def __init__(self, upstream: int, home: Path, *, peers: int = 4, retry: bool = True) -> None:
        self.port, self.tls, self.redirect = free_port(), free_port(), free_port()
        self.home = Path(tempfile.mkdtemp(dir=home))
        self.log = self.home / "error.log"
        (self.home / "conf.d").mkdir()
        (self.home / "conf.d" / "redirect.conf").write_text(
            f"map $host $secure_origin {{ default https://$host:{self.tls}; }}\n"
        )
        certificate(self.home)
        self.file = self.home / "nginx.conf"
        self.file.write_text(self._adapted(upstream, peers, retry=retry))

    def _adapted(self, upstream: int, peers: int, *, retry: bool) -> str:
        """The shipped file with addresses and paths of this machine; each must have been there."""
        text = NGINX_CONF.read_text()
        changes = {
            PEER * 4: PEER * peers,
            "server:8000": f"127.0.0.1:{upstream}",
            "/tmp/": f"{self.home}/",
            "/dev/stderr": str(self.log),
            "/dev/stdout": str(self.home / "access.log"),
            "/etc/nginx/conf.d/": f"{self.home}/conf.d/",
            "/run/secrets/": f"{self.home}/",
            "listen 8080 default_server;": f"listen 127.0.0.1:{self.redirect} default_server;",
            "listen 8443 ssl default_server;": (
                f"listen 127.0.0.1:{self.tls} ssl; listen 127.0.0.1:{self.port};"
            ),
        }
        if version() < (1, 25, 1):  # where `http2` is no directive yet
            changes["        http2 on;\n"] = ""
        if not retry:
            changes["proxy_next_upstream error timeout http_502 non_idempotent;"] = ""
        for old, new in changes.items():
            assert old in text, f"nginx.conf has no {old!r} any more"
            text = text.replace(old, new)
        return text

    def __enter__(self) -> Self:
        owner = "user root; " if os.geteuid() == 0 else ""  # the files here are nobody else's
        command = ["nginx", "-c", str(self.file), "-p", str(self.home), "-e", str(self.log)]
        self.process = subprocess.Popen([*command, "-g", f"{owner}daemon off;"])
        until(lambda: bool(accepting(self.process.pid, self.port)), 10, f"nginx, see {self.log}")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)

    def upstream_statuses(self) -> list[str]:
        """What nginx met at each try of each request."""
        found = re.findall(r'"upstream_status":"([^"]*)"', (self.home / "access.log").read_text())
        return [status for one in found for status in one.split(", ")]


def version() -> tuple[int, ...]:
    """The version of the nginx that is installed."""
    told = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return tuple(map(int, told.split("/")[1].split()[0].split(".")))


def certificate(home: Path) -> None:
    """A pair as `make certs` makes it, written beside a copy of the script."""
    shutil.copy(ROOT / "docker" / "certs.sh", home)
    subprocess.run(["sh", str(home / "certs.sh")], check=True, capture_output=True)
    for name, wanted in (("server.crt", "certificate"), ("server.key", "key")):
        shutil.copy(home / "certs" / name, home / wanted)


class Load:
    """A load that runs in a process of its own."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(),
            cwd=ROOT,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(plan)) + "\n")
        self.process.stdin.flush()
        self.began = time.monotonic()

    def wait(self) -> None:
        """Until the first good answer."""
        assert self.process.stdout is not None
        started = self.process.stdout.readline()
        assert started == "started\n", started
        self.began = time.monotonic()

    def stop(self) -> Outcome:
        """Tell it to end without asking for its least; for a server that is gone."""
        self.process.send_signal(signal.SIGTERM)
        return self.result()

    def result(self) -> Outcome:
        """Tell it to end, unless it knows when; what became of it."""
        told, _ = self.process.communicate(timeout=900)
        assert self.process.returncode == 0
        return Outcome.parse(told.splitlines()[-1])


@contextmanager
def loads(*plans: Plan, wait: bool = True) -> Iterator[list[Load]]:
    """Loads that run together, none of which outlives the block. wait: until each has an answer."""
    running: list[Load] = []
    try:
        running += map(Load, plans)
        for load in running if wait else ():
            load.wait()
        yield running
    finally:
        for load in running:
            if load.process.poll() is None:
                load.process.kill()
                load.process.wait()
            for pipe in (load.process.stdin, load.process.stdout):
                if pipe is not None and not pipe.closed:
                    pipe.close()


def put(plan: Plan) -> Outcome:
    """Put a load on a server to its end."""
    with loads(plan) as (one,):
        return one.result()
