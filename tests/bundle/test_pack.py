"""From an artifact, or an estimator in hand, to a bundle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pilotboat
from pilotboat.bundle.manifest import BASELINE, GOLDEN, PARITY
from pilotboat.bundle.pack import model_name
from pilotboat.bundle.sandbox import Limits, environment
from pilotboat.errors import (
    ArtifactError,
    BundleError,
    CompileError,
    DataError,
    LimitHitError,
    PilotboatError,
    UntrustedBundleError,
    UsageError,
)
from tests.bundle.pipelines import FRAME, MODELS, WORDS
from tests.factories import clean_environment, fitted, passengers

OWN_CODE = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Threshold(ClassifierMixin, BaseEstimator):
    def fit(self, rows, labels):
        self.classes_ = np.unique(labels)
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        self.n_features_in_ = rows.shape[1]
        self.limit_ = float(rows.iloc[:, 0].mean())
        return self

    def predict(self, rows):
        return self.classes_[(np.asarray(rows)[:, 0] > self.limit_).astype(int)]
"""
FIT_OWN = """
import sys, joblib, pandas as pd
sys.path.insert(0, sys.argv[1])
from own_threshold import Threshold
rows = pd.DataFrame({"depth": [1.0, 2.0, 3.0, 4.0]})
joblib.dump(Threshold().fit(rows, ["shallow", "shallow", "deep", "deep"]), sys.argv[2])
"""


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifact") / "ferry model.joblib"
    joblib.dump(fitted(), path)
    return path


@pytest.fixture(scope="module")
def rows_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "passengers.csv"
    passengers().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the user's own class, in a file."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_threshold.py").write_text(OWN_CODE)
    made = folder / "own.joblib"
    subprocess.run([sys.executable, "-c", FIT_OWN, folder, made], check=True)
    return made


def code_in(folder: Path, more: str = "") -> Path:
    """The code that it needs, and `more` that runs when it is imported."""
    source = folder / "own_threshold.py"
    source.write_text(f"{OWN_CODE}\n{more}")
    return source


def test_a_file_becomes_a_bundle(artifact: Path, rows_file: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    bundle = pilotboat.pack(
        artifact, rows_file, "survived", repository=tmp_path, progress=steps.append
    )
    assert bundle.path == tmp_path / "ferry-model" / "1"
    assert (bundle.name, bundle.version, bundle.engine) == ("ferry-model", "1", "plan")
    assert {one.name for one in bundle.path.iterdir()} == {
        "bundle.json", "schema.json", "plan.json", "arrays", GOLDEN, BASELINE, PARITY,
    }  # fmt: skip
    told = bundle.manifest.provenance
    assert told["artifact"]["file"] == artifact.name
    assert told["data"]["rows"] == 300
    assert str(tmp_path) not in (bundle.path / "bundle.json").read_text()
    assert steps[0] == f"looking into {artifact.name}"
    assert steps[-1] == "publishing"
    rows = passengers().drop(columns="survived")[:50]
    given = pilotboat.load(bundle.path).predict(rows)
    assert given.probabilities is not None
    assert np.allclose(given.probabilities, fitted().predict_proba(rows), rtol=1e-12, atol=0)


def test_what_is_compiled_is_the_users_choice(tmp_path: Path) -> None:
    model, data = fitted(), passengers()
    asked: dict[str, Any] = {"target": "survived", "repository": tmp_path}
    plan = pilotboat.pack(model, data, name="a", engine="plan", **asked)
    kept = pilotboat.pack(model, data, name="b", engine="sklearn", **asked)
    assert (plan.engine, kept.engine) == ("plan", "sklearn")
    assert (kept.path / "model.skops").exists()
    assert not (kept.path / "plan.json").exists()
    assert not (plan.path / "model.skops").exists()
    proof = json.loads((plan.path / PARITY).read_text())["plan"]
    assert (proof["labels_wrong"], proof["rows"] > 1000) == (0, True)


@pytest.mark.parametrize("engine", ["auto", "sklearn"])
def test_a_step_that_changes_its_input_changes_no_answer(tmp_path: Path, engine: str) -> None:
    rows = passengers()[["fare"]]
    labels = np.where(np.arange(len(rows)) % 3 > 0, "a", "b")
    model = make_pipeline(StandardScaler(copy=False), LogisticRegression()).fit(rows.copy(), labels)
    bundle = pilotboat.pack(model, rows.copy(), repository=tmp_path, engine=engine)
    given = pilotboat.load(bundle.path).predict(rows.copy()).probabilities
    assert np.allclose(given, model.predict_proba(rows.copy()), rtol=1e-12, atol=0)  # type: ignore[arg-type]


def test_what_is_not_compiled_says_why(tmp_path: Path) -> None:
    model = fitted(GaussianProcessClassifier())
    notes: list[str] = []
    bundle = pilotboat.pack(
        model, passengers(), "survived", repository=tmp_path, notes=notes.append
    )
    assert bundle.engine == "sklearn"
    assert any("GaussianProcessClassifier" in note and "not compiled" in note for note in notes)
    assert "not on the list" in json.loads((bundle.path / PARITY).read_text())["not_compiled"]
    with pytest.raises(CompileError, match="gaussianprocessclassifier"):
        pilotboat.pack(model, passengers(), "survived", repository=tmp_path, engine="plan")
    assert not (tmp_path / "model" / "2").exists()


def test_a_file_and_rows_in_hand(artifact: Path, tmp_path: Path) -> None:
    bundle = pilotboat.pack(str(artifact), passengers(), "survived", "x", tmp_path)
    assert [one.minimum for one in bundle.schema.inputs if one.name == "age"] != [None]
    assert "survived" in bundle.schema.ignored


def test_the_next_version(tmp_path: Path) -> None:
    model, rows = MODELS["array"]()
    for wanted in ("1", "2"):
        assert pilotboat.pack(model, rows, repository=tmp_path).version == wanted
    (tmp_path / "model" / "7").mkdir()
    assert pilotboat.pack(model, rows, repository=tmp_path).version == "8"


def test_packing_twice_gives_the_same_model(tmp_path: Path) -> None:
    model, rows = MODELS["by names"]()
    one, two = (pilotboat.pack(model, rows, repository=tmp_path) for _ in range(2))
    for name in ("schema.json", GOLDEN, BASELINE):
        assert one.manifest.files[name] == two.manifest.files[name]


@pytest.mark.parametrize("data", ["records", "lists", "frame", "array"])
def test_rows_in_hand_of_every_kind(data: str, tmp_path: Path) -> None:
    model, rows = MODELS["array"]()
    kinds = {
        "records": [{"a": a, "b": b} for a, b in rows.tolist()],
        "lists": rows.tolist(),
        "frame": FRAME[["size", "age"]],
        "array": rows,
    }
    bundle = pilotboat.pack(model, kinds[data], repository=tmp_path)
    assert [one.minimum for one in bundle.schema.inputs] == rows.min(axis=0).tolist()


@pytest.mark.parametrize(
    ("given", "file", "wanted"),
    [
        (None, "titanic.joblib", "titanic"),
        (None, "my model (final).v2.pkl", "my-model-final"),
        (None, "___.pkl", "___"),
        (None, "模型.pkl", "model"),
        ("a.b_c-1", "x.pkl", "a.b_c-1"),
    ],
)
def test_names(given: str | None, file: str, wanted: str) -> None:
    assert model_name(given, file) == wanted


@pytest.mark.parametrize("name", ["../x", ".hidden", "a/b", "a b", "a" * 129, "é"])
def test_bad_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no name for a model"):
        pilotboat.pack(object(), name=name, repository=tmp_path)


def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no engine 'quantum'"):
        pilotboat.pack(object(), engine="quantum", repository=tmp_path)


def test_code_without_trust(artifact: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="trust=True"):
        pilotboat.pack(fitted(), code=["x.py"], repository=tmp_path)
    with pytest.raises(PilotboatError, match="trust"):
        pilotboat.pack(artifact, code=["x.py"], repository=tmp_path)


def test_files_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        pilotboat.pack(tmp_path / "absent.joblib", repository=tmp_path)
    assert caught.value.code == "artifact-missing"
    (tmp_path / "a.joblib").write_text("not a model")
    with pytest.raises(ArtifactError):
        pilotboat.pack(tmp_path / "a.joblib", repository=tmp_path / "models")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("absent.csv", None, "data-missing"),
        ("rows.xlsx", "x", "unknown-data-format"),
        ("empty.csv", "", "invalid-data"),
        ("header.csv", "a,b\n", "empty-batch"),
        ("broken.jsonl", "{", "invalid-data"),
    ],
)
def test_data_files_that_are_none(
    name: str, content: str | None, code: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as caught:
        pilotboat.pack(fitted(), tmp_path / name, repository=tmp_path)
    assert caught.value.code == code
    assert name in str(caught.value)


def test_data_as_json_lines(tmp_path: Path) -> None:
    model, rows = MODELS["by names"]()
    rows.to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    bundle = pilotboat.pack(model, tmp_path / "rows.jsonl", repository=tmp_path)
    assert bundle.schema.inputs[0].type == "number"


LOUD = """
import json, os
print('{"done": {"path": "/etc"}}', flush=True)
os.write(1, b'{"error": {}}\\n')
with open(SEEN, 'w') as file:
    json.dump(dict(os.environ), file)
"""


def test_a_class_of_the_users_own(
    own: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Packed where its code is given and trusted, served where the digest is named.

    What the code prints does not reach the parent as a report, and it sees no secrets.
    """
    for name in ("AWS_SECRET_ACCESS_KEY", "PILOTBOAT_DATABASE_URL", "MY_TOKEN"):
        monkeypatch.setenv(name, "secret")
    assert "secret" not in environment().values()
    seen = tmp_path / "seen.json"
    source = code_in(tmp_path, LOUD.replace("SEEN", repr(str(seen))))
    bundle = pilotboat.pack(own, code=[source], trust=True, repository=tmp_path / "models")
    assert bundle.path == tmp_path / "models" / "own" / "1"
    said = capfd.readouterr()
    assert said.out == ""
    assert '{"done"' in said.err
    told = json.loads(seen.read_text())
    assert "secret" not in told.values()
    assert told["OMP_NUM_THREADS"] == "1"

    assert bundle.manifest.untrusted == ("own_threshold.Threshold", "code/own_threshold.py")
    with pytest.raises(UntrustedBundleError) as caught:
        pilotboat.load(bundle.path)
    assert bundle.digest in caught.value.hint
    with pytest.raises(UntrustedBundleError):
        pilotboat.load(bundle.path, trust=["0" * 64])
    model = pilotboat.load(bundle.path, trust=[bundle.digest])
    given = model.predict([{"depth": 0.5}, {"depth": 9.0}])
    assert given.predictions.tolist() == ["deep", "shallow"]

    marker = tmp_path / "ran"
    (bundle.path / "code" / "own_threshold.py").write_text(f"open({str(marker)!r}, 'w')")
    with pytest.raises(BundleError) as altered:
        pilotboat.load(bundle.path, trust=[bundle.digest])
    assert altered.value.code == "artifact-hash-mismatch"
    assert not marker.exists()


def test_a_class_of_the_users_own_without_trust(own: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"own_threshold\.Threshold"):
        pilotboat.pack(own, repository=tmp_path / "models")
    assert not (tmp_path / "models").exists()


HOG = """
Threshold.__setstate__ = lambda self, state: setattr(self, "hog", bytearray(6 << 30))
"""
LIMITS = {
    "memory": (HOG, Limits(memory=5 << 30), "memory"),
    "cpu": ("while True: pass", Limits(cpu=3), "processor time"),
    "time": ("import time; time.sleep(600)", Limits(time=3), "longer than 3 seconds"),
    "kill": ("import os; os.kill(os.getpid(), 9)", Limits(), "memory"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits that the system keeps")
@pytest.mark.parametrize("what", LIMITS)
def test_limits_are_named(what: str, own: Path, tmp_path: Path) -> None:
    more, limits, word = LIMITS[what]
    models, source = tmp_path / "models", code_in(tmp_path, more)
    with pytest.raises(PilotboatError, match=word) as caught:
        pilotboat.pack(own, code=[source], trust=True, limits=limits, repository=models)
    assert caught.value.hint
    assert what == "memory" or isinstance(caught.value, LimitHitError)
    assert not (models / "own" / "1").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs signals")
def test_a_child_that_ends_without_a_word(own: Path, tmp_path: Path) -> None:
    source = code_in(tmp_path, "import os; os.abort()")
    with pytest.raises(ArtifactError, match="signal 6"):
        pilotboat.pack(own, code=[source], trust=True, repository=tmp_path / "models")


def _heed_ctrl_c() -> None:
    """A process that a shell put into the background inherits that it ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform != "linux", reason="needs signals and /proc")
def test_ctrl_c_kills_the_child(own: Path, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    os.mkfifo(told)
    source = code_in(
        tmp_path,
        f"import os, time\nopen({str(told)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)",
    )
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pilotboat",
        "pack",
        own,
        "--trust",
        "--code",
        source,
    ]
    with subprocess.Popen(
        [*command, "--repository", tmp_path / "models"],
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_ctrl_c,  # noqa: PLW1509 - no threads run here
    ) as parent:
        child = int(told.read_text())  # waits until the child is at it
        parent.send_signal(signal.SIGINT)
        try:
            said = parent.communicate(timeout=60)[1]
        finally:
            parent.kill()
    assert parent.returncode == 130
    assert "Traceback" not in said
    assert not Path(f"/proc/{child}").exists()


def test_a_model_that_differs_from_its_rows(tmp_path: Path) -> None:
    """Rows that the model was not trained on in this form are found before they are served."""
    model, rows = MODELS["by names"]()
    with pytest.raises(DataError, match="does not fit the model"):
        pilotboat.pack(model, rows.assign(deck=1.0), repository=tmp_path)
    assert WORDS.size == len(rows)
