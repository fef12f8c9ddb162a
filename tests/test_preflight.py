from __future__ import annotations

import logging
import os
import socket
from pathlib import Path

import pytest

from pilotboat import preflight, scratch
from pilotboat.errors import EnvironmentFault, MissingExtraError
from pilotboat.preflight import check, is_loopback, is_traced
from pilotboat.settings import read


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_an_address_that_is_free_passes(tmp_path: Path, host: str) -> None:
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("needs IPv6")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            pytest.skip("this machine has no such address")
        port = probe.getsockname()[1]
    check(read(repository=str(tmp_path), host=host, port=port))


def test_an_address_that_is_taken_does_not(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(EnvironmentFault, match=f"port {port}: Address already in use"):
            check(read(repository=str(tmp_path), port=port))


def test_workers_need_room_for_what_they_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C15, D03"""
    monkeypatch.setattr(scratch, "SHARED_MEMORY", tmp_path / "absent")
    made = read(repository=str(tmp_path), port=free_port(), workers=2)
    check(made, supervised=True)
    monkeypatch.setattr(scratch, "temporary", lambda: None)
    check(made)
    with pytest.raises(EnvironmentFault, match="absent is not writable"):
        check(made, supervised=True)


def test_a_repository_that_is_none_does_not(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="nothing"):
        check(read(repository=str(tmp_path / "nothing")))


def test_keeping_predictions_needs_the_libraries_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = read(repository=str(tmp_path), port=free_port(), prediction_log=True)
    check(made)
    monkeypatch.setattr(preflight, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"pilotboat\[store\]"):
        check(made)
    check(made.model_copy(update={"prediction_log": False}))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_state_that_cannot_be_written_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    state.mkdir(0o500)
    made = read(repository=str(tmp_path), port=free_port(), prediction_log=True, state=str(state))
    with caplog.at_level(logging.WARNING):
        check(made)
    assert "predictions cannot be kept" in caplog.text


def test_a_state_that_is_a_file_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    state.touch()
    made = read(repository=str(tmp_path), port=free_port(), prediction_log=True, state=str(state))
    check(made)
    assert "predictions cannot be kept" in caplog.text


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_an_address_of_this_machine_alone_is_told(host: str, local: bool) -> None:
    assert is_loopback(host) == local


def test_traces_are_asked_for_by_an_address_unless_they_are_switched_off() -> None:
    address = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    assert is_traced(address)
    assert not is_traced({})
    assert not is_traced(address | {"OTEL_SDK_DISABLED": "true"})
    assert not is_traced(address | {"OTEL_TRACES_EXPORTER": "none"})
