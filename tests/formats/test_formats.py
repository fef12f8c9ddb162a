"""Which format a file has is a matter of its content."""

from __future__ import annotations

import os
import pickle
import random
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import pytest
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from pilotboat import formats
from pilotboat.errors import ArtifactError
from pilotboat.formats import skops
from tests.formats.models import LABELS, X


def fitted() -> Any:
    return LogisticRegression().fit(X, LABELS)


def write(kind: str, path: Path) -> Path:
    model = fitted()
    if kind == "onnx":
        path.write_bytes(to_onnx(model, X.astype("float32")).SerializeToString())
    elif kind == "skops":
        skops.dump(model, path)
    elif kind == "joblib":
        joblib.dump(model, path)
    else:
        path.write_bytes(pickle.dumps(model, int(kind[-1])))
    return path


KINDS = ["onnx", "skops", "joblib", "pickle0", "pickle1", "pickle4"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["model", "model.bin", "model.v2", "MODEL.dat", ".model"])
def test_the_name_does_not_matter(kind: str, name: str, tmp_path: Path) -> None:
    path = write(kind, tmp_path / name)
    assert formats.sniff(path).format == kind.rstrip("0123456789")
    assert formats.load(str(path)) is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".onnx", ".skops", ".joblib", ".pkl", ".pickle", ".ONNX"])
def test_a_name_that_promises_another_format(kind: str, suffix: str, tmp_path: Path) -> None:
    path = write(kind, tmp_path / f"model{suffix}")
    declared = formats.DECLARED[suffix.lower()]
    content = "pickle" if kind not in {"onnx", "skops"} else kind
    if declared == content:
        assert formats.sniff(path).sha256
        return
    for attempt in (formats.sniff, formats.load):
        with pytest.raises(ArtifactError) as caught:
            attempt(path)
        assert caught.value.code == "format-mismatch"
        assert caught.value.facts == {"declared": declared, "detected": content}


def unreadable() -> dict[str, bytes]:
    noise = random.Random(0)  # noqa: S311
    return {
        "random": noise.randbytes(5000),
        "more random": noise.randbytes(5000),
        "text": b"Passengers are counted in rows.\n" * 20,
        "text with an x": b"x,y,z\n1,2,3\n",
        "text like a compressed file": b"x^2 + y^2\n",
        "text like a pickle": b"(see below)\n",
        "csv": b"name,age\nAda,36\n",
        "json": b'{"a": 1}',
        "html": b"<!DOCTYPE html><html></html>",
        "zeros": bytes(1000),
        "png": b"\x89PNG\r\n\x1a\n" + bytes(50),
        "elf": b"\x7fELF" + bytes(50),
        "npy": b"\x93NUMPY\x01\x00" + bytes(50),
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(50),
        "one byte": b"\x80",
        "a header": b"\x80\x04",
        "another protocol": b"\x80\x09N.",
        "gzip of text": __import__("gzip").compress(b"name,age\n"),
        "bz2 of nothing": __import__("bz2").compress(b""),
        "a git-lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n",
    }


@pytest.mark.parametrize("suffix", ["", ".pkl", ".joblib", ".skops", ".onnx"])
@pytest.mark.parametrize("what", unreadable())
def test_what_is_no_model(what: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(unreadable()[what])
    for attempt in (formats.sniff, formats.load):
        with pytest.raises(ArtifactError) as caught:
            attempt(path)
        assert caught.value.code == "artifact-unreadable"
        assert caught.value.hint
        assert str(tmp_path) not in str(caught.value)


def test_an_archive_that_is_not_of_skops(tmp_path: Path) -> None:
    for name in ("model.skops", "model.zip", "model"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("data.pkl", pickle.dumps(fitted()))
        with pytest.raises(ArtifactError, match="not one that skops wrote") as caught:
            formats.sniff(tmp_path / name)
        assert caught.value.code == "artifact-unreadable"


@pytest.mark.parametrize("name", ["model.pkl", "nowhere/model.pkl", "model"])
def test_a_missing_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        formats.load(tmp_path / name)
    assert caught.value.code == "artifact-missing"


def test_an_empty_file_and_a_directory(tmp_path: Path) -> None:
    (tmp_path / "empty.pkl").touch()
    with pytest.raises(ArtifactError, match=r"'empty\.pkl' is empty"):
        formats.sniff(tmp_path / "empty.pkl")
    with pytest.raises(ArtifactError, match="is a directory"):
        formats.sniff(tmp_path)


def test_a_path_that_cannot_be_one(tmp_path: Path) -> None:
    for path in (tmp_path / "a\0b", tmp_path / ("x" * 5000)):
        with pytest.raises(ArtifactError) as caught:
            formats.sniff(path)
        assert caught.value.code == "artifact-unreadable"


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pkl")
    with pytest.raises(ArtifactError, match="no regular file"):
        formats.sniff(tmp_path / "pipe.pkl")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = write("pickle4", tmp_path / "model.pkl")
    path.chmod(0)
    with pytest.raises(ArtifactError, match="cannot be opened"):
        formats.sniff(path)


def test_a_link_is_followed(tmp_path: Path) -> None:
    write("joblib", tmp_path / "real.joblib")
    (tmp_path / "model.joblib").symlink_to(tmp_path / "real.joblib")
    assert formats.sniff(tmp_path / "model.joblib").format == "joblib"


def test_mutations_end_in_an_error_or_an_object(tmp_path: Path) -> None:
    noise = random.Random(0)  # noqa: S311
    for kind in KINDS:
        path = write(kind, tmp_path / "model")
        data = path.read_bytes()
        for _ in range(60):
            mutated = bytearray(data)
            for _ in range(noise.randint(1, 4)):
                mutated[noise.randrange(len(mutated))] = noise.randrange(256)
            path.write_bytes(mutated)
            with suppress(ArtifactError):
                formats.load(path)
