"""Pickles: every kind of model comes back the same, and nothing harmful comes in."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from scipy import stats
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pilotboat import formats
from pilotboat.errors import ArtifactError, UntrustedError, VersionMismatchError
from pilotboat.formats import gate
from pilotboat.formats import pickle as pickles
from pilotboat.formats.guard import unpickle
from pilotboat.formats.streams import Stream
from pilotboat.formats.stubs import Notes
from tests.formats import evil
from tests.formats.models import LABELS, MODELS, X, answers, made

NOWHERE = Path("/nonexistent/canary")
BROKEN = (
    ArtifactError,
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    ValueError,
)
COMPRESSIONS: dict[str, Any] = {
    "none": 0,
    "zlib": ("zlib", 3),
    "gzip": ("gzip", 3),
    "bz2": ("bz2", 3),
    "lzma": ("lzma", 3),
    "xz": ("xz", 3),
}


def scaled() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, LABELS)


def same(model: Any, back: Any, rows: Any) -> None:
    for ours, theirs in zip(answers(back, rows), answers(model, rows), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_of_model_comes_back_the_same(kind: str, tmp_path: Path) -> None:
    model, rows = made(kind)
    for protocol in (0, 5):
        artifact = tmp_path / f"{protocol}.pkl"
        artifact.write_bytes(pickle.dumps(model, protocol))
        assert formats.sniff(artifact).untrusted == ()
        same(model, formats.load(artifact), rows)
    joblib.dump(model, tmp_path / "model.joblib")
    same(model, formats.load(tmp_path / "model.joblib"), rows)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_every_compression_and_protocol(name: str, protocol: int, tmp_path: Path) -> None:
    model, artifact = scaled(), tmp_path / "model"
    joblib.dump(model, artifact, compress=COMPRESSIONS[name], protocol=protocol)
    sniffed = formats.sniff(artifact)
    assert sniffed.format == "joblib"
    assert sniffed.compression == (None if name == "none" else name)
    assert sniffed.root == "sklearn.pipeline.Pipeline"
    assert sniffed.sklearn == (sklearn.__version__,)
    assert sniffed.numpy == int(np.__version__[0])
    assert sniffed.size == artifact.stat().st_size
    same(model, formats.load(artifact), X)


def test_lz4_without_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lz4", None)
    monkeypatch.setitem(sys.modules, "lz4.frame", None)
    artifact = tmp_path / "model.joblib"
    artifact.write_bytes(b"\x04\x22\x4d\x18" + bytes(100))
    with pytest.raises(ArtifactError, match="lz4") as caught:
        formats.sniff(artifact)
    assert caught.value.code == "unsupported-compression"


@pytest.mark.parametrize("name", ["zlib", "gzip", "bz2", "lzma", "xz"])
@pytest.mark.parametrize("keep", [12, 0.5, 0.95])
def test_a_compressed_file_cut_short(name: str, keep: float, tmp_path: Path) -> None:
    artifact = tmp_path / "model.joblib"
    joblib.dump({"a": np.random.RandomState(0).rand(500)}, artifact, compress=(name, 3))
    data = artifact.read_bytes()
    artifact.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(ArtifactError) as caught:
        formats.sniff(artifact)
    assert caught.value.code == "artifact-unreadable"


def test_a_file_that_unfolds_too_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilotboat.formats.limits.FREE_BYTES", 2**20)
    artifact = tmp_path / "model.joblib"
    joblib.dump({"a": np.zeros(10**6)}, artifact, compress=("gzip", 9))
    with pytest.raises(ArtifactError) as caught:
        formats.sniff(artifact)
    assert caught.value.code == "artifact-limits"


@pytest.mark.parametrize("name", ["none", "zlib", "xz"])
def test_bytes_after_the_end_do_no_harm(name: str, tmp_path: Path) -> None:
    artifact = tmp_path / "model.joblib"
    joblib.dump(scaled(), artifact, compress=COMPRESSIONS[name])
    artifact.write_bytes(artifact.read_bytes() + b"more")
    assert isinstance(formats.load(artifact), Pipeline)


@pytest.mark.parametrize("what", evil.calls(NOWHERE))
def test_a_harmful_call_is_refused(what: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for suffix in ("pkl", "joblib", "npz", "bin"):
        artifact = tmp_path / f"model.{suffix}"
        artifact.write_bytes(evil.calls(canary)[what])
        with pytest.raises(ArtifactError):
            formats.load(artifact)
    # the guard alone refuses it as well, without the scan before it
    data = artifact.read_bytes()
    with artifact.open("rb") as file, pytest.raises(UntrustedError):
        unpickle(Stream(file, len(data)))
    assert not canary.exists()


@pytest.mark.parametrize("suffix", ["onnx", "skops"])
@pytest.mark.parametrize("what", ["os.system", "builtins.eval", "builtins.exec"])
def test_a_harmful_call_under_another_name(what: str, suffix: str, tmp_path: Path) -> None:
    canary, artifact = tmp_path / "canary", tmp_path / f"model.{suffix}"
    artifact.write_bytes(evil.calls(canary)[what])
    for attempt in (formats.sniff, lambda path: formats.load(path, trust=True)):
        with pytest.raises(ArtifactError) as caught:
            attempt(artifact)
        assert caught.value.code == "format-mismatch"
    assert not canary.exists()


@pytest.mark.parametrize("what", evil.combinations(NOWHERE))
def test_harmless_names_put_to_harmful_use(what: str, tmp_path: Path) -> None:
    canary, artifact = tmp_path / "canary", tmp_path / "model.pkl"
    data = evil.combinations(canary)[what]
    artifact.write_bytes(data)
    with pytest.raises(ArtifactError):
        formats.load(artifact)
    with artifact.open("rb") as file, pytest.raises((*BROKEN, TypeError)):
        unpickle(Stream(file, len(data)))
    assert not canary.exists()


@pytest.mark.parametrize("what", ["os.system", "builtins.eval", "subprocess.Popen"])
def test_an_array_of_objects_is_read_by_the_same_rules(what: str, tmp_path: Path) -> None:
    canary, artifact = tmp_path / "canary", tmp_path / "model.joblib"
    data = evil.in_object_array(evil.calls(canary)[what])
    artifact.write_bytes(data)
    assert formats.sniff(artifact).untrusted
    with pytest.raises(UntrustedError):
        formats.load(artifact)
    with artifact.open("rb") as file, pytest.raises(UntrustedError):
        unpickle(Stream(file, len(data)))
    assert not canary.exists()


# the time that a key of keys of keys takes is limited by the process around it
@pytest.mark.parametrize("what", sorted(evil.bombs().keys() - {"a key that takes for ever"}))
def test_the_guard_survives_bombs(what: str, tmp_path: Path) -> None:
    artifact = tmp_path / "model.pkl"
    data = evil.bombs()[what]
    artifact.write_bytes(data)
    with artifact.open("rb") as file:
        if what == "lists of lists":
            assert unpickle(Stream(file, len(data)))
            return
        with pytest.raises(BROKEN):
            unpickle(Stream(file, len(data)))


def test_each_name_outside_the_list_is_told(tmp_path: Path) -> None:
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(
        evil.call("os", "system", evil.name("shutil", "copy"), evil.name("numpy", "log1p"))
    )
    with pytest.raises(UntrustedError) as caught:
        formats.load(artifact)
    assert caught.value.facts["names"] == ["os.system", "shutil.copy"]
    assert "os.system, shutil.copy" in str(caught.value)
    assert "--trust" in caught.value.hint
    assert "skops" in caught.value.hint


def test_a_search_over_distributions_is_told_what_to_write_instead(tmp_path: Path) -> None:
    search = RandomizedSearchCV(LogisticRegression(), {"C": stats.loguniform(0.1, 1)})
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(search))
    with pytest.raises(UntrustedError) as caught:
        formats.load(tmp_path / "model.pkl")
    assert "best_estimator_" in caught.value.hint


def test_trust_runs_what_the_file_says(tmp_path: Path) -> None:
    canary, artifact = tmp_path / "canary", tmp_path / "model.pkl"
    artifact.write_bytes(evil.call("os", "mkdir", str(canary)))
    formats.load(artifact, trust=True)
    assert canary.exists()


def test_trusted_methods_and_classes(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(np.linalg.norm), FunctionTransformer(str.lower))
    for protocol in (2, 4):
        artifact = tmp_path / "model.pkl"
        artifact.write_bytes(pickle.dumps(model, protocol))
        with pytest.raises(UntrustedError):
            formats.load(artifact)
        assert formats.load(artifact, trust=True)[1].func == str.lower


def test_a_mapped_array_comes_back_as_an_ordinary_one(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "mapped", dtype="f8", mode="w+", shape=(4,))
    mapped[:] = 1.5
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(mapped))
    joblib.dump(mapped, tmp_path / "model.joblib")
    for artifact in (tmp_path / "model.pkl", tmp_path / "model.joblib"):
        back = formats.load(artifact)
        assert type(back) is np.ndarray
        np.testing.assert_array_equal(back, mapped)


def rewritten(written: str) -> bytes:
    """A pickle that says it was written by scikit-learn `written`."""
    data = pickle.dumps(scaled(), 2)
    ours = b"X" + len(sklearn.__version__).to_bytes(4, "little") + sklearn.__version__.encode()
    theirs = b"X" + len(written).to_bytes(4, "little") + written.encode()
    assert ours in data
    return data.replace(ours, theirs)


def patched() -> str:
    """Another patch release of the installed version."""
    return ".".join([*sklearn.__version__.split(".")[:2], "99"])


def test_another_minor_version_is_refused_with_both_named(tmp_path: Path) -> None:
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(rewritten("1.2.2"))
    assert formats.sniff(artifact).sklearn == ("1.2.2",)
    with pytest.raises(VersionMismatchError) as caught:
        formats.load(artifact)
    assert caught.value.code == "version-mismatch"
    assert caught.value.facts == {"written": "1.2.2", "installed": sklearn.__version__}
    for expected in ("1.2.2", sklearn.__version__):
        assert expected in caught.value.detail
    assert "scikit-learn==1.2.2" in caught.value.hint
    assert "--allow-version-skew" in caught.value.hint


def test_another_minor_version_is_tried_on_request(tmp_path: Path) -> None:
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(rewritten("1.2.2"))
    back = formats.load(artifact, allow_version_skew=True)
    same(scaled(), back, X)


def test_another_patch_release_is_read_quietly(tmp_path: Path) -> None:
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(rewritten(patched()))
    same(scaled(), formats.load(artifact), X)


def test_a_version_that_the_scan_did_not_see_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(rewritten("1.2.2"))
    monkeypatch.setattr(pickles, "scan", lambda _: Notes(root="x"))
    with pytest.raises(ArtifactError) as caught:
        formats.load(artifact)
    assert isinstance(caught.value.__cause__, InconsistentVersionWarning)


def test_a_skew_that_fails_names_both_versions(tmp_path: Path) -> None:
    artifact = tmp_path / "model.pkl"
    data = rewritten("1.2.2").replace(b"LogisticRegression", b"LogisticRegressioN")
    artifact.write_bytes(data)
    with pytest.raises(VersionMismatchError) as caught:
        formats.load(artifact, allow_version_skew=True, trust=True)
    assert "1.2.2" in caught.value.detail
    assert sklearn.__version__ in caught.value.detail


def test_a_newer_numpy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(pickle.dumps(np.arange(3), 2).replace(b"numpy.core.", b"numpy._core."))
    assert formats.sniff(artifact).numpy == 2
    versions = {"scikit-learn": sklearn.__version__, "numpy": "1.26.4"}
    monkeypatch.setattr(gate, "installed", versions.get)
    with pytest.raises(VersionMismatchError, match=r"NumPy 2; this is NumPy 1\.26\.4"):
        formats.load(artifact)


def test_arrays_of_both_numpys_are_read(tmp_path: Path) -> None:
    artifact = tmp_path / "model.pkl"
    data = pickle.dumps({"a": np.arange(3), "b": np.float64(2)}, 2)
    for old, new, major in (
        (b"numpy._core.", b"numpy.core.", 1),
        (b"numpy.core.", b"numpy._core.", 2),
    ):
        artifact.write_bytes(data.replace(old, new))
        assert formats.sniff(artifact).numpy == major
        if major <= int(np.__version__[0]):
            assert formats.load(artifact)["b"] == 2


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(b"\x80\x02" + evil.name("xgboost.sklearn", "XGBClassifier") + b")\x81.")
    monkeypatch.setattr(pickles, "importable", lambda module: not module.startswith("xgboost"))
    with pytest.raises(ArtifactError) as caught:
        formats.load(artifact)
    assert caught.value.code == "missing-package"
    assert caught.value.hint == "Run: pip install xgboost"


@pytest.mark.parametrize("trust", [False, True])
def test_a_class_whose_code_is_not_here_is_named(tmp_path: Path, *, trust: bool) -> None:
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(
        b"\x80\x02"
        + evil.name("__main__", "Cleaner")
        + b"0"
        + evil.name("nowhere.to.be.found", "Other")
        + b")\x81."
    )
    assert formats.sniff(artifact).missing == ("__main__.Cleaner", "nowhere.to.be.found.Other")
    with pytest.raises(ArtifactError) as caught:
        formats.load(artifact, trust=trust)
    assert caught.value.code == "missing-code"
    assert "__main__.Cleaner, nowhere.to.be.found.Other" in caught.value.detail
    assert "--code FILE" in caught.value.hint


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (evil.call("sklearn.pipeline", "NoSuchClass"), "missing-code"),
        (b"\x80\x02" + evil.name("sklearn.tree._tree", "Tree") + b"(NNNtR.", "artifact-unreadable"),
        (b"\x80\x02]K\x01s.", "artifact-unreadable"),
    ],
)
def test_a_failure_while_loading_is_one_plain_sentence(
    data: bytes, code: str, tmp_path: Path
) -> None:
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(data)
    with pytest.raises(ArtifactError) as caught:
        formats.load(artifact, trust=True)
    assert caught.value.code == code
    assert str(tmp_path) not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_joblib_older_than_its_format(tmp_path: Path) -> None:
    artifact = tmp_path / "model.joblib"
    artifact.write_bytes(b"ZF0x10                " + bytes(50))
    with pytest.raises(ArtifactError, match=r"joblib before 0\.10"):
        formats.sniff(artifact)


def test_too_little_memory_is_for_whoever_set_the_limit_to_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object, **__: object) -> object:
        raise MemoryError

    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(pickle.dumps([1]))
    monkeypatch.setattr("pilotboat.formats.guard.unpickle", exhausted)
    with pytest.raises(MemoryError):
        formats.load(artifact)
