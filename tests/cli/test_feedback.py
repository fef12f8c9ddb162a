"""`pilotboat feedback` against a server that keeps predictions."""

from __future__ import annotations

import json
import sqlite3
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pilotboat.cli import caller
from pilotboat.operations.ring import fresh, line
from tests import factories
from tests.cli.conftest import Command
from tests.cli.test_main import one_line
from tests.factories import RECORD, Server, free_port

pytest.importorskip("sqlalchemy", reason="needs the extra 'store'")


class Keeping(Server):
    """A server that keeps predictions in `state`. key: one for the model titanic alone."""

    state: Path
    key: str


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("models")
    factories.pack_titanic(repository)
    factories.pack_reviews(repository)
    return repository


@pytest.fixture(scope="module")
def keeping(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeping]:
    state = tmp_path_factory.mktemp("state")
    made = Keeping(
        models,
        PILOTBOAT_STATE=str(state),
        PILOTBOAT_PREDICTION_LOG="true",
        PILOTBOAT_MODEL="titanic",
        PILOTBOAT_MAX_ROWS="400",
    )
    made.state = state
    with made:
        yield made


@pytest.fixture
def told(pilotboat: Command, keeping: Keeping, tmp_path: Path) -> Any:
    """`pilotboat feedback` of a text, to that server."""

    def feedback(text: str, *options: str | Path) -> Any:
        file = tmp_path / "outcomes"
        file.write_text(text)
        return pilotboat("feedback", file, "--url", keeping.url, *options)

    return feedback


def stored(keeping: Keeping, name: str) -> list[tuple[Any, ...]]:
    """The outcomes of requests whose ids begin so, as the database has them once it has any."""
    query = (
        "SELECT request, row, model, json_extract(actual, '$') FROM outcomes "
        "WHERE request LIKE ? ORDER BY time, event, item"
    )
    for _ in range(300):
        try:
            place = f"{(keeping.state / 'predictions.db').as_uri()}?mode=ro"
            with closing(sqlite3.connect(place, uri=True)) as database:
                found = database.execute(query, [f"{name}%"]).fetchall()
        except sqlite3.OperationalError:  # it is not there yet
            found = []
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(keeping.logged())


def test_outcomes_are_joined_with_what_was_predicted(told: Any, keeping: Keeping) -> None:
    ids = [keeping.client.post("/predict", json=RECORD).json()["id"] for _ in range(3)]
    said = told("id,actual\n" + "".join(f"{one},no\n" for one in ids), "--model", "titanic")
    assert (said.code, said.err) == (0, "")
    assert said.out == f"3 outcomes accepted by {keeping.url}\n"
    assert [row[0] for row in (stored(keeping, one)[0] for one in ids)] == ids
    for one in ids:
        for _ in range(300):
            page = keeping.client.get("/v1/predictions", params={"id": one}).json()
            if page["predictions"]:
                break
            time.sleep(0.1)
        assert [found["actual"] for found in page["predictions"]] == ["no"]


def test_text_is_sent_in_the_type_of_the_model(told: Any, keeping: Keeping) -> None:
    said = told("id,row,actual,model\nt-1,,yes,titanic\nt-2,4,1,reviews\n")
    assert said.code == 0, said.err
    assert stored(keeping, "t-") == [("t-1", 0, "titanic", "yes"), ("t-2", 4, "reviews", 1)]


def test_more_than_the_server_takes_at_once_goes_in_parts(told: Any, keeping: Keeping) -> None:
    lines = "".join(f'{{"id":"many-{n}","actual":{n}}}\n' for n in range(1_300))
    said = told(lines)
    assert said.code == 0, said.err
    assert said.out == f"1,300 outcomes accepted by {keeping.url}\n"
    end = time.monotonic() + 30
    while len(found := stored(keeping, "many-")) < 1_300 and time.monotonic() < end:
        time.sleep(0.1)
    assert {(one[0], one[3]) for one in found} == {(f"many-{n}", n) for n in range(1_300)}
    assert len(found) == 1_300


def test_standard_input_is_read_twice_all_the_same(keeping: Keeping) -> None:
    done = factories.run(
        *("feedback", "-", "--url", keeping.url, "--model", "titanic"),
        input="id,actual\npiped,yes\n",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert stored(keeping, "piped") == [("piped", 0, "titanic", "yes")]


def test_nothing_is_sent_of_a_file_with_a_fault(told: Any, keeping: Keeping) -> None:
    lines = [f"f-{n},{'maybe' if n % 2 else 'yes'}" for n in range(60)]
    said = told("id,actual\n" + "\n".join(lines), "--model", "titanic")
    assert said.code == 3
    first, *_, last = said.err.splitlines()
    assert first == "line 3, actual: expected one of 'no', 'yes'"
    assert last == "pilotboat: 30 faults, 10 of them not shown: nothing was sent."
    assert len(said.err.splitlines()) == 21
    told("id,actual\nafter,yes\n", "--model", "titanic")
    stored(keeping, "after")
    place = f"{(keeping.state / 'predictions.db').as_uri()}?mode=ro"
    with closing(sqlite3.connect(place, uri=True)) as database:
        assert database.execute(
            "SELECT count(*) FROM outcomes WHERE request LIKE 'f-%'"
        ).fetchone() == (0,)


@pytest.mark.parametrize(
    ("text", "options", "code", "says"),
    [
        ("id,actual\na,yes\n", ["--model", "titanik"], 2, "no model 'titanik'"),
        ("id,actual\na,yes\n", ["--model", "a/b"], 2, "no model 'a/b'"),
        ("id,actual\na,yes\n", [], 2, "--model"),
        ("", [], 3, "empty"),
        ("id,actual\n", [], 3, "no outcomes"),
        ("id,actuall\n", [], 3, "'actual'"),
        ('{"id":"a"}\n', [], 3, "nothing was sent"),
        ("id,actual\n", ["--url", "ftp://here"], 2, "--url"),
        ("id,actual\n", ["--url", "http://a:b@here"], 2, "--url"),
        ("id,actual\n", ["--url", "http://here:99999"], 2, "--url"),
        ("id,actual\n", ["--url", "here:8000"], 2, "--url"),
        ("id,actual\n", ["--key-file", "nowhere"], 2, "nowhere"),
        ("id,actual\n", ["--url", "https://here", "--ca-file", "nowhere"], 2, "nowhere"),
    ],
)
def test_what_cannot_be_sent_is_said(
    told: Any, text: str, options: list[str], code: int, says: str
) -> None:
    said = told(text, *options)
    assert said.code == code
    assert says in said.err
    one_line(said.err.splitlines(keepends=True)[-1])


def test_a_file_that_is_not_there_is_said(pilotboat: Command) -> None:
    said = pilotboat("feedback", "nowhere.csv")
    assert said.code == 3
    one_line(said.err)


def test_nobody_takes_it(pilotboat: Command, tmp_path: Path) -> None:
    file = tmp_path / "outcomes.jsonl"
    file.write_text('{"id":"a","actual":1}\n')
    port = free_port()
    said = pilotboat("feedback", file, "--url", f"http://127.0.0.1:{port}")
    assert said.code == 4
    assert "Connection refused" in said.err
    one_line(said.err)


def test_a_server_without_a_prediction_log_says_so(
    pilotboat: Command, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "outcomes.csv"
    file.write_text("id,actual\na,yes\n")
    said = pilotboat("feedback", file, "--url", f"{server.url}/")
    assert said.code == 4
    assert "PILOTBOAT_PREDICTION_LOG" in said.err
    one_line(said.err)


def test_a_key_is_shown_and_speaks_of_its_model(
    pilotboat: Command, models: Path, tmp_path: Path
) -> None:
    key = fresh("caller")
    keys, secret, file = tmp_path / "keys", tmp_path / "key", tmp_path / "outcomes.csv"
    for path, text in ((keys, line(key, ["predict:titanic"])), (secret, f"{key}\n")):
        path.write_text(text)
        path.chmod(0o600)
    file.write_text("id,actual\na,yes\n")
    settings = {
        "PILOTBOAT_API_KEYS_FILE": str(keys),
        "PILOTBOAT_STATE": str(tmp_path / "state"),
        "PILOTBOAT_PREDICTION_LOG": "true",
    }
    with Server(models, **settings) as locked:
        where = ("feedback", file, "--url", locked.url)
        assert "401" in pilotboat(*where).err
        shown = (*where, "--key-file", secret)
        said = pilotboat(*shown, "--model", "titanic")
        assert (said.code, said.err) == (0, "")
        said = pilotboat(*shown)
        assert said.code == 4
        assert '"model"' in said.err
        assert "403" in pilotboat(*shown, "--model", "reviews").err
    assert key not in said.err


Answer = tuple[int, dict[str, str], Any]
"""Status, headers, and a document or bytes."""


@contextmanager
def answering(
    *replies: Answer | None, context: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[Any]]]:
    """A port that gives these answers, one a request, and the documents that it was sent.

    None: it hangs up.
    """
    left, sent = list(replies), list[Any]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            reply = left.pop(0)
            if reply is None:
                self.close_connection = True
                return
            status, headers, document = reply
            raw = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(raw))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        if context is not None:
            listener.socket = context.wrap_socket(listener.socket, server_side=True)
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield listener.server_address[1], sent
        listener.shutdown()
        thread.join()


TAKEN: Answer = (202, {}, {"accepted": 1, "id": "x"})
BUSY: Answer = (503, {"retry-after": "0"}, {"detail": "Not now."})


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A file of a single outcome that needs no model."""
    file = tmp_path / "one.jsonl"
    file.write_text('{"id":"a","actual":1}\n')
    return file


def test_a_server_that_is_busy_is_asked_again(pilotboat: Command, one: Path) -> None:
    rate = (429, {"retry-after": "0"}, b"<html>")
    with answering(BUSY, rate, TAKEN) as (port, sent):
        said = pilotboat("feedback", one, "--url", f"http://127.0.0.1:{port}")
    assert (said.code, said.err) == (0, "")
    assert sent == [{"outcomes": [{"id": "a", "row": 0, "actual": 1}]}] * 3


def test_a_server_that_stays_busy_is_given_up(pilotboat: Command, one: Path) -> None:
    tries = len(caller.WAITS) + 1
    with answering(*[BUSY] * tries) as (port, sent):
        said = pilotboat("feedback", one, "--url", f"http://127.0.0.1:{port}")
    assert said.code == 4
    assert "says 503: Not now." in said.err
    assert len(sent) == tries
    one_line(said.err)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A file of so many outcomes that they are sent in two requests."""
    file = tmp_path / "two.jsonl"
    file.write_text('{"id":"a","actual":1}\n' * 1_001)
    return file


def test_a_connection_that_breaks_is_made_anew(
    pilotboat: Command, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "WAITS", (0.01, 0.01))
    with answering(TAKEN, None, TAKEN) as (port, sent):
        said = pilotboat("feedback", two, "--url", f"http://127.0.0.1:{port}")
    assert (said.code, said.err) == (0, "")
    assert [len(document["outcomes"]) for document in sent] == [1_000, 1, 1]


def test_what_was_accepted_before_a_failure_is_said(pilotboat: Command, two: Path) -> None:
    with answering(TAKEN, (202, {}, b"{")) as (port, _):
        said = pilotboat("feedback", two, "--url", f"http://127.0.0.1:{port}")
    assert said.code == 4
    first, last = said.err.splitlines()
    assert first.startswith("1,000 of 1,001 outcomes were accepted before that")
    assert "is not Pilotboat" in last


def test_a_fault_that_the_server_finds_has_its_line(pilotboat: Command, tmp_path: Path) -> None:
    file = tmp_path / "outcomes.jsonl"
    file.write_text('{"id":"a","actual":1}\n\n\n{"id":"b","actual":2}\n')
    fault = {"pointer": "/outcomes/1/actual", "code": "wrong-type", "detail": "expected text"}
    refusal: Answer = (422, {}, {"detail": "", "errors": [fault], "errors_total": 1})
    with answering(refusal) as (port, _):
        said = pilotboat("feedback", file, "--url", f"http://127.0.0.1:{port}")
    assert said.code == 3
    assert "line 4, actual: expected text" in said.err


@pytest.mark.parametrize(
    "reply",
    [(200, {}, b"hello"), (202, {}, [1]), (302, {"location": "/"}, b""), (404, {}, b"<html>")],
)
def test_who_is_not_pilotboat_is_told(pilotboat: Command, one: Path, reply: Any) -> None:
    with answering(reply) as (port, _):
        said = pilotboat("feedback", one, "--url", f"http://127.0.0.1:{port}")
    assert said.code == 4
    assert "not Pilotboat" in said.err
    one_line(said.err)


def test_tls_is_spoken_with_who_is_trusted(pilotboat: Command, one: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = ["-nodes", "-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make, *names, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with answering(TAKEN, context=context) as (port, sent):
        url = f"https://127.0.0.1:{port}"
        said = pilotboat("feedback", one, "--url", url)
        assert said.code == 4
        assert "not trusted" in said.err
        assert "--ca-file" in said.err
        said = pilotboat("feedback", one, "--url", url, "--ca-file", certificate)
        assert (said.code, said.err) == (0, "")
    assert len(sent) == 1
    said = pilotboat("feedback", one, "--url", url, "--ca-file", one)
    assert said.code == 2
