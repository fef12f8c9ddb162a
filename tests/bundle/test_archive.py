"""Bundles on disk: whole or refused, and never half there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import pilotboat
from pilotboat.bundle import archive, manifest
from pilotboat.bundle.archive import open_bundle
from pilotboat.bundle.manifest import MANIFEST, Digest, Manifest
from pilotboat.errors import BundleError, EnvironmentFault
from tests.bundle.pipelines import MODELS

V1 = Path(__file__).parents[1] / "bundles" / "v1" / "berth" / "1"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A small bundle to spoil."""
    return Path(shutil.copytree(V1, tmp_path / "berth" / "1"))


def code_of(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        open_bundle(path)
    return caught.value.code


def rewrite(bundle: Path, **change: Any) -> None:
    plain = json.loads((bundle / MANIFEST).read_text())
    (bundle / MANIFEST).write_text(json.dumps(plain | change))


def resealed(bundle: Path) -> None:
    """Digests for what the files hold now: an alteration that only golden rows can find."""
    made = manifest.from_json(json.loads((bundle / MANIFEST).read_text()))
    archive.write_manifest(bundle, replace(made, files=archive.digests(bundle)))


def test_a_bundle_of_the_first_format_is_opened() -> None:
    opened = open_bundle(V1)
    assert (opened.name, opened.version, opened.engine) == ("berth", "1", "sklearn")
    assert opened.manifest.format == 1
    assert opened.schema.names == ("length", "kind")
    length, kind = opened.schema.inputs
    assert (length.type, length.nullable, length.gap) == ("number", True, "nan")
    assert kind.categories == ("ferry", "tug", "yacht")
    assert opened.schema.classes == ("inner", "outer")


def test_a_bundle_of_the_first_format_answers_under_its_scikit_learn() -> None:
    packed = open_bundle(V1).manifest.written_with["scikit-learn"]
    if packed.split(".")[:2] == version("scikit-learn").split(".")[:2]:
        given = pilotboat.load(V1).predict([{"length": 38.5, "kind": "tug"}])
        assert given.predictions.tolist() == ["outer"]
        return
    with pytest.raises(BundleError) as caught:
        pilotboat.load(V1)
    assert caught.value.code == "version-mismatch"


def test_a_bundle_is_all_its_bytes(bundle: Path) -> None:
    assert open_bundle(bundle).digest == open_bundle(V1).digest


def test_no_bundle(tmp_path: Path) -> None:
    assert code_of(tmp_path) == "artifact-missing"
    assert code_of(tmp_path / "absent") == "artifact-missing"
    assert code_of(V1 / MANIFEST) == "artifact-missing"
    with pytest.raises(BundleError, match=r"bundle\.json is missing"):
        open_bundle(tmp_path)


def test_a_file_is_missing(bundle: Path) -> None:
    (bundle / "model.skops").unlink()
    with pytest.raises(BundleError, match=r"lacks 'model\.skops'"):
        open_bundle(bundle)


@pytest.mark.parametrize("name", ["model.skops", "schema.json", "golden.jsonl", "parity.json"])
def test_a_byte_is_flipped(bundle: Path, name: str) -> None:
    raw = bytearray((bundle / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (bundle / name).write_bytes(raw)
    with pytest.raises(BundleError, match=r"expected SHA-256 [0-9a-f]{12}…, found") as caught:
        open_bundle(bundle)
    assert caught.value.code == "artifact-hash-mismatch"


def test_a_file_is_cut_short(bundle: Path) -> None:
    os.truncate(bundle / "model.skops", 100)
    assert code_of(bundle) == "artifact-hash-mismatch"


def test_a_file_too_many(bundle: Path) -> None:
    (bundle / "extra.pkl").write_bytes(b"")
    with pytest.raises(BundleError, match=r"'extra\.pkl'") as caught:
        open_bundle(bundle)
    assert caught.value.code == "artifact-unexpected-file"


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links and pipes")
@pytest.mark.parametrize("what", ["link", "pipe", "directory", "linked code", "nested code"])
def test_what_is_no_regular_file(bundle: Path, what: str) -> None:
    if what == "link":
        (bundle / "model.skops").rename(bundle.parent / "model.skops")
        (bundle / "model.skops").symlink_to(bundle.parent / "model.skops")
    elif what == "pipe":
        os.mkfifo(bundle / "pipe")
    elif what == "directory":
        (bundle / "more").mkdir()
    elif what == "linked code":
        (bundle / "code").symlink_to(bundle.parent)
    else:
        (bundle / "code" / "code").mkdir(parents=True)
    assert code_of(bundle) == "artifact-unexpected-file"


@pytest.mark.parametrize(
    "name", ["../model", "/etc/passwd", "a/b", "code/../x", ".hidden", MANIFEST]
)
def test_names_that_lead_elsewhere(bundle: Path, name: str) -> None:
    files = json.loads((bundle / MANIFEST).read_text())["files"]
    rewrite(bundle, files=files | {name: {"sha256": "0" * 64, "size": 1}})
    assert code_of(bundle) == "manifest-invalid"


def test_names_that_differ_in_their_capitals(bundle: Path) -> None:
    files = json.loads((bundle / MANIFEST).read_text())["files"]
    rewrite(bundle, files=files | {"MODEL.skops": files["model.skops"]})
    assert code_of(bundle) == "manifest-invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"format": "1"},
        {"name": "../x"},
        {"name": ""},
        {"version": "0"},
        {"version": "one"},
        {"files": []},
        {"files": {"a": {}}},
        {"untrusted": 3},
        {"written_with": None},
    ],
)
def test_what_is_no_manifest(bundle: Path, change: dict[str, Any]) -> None:
    rewrite(bundle, **change)
    assert code_of(bundle) == "manifest-invalid"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_what_is_no_json(bundle: Path, text: str) -> None:
    (bundle / MANIFEST).write_text(text)
    assert code_of(bundle) == "manifest-invalid"


def test_a_manifest_without_a_schema(bundle: Path) -> None:
    (bundle / "schema.json").unlink()
    resealed(bundle)
    assert code_of(bundle) == "manifest-invalid"


@pytest.mark.parametrize("text", ["{", "{}", "[]", "[" * 100_000])
def test_what_is_no_schema(bundle: Path, text: str) -> None:
    (bundle / "schema.json").write_text(text)
    resealed(bundle)
    assert code_of(bundle) == "schema-invalid"


def test_a_format_of_the_future(bundle: Path) -> None:
    rewrite(bundle, format=2)
    with pytest.raises(BundleError, match="format 2; this version reads format 1") as caught:
        open_bundle(bundle)
    assert caught.value.code == "bundle-format"


def test_a_manifest_as_large_as_a_disk(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_JSON", 100)
    assert code_of(bundle) == "manifest-invalid"


def test_the_manifest_comes_back() -> None:
    made = Manifest("berth", "3", "sklearn", {"a": Digest("0" * 64, 3)}, ("x.Y",), {"numpy": "2"})
    assert manifest.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_what_a_bundle_says_of_itself(bundle: Path) -> None:
    moved = bundle.rename(bundle.parent / "elsewhere")
    assert archive.told(moved) == ("berth", "1")
    (moved / MANIFEST).write_text("{")
    assert archive.told(moved) == ("berth", "elsewhere")


def draft_in(repository: Path) -> Path:
    with archive.draft(repository, "berth") as path:
        shutil.copytree(V1, path, dirs_exist_ok=True)
        kept = repository / "kept"
        path.rename(kept)
    return kept


def test_a_version_is_published_once(tmp_path: Path) -> None:
    home = tmp_path / "berth"
    first, second = draft_in(tmp_path / "a"), draft_in(tmp_path / "b")
    home.mkdir()
    assert archive.publish(first, home, "1") == home / "1"
    assert archive.publish(second, home, "1") is None
    assert second.exists()
    assert archive.publish(second, home, "2") == home / "2"
    assert archive.versions(home) == [1, 2]


def test_versions_are_numbers(tmp_path: Path) -> None:
    for name in ("1", "10", "9", "01", "0", "latest", ".draft-x", "1.5"):
        (tmp_path / name).mkdir()
    assert archive.versions(tmp_path) == [1, 9, 10]
    assert archive.versions(tmp_path / "absent") == []


def test_two_packers_at_once_get_two_versions(tmp_path: Path) -> None:
    model, rows = MODELS["array"]()

    def pack(_: int) -> str:
        return pilotboat.pack(model, data=rows, name="twin", repository=tmp_path).version

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(pack, range(3))) == ["1", "2", "3"]
    assert sorted(one.name for one in (tmp_path / "twin").iterdir()) == ["1", "2", "3"]


def test_a_failed_pack_leaves_nothing(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    with pytest.raises(RuntimeError), archive.draft(repository, "berth"):
        raise RuntimeError
    assert list(repository.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from pilotboat.bundle import archive
real = os.fsync
def fsync(handle):
    real(handle)
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = fsync
import shutil
with archive.draft(Path(sys.argv[1]), "berth") as path:
    shutil.copytree(sys.argv[2], path, dirs_exist_ok=True)
    archive.publish(path, path.parent, "1")
"""


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_a_killed_packer_leaves_nothing_visible(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path, V1], check=False)
    assert done.returncode == -signal.SIGKILL
    assert archive.versions(tmp_path / "berth") == []
    with archive.draft(tmp_path, "berth") as path:
        shutil.copytree(V1, path, dirs_exist_ok=True)
        assert archive.publish(path, path.parent, "1")
    assert open_bundle(tmp_path / "berth" / "1").name == "berth"


def test_a_repository_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with (
        pytest.raises(EnvironmentFault) as caught,
        archive.draft(tmp_path / "models", "berth"),
    ):
        pass
    assert caught.value.code == "repository-unwritable"
    assert "--repository" in caught.value.hint


def test_two_drafts_of_one_model_do_not_disturb_each_other(tmp_path: Path) -> None:
    with archive.draft(tmp_path, "berth") as outer:
        with archive.draft(tmp_path, "berth") as inner:
            assert inner != outer
        assert outer.is_dir()
    assert list(tmp_path.iterdir()) == []
