"""The scan: everything is reported, nothing is run, bombs do not go off."""

from __future__ import annotations

import io
import pickle
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest

from pilotboat import formats
from pilotboat.errors import ArtifactError
from pilotboat.formats.streams import Stream
from pilotboat.formats.stubs import Notes, scan
from tests.formats import evil

NOWHERE = Path("/nonexistent/canary")


def scanned(data: bytes) -> Notes:
    return scan(Stream(io.BytesIO(data), len(data)))


@pytest.mark.parametrize("what", evil.calls(NOWHERE))
def test_a_call_is_reported_and_not_run(what: str, tmp_path: Path) -> None:
    canary, artifact = tmp_path / "canary", tmp_path / "model.pkl"
    artifact.write_bytes(evil.calls(canary)[what])
    before = set(sys.modules)
    sniffed = formats.sniff(artifact)
    assert sniffed.untrusted
    new = {module for module in set(sys.modules) - before if not module.startswith("pilotboat")}
    assert not new
    assert not canary.exists()


def test_names_are_reported_as_they_are_looked_up() -> None:
    notes = scanned(evil.call("__builtin__", "eval", "1"))
    assert notes.names == {"builtins.eval"}
    assert notes.called == {"builtins.eval"}


def test_a_dotted_name_is_told_apart_from_a_plain_one() -> None:
    notes = scanned(evil.call("sklearn", "pipeline.Pipeline", protocol=4))
    assert notes.names == {"sklearn:pipeline.Pipeline"}


@pytest.mark.parametrize("what", evil.combinations(NOWHERE))
def test_odd_uses_of_harmless_names_do_not_break_the_scan(what: str) -> None:
    scanned(evil.combinations(NOWHERE)[what])


def test_a_nested_pickle_is_read_too() -> None:
    notes = scanned(evil.in_object_array(evil.call("os", "system", "true")))
    assert "os.system" in notes.names


@pytest.mark.parametrize("what", evil.bombs())
def test_bombs_end_in_an_error_or_in_nothing(what: str, tmp_path: Path) -> None:
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(evil.bombs()[what])
    if what in {"lists of lists", "a key that takes for ever"}:
        assert formats.sniff(artifact).globals == ()
        return
    with pytest.raises(ArtifactError) as caught:
        formats.sniff(artifact)
    assert caught.value.code in {"artifact-unreadable", "artifact-limits"}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(1000.0),
        np.arange(12).reshape(3, 4).T,
        np.array(["a", "bcd"]),
        np.array([b"a", b"bcd"]),
        np.array(["a", None], dtype=object),
        np.zeros(3, dtype=[("a", "f8"), ("b", "i4", (2,))]),
        np.array([(1, "x")], dtype=[("a", "f8"), ("b", "O")]),
        np.array([True, False]),
        np.array(["2020"], dtype="datetime64[D]"),
        np.array([1 + 2j]),
        np.empty((0, 3)),
        np.array(5.0),
        np.arange(3, dtype=">i4"),
    ],
    ids=lambda array: str(array.dtype),
)
def test_the_bytes_of_arrays_are_passed(array: object, protocol: int, tmp_path: Path) -> None:
    artifact = tmp_path / "a.joblib"
    joblib.dump({"before": 1, "array": array, "version": "end"}, artifact, protocol=protocol)
    sniffed = formats.sniff(artifact)
    assert (sniffed.format, sniffed.root, sniffed.untrusted) == ("joblib", "builtins.dict", ())
    back = formats.load(artifact)
    np.testing.assert_array_equal(back["array"], array)
    assert back["version"] == "end"


@pytest.mark.parametrize("cut", [1, 2, 10, 60, 200])
def test_a_cut_file_is_named_as_such(cut: int, tmp_path: Path) -> None:
    artifact = tmp_path / "a.joblib"
    joblib.dump({"array": np.arange(50.0), "text": "x" * 50}, artifact)
    artifact.write_bytes(artifact.read_bytes()[:-cut])
    with pytest.raises(ArtifactError) as caught:
        formats.sniff(artifact)
    assert caught.value.code == "artifact-unreadable"


def test_instructions_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilotboat.formats.stubs.MAX_OPCODES", 50)
    scanned(pickle.dumps(list(range(10))))
    with pytest.raises(ArtifactError) as caught:
        scanned(pickle.dumps(list(range(100))))
    assert caught.value.code == "artifact-limits"
