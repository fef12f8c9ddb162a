"""What the server shows of itself: when it is ready, which paths there are, what it gives away."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.factories import RECORD, damaged, pack_house, pack_titanic
from tests.faults.fleet import Fleet
from tests.faults.stack import Served
from tests.faults.verdict import Verdict, broken, hold


def unready(home: Path, models: str, defect: str = "") -> Verdict:
    """Readiness where there is no model, where all failed, and where one of three did."""
    repository = home / "repository"
    repository.mkdir()
    if models != "none":
        good = pack_titanic(home / "elsewhere")
        broken_one = repository / "broken"
        broken_one.mkdir()
        damaged(good.path, broken_one)
    if models == "one of three":
        pack_titanic(repository)
        pack_house(repository)
    fleet = Fleet(repository, "", ())
    with Served(fleet, defect=defect, wait_for="/livez") as served:
        wanted = {"/livez": 200, "/readyz": 503, "/health": 503}
        got = {path: served.client.get(path).status_code for path in wanted}
        if models == "one of three":
            path = "/v1/models/titanic:predict"
            wanted[path], got[path] = 200, served.client.post(path, json=SINGLE).status_code
    return Verdict(
        "T41",
        f"models that cannot be served: {models}",
        "probes",
        len(got),
        sum(got[path] != wanted[path] for path in wanted),
        complaints=broken((got == wanted, f"{got} in place of {wanted}")),
        defect=defect,
    )


SINGLE = {"instances": [RECORD]}
NAMES = [
    *("..", "../titanic", "..%2ftitanic", "%2e%2e", "%2e%2e%2ftitanic", "..%5ctitanic", "..\\x"),
    *("titanic%00", "%00", "%252e%252e", "..%252f..%252fetc%252fpasswd", "%E2%80%A4%E2%80%A4"),
    *("titanic.", ".titanic", ".", "%2fetc%2fpasswd", "/etc/passwd", "TITANIC", "a" * 256, "con"),
    *("titanic%2f1", "~root", "$HOME", "titanic;x", "titanic%0d%0aX-Evil:%201", "-", "%20titanic"),
]


def paths() -> Iterator[tuple[str, str]]:
    """Every way in which a name or a version stands in a path."""
    for name in NAMES:
        yield "GET", f"/v1/models/{name}"
        yield "POST", f"/v1/models/{name}:predict"
        yield "POST", f"/v1/models/titanic/versions/{name}:predict"
        yield "POST", f"/v1/models/{name}/versions/1:predict"
        yield "GET", f"/v2/models/{name}/versions/{name}"


@contextmanager
def traced(pids: list[int], log: Path) -> Iterator[bool]:
    """Note every file that these processes open; whether that could be done."""
    if shutil.which("strace") is None:
        yield False
        return
    command = ["strace", "-f", "-e", "trace=%file", "-s", "512", "-o", str(log)]
    for pid in pids:
        command += ["-p", str(pid)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        attached = "attached" in process.stderr.readline()
        yield attached
    finally:
        process.terminate()
        process.communicate(timeout=30)


def crossed(fleet: Fleet, home: Path, defect: str = "") -> Verdict:
    """Names that would lead out of the repository lead nowhere."""
    log, told, count = home / "strace.log", [], 0
    with Served(fleet, defect=defect) as served, traced(served.serving(), log) as attached:
        for method, path in paths():
            status = answered(served.port, method, path)
            count += 1
            if status not in (400, 404, 405, 422):
                told.append(f"{method} {path}: {status}")
        opened = re.findall(r'open\w*\([^"]*"([^"]*)"', log.read_text()) if attached else []
    outside = [name for name in opened if not name.startswith(str(fleet.path))]
    return Verdict(
        "T66",
        "names of models and versions that are made to lead elsewhere",
        "one after the other",
        count,
        len(told),
        note="no file was opened meanwhile" if attached else "without strace: by status alone",
        complaints=broken(
            (not told, "; ".join(told)),
            (not outside, f"files were opened: {outside[:5]}"),
        ),
        defect=defect,
    )


def answered(port: int, method: str, path: str) -> int:
    """The status for a target that is sent as it is."""
    body = json.dumps(SINGLE).encode() if method == "POST" else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(
            f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
        )
        got = b""
        while data := connection.recv(65536):
            got += data
    return int(got.split(b" ")[1])


def leaks(served: Served) -> re.Pattern[str]:
    """What must not be shown: where things are, what they are made of, who runs them."""
    own = [str(served.env.get("HOME", "")), socket.gethostname(), sys.executable, str(Path.cwd())]
    fixed = [
        *(r"Traceback", r"\.py\b", r"/tmp/", r"/usr/", r"/home/", r"site-packages"),
        *(r"\bsklearn\b", r"scikit", r"\bnumpy\b", r"starlette", r"uvicorn", r"gunicorn"),
        *(r"pydantic", r"orjson", r"httptools", r"CPython", r"s3cret"),
    ]
    return re.compile(
        "|".join([*fixed, *(re.escape(one) for one in own if len(one) > 2)]), re.IGNORECASE
    )


def leaky(fleet: Fleet, defect: str = "") -> Verdict:
    """Everything that anybody can see is read for what is nobody's business."""
    told, count = [], 0
    with Served(fleet, defect=defect) as served:
        pattern = leaks(served)
        for method, path, body in faces():
            reply = served.client.request(
                method, path, content=body, headers={"content-type": "application/json"}
            )
            count += 1
            shown = reply.text + "".join(f"\n{k}: {v}" for k, v in reply.headers.items())
            shown = shown.replace('engine="sklearn"', "")  # a word of ours, beside plan and onnx
            told += [f"{method} {path}: {found[0]!r}" for found in pattern.finditer(shown)][:2]
            if "server" in reply.headers or "x-powered-by" in reply.headers:
                told.append(f"{method} {path} names the server")
    return Verdict(
        "T68",
        "what answers, errors, /metrics and /openapi.json give away",
        "one after the other",
        count,
        len(told),
        complaints=broken((not told, "; ".join(told))),
        defect=defect,
    )


def faces() -> Iterator[tuple[str, str, bytes]]:
    """Requests whose answers are read."""
    for path in ("/", "/livez", "/readyz", "/health", "/metrics", "/openapi.json", "/v1/models"):
        yield "GET", path, b""
    for path in ("/v1/models/titanic", "/v1/models/nobody", "/nothing", "/v1/models/..%2f"):
        yield "GET", path, b""
    for path in ("/predict", "/v1/models/titanic:predict", "/v1/models/slow:predict"):
        for body in (
            b"",
            b"{",
            b"null",
            b"[]",
            b'{"age": "s3cret"}',
            b"\xff",
            b'{"instances": [1]}',
        ):
            yield "POST", path, body
        yield "POST", path, json.dumps({"instances": [{"x": "s3cret", "age": "s3cret"}]}).encode()
    yield "POST", "/v1/models/slow:predict", b'{"instances": [{"x": 1e308}]}'
    yield "DELETE", "/predict", b""


@pytest.mark.parametrize("models", ["none", "all", "one of three"])
def test_a_server_without_its_models_is_alive_and_not_ready(tmp_path: Path, models: str) -> None:
    """T41"""
    hold(unready(tmp_path, models))


def test_no_name_leads_out_of_the_repository(quick: Fleet, tmp_path: Path) -> None:
    """T66"""
    hold(crossed(quick, tmp_path))


def test_nothing_is_given_away(fleet: Fleet) -> None:
    """T68"""
    hold(leaky(fleet))
