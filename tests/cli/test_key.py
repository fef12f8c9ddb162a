"""`pilotboat key`, and what `pilotboat serve` does with what it makes."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import pytest

from pilotboat.operations.ring import parse
from tests.cli.conftest import Command
from tests.cli.test_main import one_line
from tests.factories import RECORD, Server, free_port, run
from tests.http.wire import JSON, exchange, request

linux = pytest.mark.skipif(sys.platform != "linux", reason="has no /proc")


def test_the_line_goes_one_way_and_the_key_another(pilotboat: Command) -> None:
    said = pilotboat("key", "ci")
    assert said.code == 0
    assert re.fullmatch(r"ci:[0-9a-f]{64} predict\n", said.out)
    assert re.fullmatch(r"pb_ci_[0-9a-f]{64}\n", said.err)
    assert parse(said.out).find(said.err.strip().encode()) is not None
    assert pilotboat("key", "ci").err != said.err


def test_a_key_has_the_scopes_and_the_rate_that_are_asked_for(pilotboat: Command) -> None:
    scopes = ["--scope", "predict:titanic", "--scope", "metrics"]
    said = pilotboat("key", "shop-2", *scopes, "--rate", "0.5")
    assert said.out.endswith(" predict:titanic metrics rate=0.5\n")
    (key,) = parse(said.out, 9).keys.values()
    assert key.scopes == {"predict:titanic", "metrics"}
    assert key.rate == 0.5
    assert pilotboat("key", "a", "--rate", "0").out.endswith(" predict rate=0\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a_b"], "letters, digits and hyphens"),
        (["x" * 65], "letters, digits and hyphens"),
        (["ci", "--scope", "everything"], "predict:MODEL"),
        (["ci", "--scope", "predict:a b"], "predict:MODEL"),
        (["ci", "--rate", "-1"], "--rate"),
        ([], "NAME"),
    ],
)
def test_a_call_that_makes_no_sense_makes_no_key(
    pilotboat: Command, arguments: list[str], said: str
) -> None:
    done = pilotboat("key", *arguments)
    assert (done.code, done.out) == (2, "")
    one_line(done.err)
    assert said in done.err


def serving(**env: str) -> tuple[int, str]:
    """Exit code and log of a server that is told to serve what is not there."""
    done = run("serve", "/nowhere", "--port", str(free_port()), env={**os.environ, **env})
    return done.returncode, done.stderr


def test_a_server_that_must_have_keys_does_not_start_without() -> None:
    code, said = serving(PILOTBOAT_REQUIRE_KEYS="true")
    assert code == 2
    one_line(said)
    assert "pilotboat key" in said


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("s3cret", 0o600, "line 1 begins with no id"),
        ("ci:s3cret", 0o600, "line 1 has no SHA-256"),
        (f"pb_ci_{'5ec7e7' * 11}", 0o600, "line 1 holds a key itself"),
        ("s3cret", 0o644, "not everyone may read"),
        ("\n", 0o600, "empty"),
    ],
)
def test_a_bad_file_of_keys_is_named_and_not_shown(
    tmp_path: Path, content: str, mode: int, said: str
) -> None:
    file = tmp_path / "keys"
    file.write_text(content)
    file.chmod(mode)
    code, told = serving(PILOTBOAT_API_KEYS_FILE=str(file))
    assert code == 2
    one_line(told)
    assert f"PILOTBOAT_API_KEYS_FILE ('{file}')" in told
    assert said in told
    assert "s3cret" not in told
    assert "5ec7e7" not in told


@linux
def test_a_secret_in_a_file_is_nowhere_else(
    pilotboat: Command, titanic: Path, tmp_path: Path
) -> None:
    """It is not among a process's arguments or variables, nor in what it says."""
    made = pilotboat("key", "ci")
    key, digest = made.err.strip(), made.out[3:67]
    file = tmp_path / "keys"
    file.write_text(f"{made.out}\r\n")
    file.chmod(0o600)
    debug = {"PILOTBOAT_LOG_LEVEL": "debug", "PILOTBOAT_REQUIRE_KEYS": "true"}
    with Server(titanic, PILOTBOAT_API_KEYS_FILE=str(file), **debug) as server:
        assert server.client.post("/predict", json=RECORD).status_code == 401
        shown = server.client.post("/predict", json=RECORD, headers={"X-API-Key": key})
        assert shown.status_code == 200
        place = Path(f"/proc/{server.process.pid}")
        seen = b"".join((place / name).read_bytes() for name in ("cmdline", "environ"))
        assert b"PILOTBOAT_API_KEYS_FILE" in seen
        assert digest.encode() not in seen
        said = server.stop()
    assert digest not in said
    assert key not in said


@linux
def test_a_reloading_server_hands_its_secrets_on(
    pilotboat: Command, titanic: Path, tmp_path: Path
) -> None:
    made = pilotboat("key", "ci")
    headers = {"X-API-Key": made.err.strip()}
    file = tmp_path / "keys"
    file.write_text(made.out)
    file.chmod(0o600)
    for given in ({"PILOTBOAT_API_KEYS_FILE": str(file)}, {"PILOTBOAT_API_KEYS": made.out}):
        with Server(titanic, "--reload", **given) as server:
            assert server.client.get("/v1/models").status_code == 401
            assert server.client.get("/v1/models", headers=headers).status_code == 200


def warned(titanic: Path, host: str, **env: str) -> str:
    with Server(titanic, "--host", host, **env) as server:
        return server.stop()


def test_a_server_that_everyone_may_ask_says_so(pilotboat: Command, titanic: Path) -> None:
    said = warned(titanic, "0.0.0.0")
    assert len(re.findall(r"WARNING .*everyone who reaches 0\.0\.0\.0 may ask", said)) == 1
    made = pilotboat("key", "ci").out
    assert "may ask" not in warned(titanic, "0.0.0.0", PILOTBOAT_API_KEYS=made)
    said = warned(titanic, "127.0.0.1", PILOTBOAT_RATE_LIMIT="5")
    assert "may ask" not in said
    assert "PILOTBOAT_RATE_LIMIT limits nothing" in said


@linux
def test_two_workers_keep_one_limit(pilotboat: Command, titanic: Path) -> None:
    """T69: within 5 %, after the second's worth that may come at once."""
    made = pilotboat("key", "ci", "--rate", "40")
    headers, seconds = {"X-API-Key": made.err.strip()}, 5.0
    env = {"PILOTBOAT_WORKERS": "2", "PILOTBOAT_API_KEYS": made.out}
    with Server(titanic, **env) as server:
        statuses: list[int] = []
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            # A connection each, so that both workers are asked.
            answer = exchange(server.port, request(RECORD, headers=JSON | headers))
            statuses.append(answer.status)
            if answer.status == 429:
                assert answer.headers["retry-after"] == "1"
                assert answer.document["limit"] == 40
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == pytest.approx(40 * (seconds + 1), rel=0.05)
