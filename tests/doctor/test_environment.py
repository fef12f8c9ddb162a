from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pilotboat.doctor import environment
from pilotboat.runtime.sizing import Sizing
from pilotboat.settings import Settings, read

PLANNED = Sizing(2, 1, ("because",))


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PILOTBOAT_") or name in ("WEB_CONCURRENCY", "LOG_LEVEL"):
            monkeypatch.delenv(name)


def says(environ: Mapping[str, str], made: Settings | None = None) -> list[tuple[str, str]]:
    found = environment.variables(made or read(), environ, PLANNED)
    return [(one.mark, one.says) for one in found]


def test_the_defaults_do_not_contradict_each_other() -> None:
    (found,) = environment.timeouts(read())
    assert found.mark == "ok"


@pytest.mark.parametrize(
    ("given", "less", "more"),
    [
        ({"drain_seconds": 50}, "drain_seconds + 5 (55 s)", "stop_grace_period of compose (45 s)"),
        ({"hang_seconds": 5}, "request_timeout_ms (10 s)", "hang_seconds (5 s)"),
        ({"queue_ms": 11_000}, "queue_ms (11 s)", "request_timeout_ms (10 s)"),
        ({"boot_seconds": 600}, "boot_seconds (600 s)", "the health check's patience (90 s)"),
    ],
)
def test_a_time_that_outlasts_what_ends_it(given: dict[str, Any], less: str, more: str) -> None:
    """C07: the inequality and the values"""
    (found,) = environment.timeouts(read(**given))
    assert found.mark == "warning"
    assert f"{less} is not below {more}" in found.says
    assert found.remedy


def test_every_contradiction_is_told() -> None:
    assert len(environment.timeouts(read(hang_seconds=1, drain_seconds=60))) == 2


@pytest.mark.parametrize(
    ("host", "who"),
    [
        ("127.0.0.1", "this machine"),
        ("::1", "this machine"),
        ("localhost", "this machine"),
        ("0.0.0.0", "whoever reaches 0.0.0.0"),
    ],
)
def test_no_keys_is_a_fact(host: str, who: str) -> None:
    """C11"""
    found = environment.keys(read(host=host))
    assert (found.mark, found.says) == ("ok", f"no API keys: {who} may ask")


def test_keys_are_a_fact_too() -> None:
    key = SecretStr(f"me:{'0' * 64} predict")
    found = environment.keys(read().model_copy(update={"api_keys": key}))
    assert (found.mark, found.says) == ("ok", "requests need an API key")


def test_what_is_odd_in_the_environment() -> None:
    """C05, C16"""
    assert says({"PATH": "/bin"}) == [("ok", "nothing odd")]
    assert says({"PILOTBOAT_WROKERS": "2"}) == [
        ("warning", "PILOTBOAT_WROKERS is not a setting; did you mean PILOTBOAT_WORKERS?")
    ]
    assert says({"GUNICORN_CMD_ARGS": "--preload"}) == [
        ("warning", "GUNICORN_CMD_ARGS is not read")
    ]
    assert says({"PILOTBOAT_PORT": "tcp://10.0.0.1:80", "PILOTBOAT_SERVICE_HOST": "10.0.0.1"}) == [
        ("ok", "2 variables of Kubernetes are ignored")
    ]
    assert says({"WEB_CONCURRENCY": "2"}) == [("ok", "WEB_CONCURRENCY=2 counts as workers")]
    assert says({"WEB_CONCURRENCY": "2", "PILOTBOAT_WORKERS": "1"}) == [("ok", "nothing odd")]


def test_threads_that_the_environment_names() -> None:
    assert says({"OMP_NUM_THREADS": "1"}) == [("ok", "OMP_NUM_THREADS=1 in the environment")]
    assert says({"OMP_NUM_THREADS": "4"}) == [
        ("warning", "OMP_NUM_THREADS=4 in the environment do not agree")
    ]
    assert says({"OMP_NUM_THREADS": "4"}, read(threads=1)) == [
        ("ok", "PILOTBOAT_THREADS replaces OMP_NUM_THREADS=4")
    ]


@pytest.mark.parametrize(
    ("mode", "mark", "said"),
    [
        (0o600, "ok", "has mode 0600"),
        (0o440, "ok", "has mode 0440"),
        (0o620, "warning", "has mode 0620: others may change it"),
    ],
)
def test_the_mode_of_a_secret(tmp_path: Path, mode: int, mark: str, said: str) -> None:
    """C09"""
    file = tmp_path / "keys"
    file.write_text("opensesame")
    file.chmod(mode)
    (found,) = environment.secrets({"PILOTBOAT_API_KEYS_FILE": str(file), "OTHER_FILE": "/x"})
    assert (found.mark, found.name) == (mark, "secrets")
    assert found.says == f"{file} {said}"


def nobody(*_: Any) -> Any:
    raise ConnectionRefusedError


def stranger(*_: Any) -> Any:
    raise ValueError


def pilotboat(*_: Any) -> Any:
    return 503, {"status": "not ready"}


def test_a_port_that_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert environment.port(read(port=port), nobody).says == f"127.0.0.1 port {port} is free"


def test_a_port_that_is_taken() -> None:
    """C13"""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        made = read(port=holder.getsockname()[1])
        for ask in (nobody, stranger):
            found = environment.port(made, ask)
            assert found.mark == "fault"
            assert "Address already in use" in found.says
        ours = environment.port(made, pilotboat)
        assert (ours.mark, "is served by Pilotboat: not ready" in ours.says) == ("ok", True)


def test_an_address_that_is_none_of_this_machine() -> None:
    assert environment.port(read(host="192.0.2.1"), nobody).mark == "fault"
