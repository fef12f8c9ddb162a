from __future__ import annotations

import json
import os
import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pilotboat.errors import SettingsError
from pilotboat.settings import (
    SECRETS,
    Settings,
    exported,
    file_of,
    is_kubernetes,
    read,
    unknown,
    variable_of,
)

ROOT = Path(__file__).parents[1]
DIGEST, OTHER = "ab" * 32, "01" * 32
KEYS = f"ci:{DIGEST} predict\nshop:{OTHER} predict:titanic rate=5"
DATABASE = "postgresql://pilotboat:s3cret@database/pilotboat"
DEFAULTS = {
    "repository": "models",
    "model": None,
    "state": ".pilotboat",
    "host": "127.0.0.1",
    "port": 8000,
    "workers": "auto",
    "threads": "auto",
    "log_level": "info",
    "max_body_bytes": 10_485_760,
    "max_rows": 10_000,
    "max_text": 1_000_000,
    "max_pending": 512,
    "max_pending_bytes": 67_108_864,
    "queue_ms": 250.0,
    "request_timeout_ms": 10_000,
    "drain_seconds": 20.0,
    "hang_seconds": 30,
    "boot_seconds": 60,
    "api_keys": SecretStr(""),
    "require_keys": False,
    "rate_limit": 0.0,
    "prediction_log": None,
    "database_url": SecretStr(""),
    "prediction_log_durability": "flushed",
    "prediction_log_max_bytes": 536_870_912,
    "prediction_log_when_full": "drop_newest",
    "prediction_log_sample": 1.0,
    "prediction_log_redact": (),
    "prediction_log_redact_key": SecretStr(""),
    "retention_days": 0,
    "trust_idempotency_key": False,
    "redis_url": SecretStr(""),
    "cache_bytes": 16_777_216,
    "cache_seconds": 3600,
    "cors_origins": (),
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
    "PILOTBOAT_THREADS": ("2", 2),
    "PILOTBOAT_LOG_LEVEL": ("DEBUG", "debug"),
    "PILOTBOAT_MAX_BODY_BYTES": ("2048", 2048),
    "PILOTBOAT_MAX_ROWS": ("5", 5),
    "PILOTBOAT_MAX_TEXT": ("6", 6),
    "PILOTBOAT_MAX_PENDING": ("7", 7),
    "PILOTBOAT_MAX_PENDING_BYTES": ("4096", 4096),
    "PILOTBOAT_QUEUE_MS": ("12.5", 12.5),
    "PILOTBOAT_REQUEST_TIMEOUT_MS": ("500", 500),
    "PILOTBOAT_DRAIN_SECONDS": ("2.5", 2.5),
    "PILOTBOAT_HANG_SECONDS": ("5", 5),
    "PILOTBOAT_BOOT_SECONDS": ("90", 90),
    "PILOTBOAT_API_KEYS": (KEYS, SecretStr(KEYS)),
    "PILOTBOAT_REQUIRE_KEYS": ("true", True),
    "PILOTBOAT_RATE_LIMIT": ("0.5", 0.5),
    "PILOTBOAT_PREDICTION_LOG": ("true", True),
    "PILOTBOAT_DATABASE_URL": (DATABASE, SecretStr(DATABASE)),
    "PILOTBOAT_PREDICTION_LOG_DURABILITY": ("synced", "synced"),
    "PILOTBOAT_PREDICTION_LOG_MAX_BYTES": ("1048576", 1_048_576),
    "PILOTBOAT_PREDICTION_LOG_WHEN_FULL": ("reject_503", "reject_503"),
    "PILOTBOAT_PREDICTION_LOG_SAMPLE": ("0.25", 0.25),
    "PILOTBOAT_PREDICTION_LOG_REDACT": ("age=drop, a=b=hash", ("age=drop", "a=b=hash")),
    "PILOTBOAT_PREDICTION_LOG_REDACT_KEY": ("s3cret", SecretStr("s3cret")),
    "PILOTBOAT_RETENTION_DAYS": ("90", 90),
    "PILOTBOAT_TRUST_IDEMPOTENCY_KEY": ("true", True),
    "PILOTBOAT_REDIS_URL": ("redis://:s3cret@cache/0", SecretStr("redis://:s3cret@cache/0")),
    "PILOTBOAT_CACHE_BYTES": ("0", 0),
    "PILOTBOAT_CACHE_SECONDS": ("60", 60),
    "PILOTBOAT_CORS_ORIGINS": (
        "https://App.example.com:443, http://localhost:5173 http://[::1]:80",
        ("https://app.example.com", "http://localhost:5173", "http://[::1]"),
    ),
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
    "PILOTBOAT_THREADS": "many",
    "PILOTBOAT_MAX_PENDING": "0",
    "PILOTBOAT_MAX_PENDING_BYTES": "1",
    "PILOTBOAT_QUEUE_MS": "0",
    "PILOTBOAT_REQUEST_TIMEOUT_MS": "0",
    "PILOTBOAT_DRAIN_SECONDS": "0",
    "PILOTBOAT_HANG_SECONDS": "1.5",
    "PILOTBOAT_BOOT_SECONDS": "soon",
    "PILOTBOAT_API_KEYS": "s3cret",
    "PILOTBOAT_REQUIRE_KEYS": "perhaps",
    "PILOTBOAT_RATE_LIMIT": "-1",
    "PILOTBOAT_PREDICTION_LOG": "perhaps",
    "PILOTBOAT_DATABASE_URL": "mysql://u:s3cret@h/d",
    "PILOTBOAT_PREDICTION_LOG_DURABILITY": "sure",
    "PILOTBOAT_PREDICTION_LOG_MAX_BYTES": "1000",
    "PILOTBOAT_PREDICTION_LOG_WHEN_FULL": "drop",
    "PILOTBOAT_PREDICTION_LOG_SAMPLE": "1.5",
    "PILOTBOAT_PREDICTION_LOG_REDACT": "age",
    "PILOTBOAT_RETENTION_DAYS": "-1",
    "PILOTBOAT_TRUST_IDEMPOTENCY_KEY": "perhaps",
    "PILOTBOAT_REDIS_URL": "http://cache",
    "PILOTBOAT_CACHE_BYTES": "-1",
    "PILOTBOAT_CACHE_SECONDS": "0",
    "PILOTBOAT_CORS_ORIGINS": "*.example.com",
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
        *(("PILOTBOAT_RATE_LIMIT", value) for value in ("inf", "nan", "")),
        *(("PILOTBOAT_QUEUE_MS", value) for value in ("inf", "nan", "60001")),
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
    if default in (None, (), SecretStr("")):
        return ""
    return json.dumps(default) if isinstance(default, bool) else str(default)


def test_the_example_can_be_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (ROOT / ".env.example").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            monkeypatch.setenv(name, value)
    assert read().model_dump() == DEFAULTS


def test_a_prediction_must_be_able_to_end_before_its_worker_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PILOTBOAT_REQUEST_TIMEOUT_MS", "20000")
    monkeypatch.setenv("PILOTBOAT_PORT", "0")
    with pytest.raises(SettingsError) as caught:
        read()
    said = "PILOTBOAT_DRAIN_SECONDS: expected more than the 20 s of PILOTBOAT_REQUEST_TIMEOUT_MS, got 20 s"
    assert said in str(caught.value)
    assert "PILOTBOAT_PORT: expected" in str(caught.value)
    monkeypatch.setenv("PILOTBOAT_PORT", "8000")
    monkeypatch.setenv("PILOTBOAT_DRAIN_SECONDS", "20.001")
    assert read().drain_seconds == 20.001


@pytest.mark.parametrize(
    "value",
    [
        "null",
        "*, https://a.example",
        "https://*.example.com",
        "https://a.example/",
        "https://a.example/path",
        "a.example",
        "https://",
        "https://a.example:0",
        "https://a.example:65536",
        "https://user@a.example",
        "https://a.example?x",
        "https://bücher.example",
    ],
)
def test_what_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PILOTBOAT_CORS_ORIGINS", value)
    with pytest.raises(SettingsError, match="PILOTBOAT_CORS_ORIGINS: expected"):
        read()


def test_any_origin_is_a_star_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTBOAT_CORS_ORIGINS", "*")
    assert read().cors_origins == ("*",)


def keys_file(folder: Path, content: str = f"{KEYS}\r\n", mode: int = 0o600) -> str:
    file = folder / "keys"
    file.write_bytes(content.encode())
    file.chmod(mode)
    return str(file)


def test_a_secret_is_read_from_its_file_and_handed_on_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = keys_file(tmp_path)
    monkeypatch.setenv("PILOTBOAT_API_KEYS_FILE", path)
    made = read()
    assert made.api_keys.get_secret_value() == KEYS
    passed = exported(made)
    assert "PILOTBOAT_API_KEYS" not in passed
    assert passed["PILOTBOAT_API_KEYS_FILE"] == path
    for variable, text in passed.items():
        monkeypatch.setenv(variable, text)
    assert read() == made
    assert unknown(os.environ) == []


def test_every_secret_may_be_in_a_file() -> None:
    assert "api_keys" in SECRETS
    assert unknown({file_of(name): "x" for name in SECRETS}) == []
    assert unknown({"PILOTBOAT_PORT_FILE": "x"}) != []


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (KEYS, 0o644, "not everyone may read"),
        ("", 0o600, "empty"),
        ("\r\n", 0o600, "empty"),
        ("s3cret", 0o600, "line 1 begins with no id"),
        (f"ci:{DIGEST}\nci:s3cret", 0o600, "line 2 has no SHA-256"),
    ],
)
def test_a_bad_file_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, mode: int, said: str
) -> None:
    path = keys_file(tmp_path, content, mode)
    monkeypatch.setenv("PILOTBOAT_API_KEYS_FILE", path)
    monkeypatch.setenv("PILOTBOAT_REQUIRE_KEYS", "true")
    monkeypatch.setenv("PILOTBOAT_PORT", "0")
    with pytest.raises(SettingsError) as caught:
        read()
    assert f"PILOTBOAT_API_KEYS_FILE ({path!r}): expected " in str(caught.value)
    assert said in str(caught.value)
    assert "PILOTBOAT_PORT: expected " in str(caught.value)
    assert "PILOTBOAT_REQUIRE_KEYS" not in str(caught.value)  # there are some, if they were right
    everything = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in everything
    assert DIGEST not in everything


def test_a_secret_is_given_in_one_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PILOTBOAT_API_KEYS_FILE", keys_file(tmp_path))
    monkeypatch.setenv("PILOTBOAT_API_KEYS", "")
    assert read().api_keys.get_secret_value() == KEYS
    monkeypatch.setenv("PILOTBOAT_API_KEYS", KEYS)
    with pytest.raises(SettingsError, match=r"or PILOTBOAT_API_KEYS, not both: choose one"):
        read()


@pytest.mark.parametrize("path", ["", "/nowhere/keys", "."])
def test_a_path_of_no_file_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("PILOTBOAT_API_KEYS_FILE", path)
    with pytest.raises(SettingsError, match=r"PILOTBOAT_API_KEYS_FILE \('.*'\): expected a file"):
        read()


@pytest.mark.parametrize("keys", ["", "# none yet\n"])
def test_keys_may_be_required(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("PILOTBOAT_REQUIRE_KEYS", "true")
    monkeypatch.setenv("PILOTBOAT_API_KEYS", keys)
    with pytest.raises(SettingsError, match=r"PILOTBOAT_REQUIRE_KEYS: .*pilotboat key"):
        read()
    monkeypatch.setenv("PILOTBOAT_API_KEYS", KEYS)
    assert read().require_keys


def test_a_secret_is_not_in_what_settings_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTBOAT_API_KEYS", KEYS)
    made = read()
    for text in (repr(made), str(made), made.model_dump_json(), str(made.model_dump())):
        assert DIGEST not in text
