from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pilotboat.errors import SettingsError
from pilotboat.settings import Settings, exported, is_kubernetes, read, unknown, variable_of

ROOT = Path(__file__).parents[1]
DIGEST, OTHER = "ab" * 32, "01" * 32
DEFAULTS = {
    "repository": "models",
    "model": None,
    "state": ".pilotboat",
    "host": "127.0.0.1",
    "port": 8000,
    "workers": 1,
    "log_level": "info",
    "max_body_bytes": 10_485_760,
    "max_rows": 10_000,
    "max_text": 1_000_000,
    "batch_rows": 64,
    "batch_wait_ms": 2.0,
    "unknown_fields": "refuse",
    "trust": (),
    "allow_version_skew": False,
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PILOTBOAT_") or name in ("WEB_CONCURRENCY", "LOG_LEVEL"):
            monkeypatch.delenv(name)


def test_every_default() -> None:
    assert read().model_dump() == DEFAULTS


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


GIVEN: dict[str, tuple[str, Any]] = {
    "PILOTBOAT_REPOSITORY": ("/srv/models", "/srv/models"),
    "PILOTBOAT_MODEL": ("titanic", "titanic"),
    "PILOTBOAT_STATE": ("/var/lib/pilotboat", "/var/lib/pilotboat"),
    "PILOTBOAT_HOST": ("::1", "::1"),
    "PILOTBOAT_PORT": ("9000", 9000),
    "PILOTBOAT_WORKERS": ("4", 4),
    "PILOTBOAT_LOG_LEVEL": ("DEBUG", "debug"),
    "PILOTBOAT_MAX_BODY_BYTES": ("2048", 2048),
    "PILOTBOAT_MAX_ROWS": ("5", 5),
    "PILOTBOAT_MAX_TEXT": ("6", 6),
    "PILOTBOAT_BATCH_ROWS": ("1", 1),
    "PILOTBOAT_BATCH_WAIT_MS": ("0.5", 0.5),
    "PILOTBOAT_UNKNOWN_FIELDS": ("ignore", "ignore"),
    "PILOTBOAT_TRUST": (f"{DIGEST}, {OTHER}", (DIGEST, OTHER)),
    "PILOTBOAT_ALLOW_VERSION_SKEW": ("true", True),
}


def test_every_setting_has_a_variable_and_comes_back_from_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert list(GIVEN) == [variable_of(name) for name in Settings.model_fields]
    for variable, (text, _) in GIVEN.items():
        monkeypatch.setenv(variable, text)
    made = read()
    assert list(made.model_dump().values()) == [value for _, value in GIVEN.values()]
    for variable, text in exported(made).items():
        monkeypatch.setenv(variable, text)
    assert read() == made


def test_defaults_come_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, text in exported(read()).items():
        monkeypatch.setenv(variable, text)
    assert read().model_dump() == DEFAULTS


BAD = {
    "PILOTBOAT_REPOSITORY": "",
    "PILOTBOAT_HOST": "",
    "PILOTBOAT_PORT": "0x50",
    "PILOTBOAT_WORKERS": "two",
    "PILOTBOAT_LOG_LEVEL": "loud",
    "PILOTBOAT_MAX_BODY_BYTES": "1e9",
    "PILOTBOAT_MAX_ROWS": "0",
    "PILOTBOAT_MAX_TEXT": "-1",
    "PILOTBOAT_UNKNOWN_FIELDS": "maybe",
    "PILOTBOAT_TRUST": "sha256:abc",
    "PILOTBOAT_ALLOW_VERSION_SKEW": "perhaps",
}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *BAD.items(),
        *(("PILOTBOAT_PORT", value) for value in ("", "-1", "0", "65536", "1e9", "tcp")),
        *(("PILOTBOAT_WORKERS", value) for value in ("", "0", "-1", "1000000000", "1.5")),
        ("PILOTBOAT_MAX_BODY_BYTES", "1023"),
        ("PILOTBOAT_TRUST", f"{DIGEST},{DIGEST[:-1]}"),
        ("PILOTBOAT_TRUST", DIGEST.upper()),
    ],
)
def test_a_bad_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        read()
    assert f"{variable}: expected " in str(caught.value)
    assert str(caught.value).count(": expected ") == 1
    assert "pilotboat serve --help" in str(caught.value)


def test_a_value_out_of_range_is_told_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTBOAT_PORT", "70000")
    monkeypatch.setenv("PILOTBOAT_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError, match="65535") as caught:
        read()
    for level in ("critical", "error", "warning", "info", "debug"):
        assert level in str(caught.value)


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in BAD.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        read()
    for variable in BAD:
        assert variable in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_option_is_told_like_a_bad_variable() -> None:
    with pytest.raises(SettingsError, match="--port: expected"):
        read(port=99_999)


def test_an_option_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, (text, _) in GIVEN.items():
        monkeypatch.setenv(variable, text)
    monkeypatch.setenv("WEB_CONCURRENCY", "5")
    made = read(port=7000, workers=2, log_level=None, trust=None)
    assert (made.port, made.workers) == (7000, 2)
    assert (made.log_level, made.trust) == ("debug", (DIGEST, OTHER))


def test_the_variables_of_others_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    assert (read().workers, read().log_level) == (3, "warning")
    monkeypatch.setenv("PILOTBOAT_WORKERS", "2")
    monkeypatch.setenv("PILOTBOAT_LOG_LEVEL", "error")
    assert (read().workers, read().log_level) == (2, "error")


@pytest.mark.parametrize("variable", ["WEB_CONCURRENCY", "LOG_LEVEL"])
def test_a_bad_one_of_others_is_named_as_it_is(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "x")
    with pytest.raises(SettingsError, match=f" {variable}: expected"):
        read()


def test_an_empty_model_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTBOAT_MODEL", "")
    assert read().model is None


KUBERNETES = {
    "PILOTBOAT_PORT": "tcp://10.0.0.1:8000",
    "PILOTBOAT_SERVICE_HOST": "10.0.0.1",
    "PILOTBOAT_SERVICE_PORT": "8000",
    "PILOTBOAT_SERVICE_PORT_HTTP": "8000",
    "PILOTBOAT_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "PILOTBOAT_PORT_8000_TCP_ADDR": "10.0.0.1",
    "PILOTBOAT_PORT_8000_TCP_PORT": "8000",
    "PILOTBOAT_PORT_8000_TCP_PROTO": "tcp",
}


def test_variables_that_kubernetes_makes_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in KUBERNETES.items():
        assert is_kubernetes(variable, value)
        monkeypatch.setenv(variable, value)
    assert unknown(os.environ) == []
    assert read().port == 8000


def test_a_port_of_ones_own_is_not_one_of_them() -> None:
    assert not is_kubernetes("PILOTBOAT_PORT", "8001")
    assert not is_kubernetes("PILOTBOAT_HOST", "tcp://10.0.0.1")


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    environ = {"PILOTBOAT_WROKERS": "2", "PILOTBOAT_ZZZZ": "", "PILOTBOAT_PORT": "1", "PATH": ""}
    assert unknown(environ) == [
        "PILOTBOAT_WROKERS is not a setting; did you mean PILOTBOAT_WORKERS?",
        "PILOTBOAT_ZZZZ is not a setting",
    ]


def test_the_example_lists_every_setting_with_its_default_and_its_help() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = {
        name: (value, lines[number - 1].removeprefix("# "))
        for number, line in enumerate(lines)
        if re.match("(# )?PILOTBOAT_", line)
        for name, _, value in [line.removeprefix("# ").partition("=")]
    }
    assert pairs == {
        variable_of(name): (_written(field.default), field.description)
        for name, field in Settings.model_fields.items()
    }


def _written(default: Any) -> str:
    if default in (None, ()):
        return ""
    return json.dumps(default) if isinstance(default, bool) else str(default)


def test_the_example_can_be_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (ROOT / ".env.example").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            monkeypatch.setenv(name, value)
    assert read().model_dump() == DEFAULTS
