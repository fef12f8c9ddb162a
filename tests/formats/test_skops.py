"""skops files: listed from the schema alone, loaded with exactly what is on the list."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pilotboat import formats
from pilotboat.errors import ArtifactError, UntrustedError, VersionMismatchError
from pilotboat.formats import skops
from tests.formats.models import LABELS, MODELS, X, answers, made

Node = dict[str, Any]
NOT_BY_SKOPS = {"birch", "columns by pandas"}


@pytest.mark.parametrize("kind", sorted(MODELS.keys() - NOT_BY_SKOPS))
def test_every_kind_of_model_comes_back_the_same(kind: str, tmp_path: Path) -> None:
    model, rows = made(kind)
    artifact = tmp_path / "model.skops"
    skops.dump(model, artifact)
    assert skops.untrusted(artifact) == ()
    back = formats.load(artifact)
    for ours, theirs in zip(answers(back, rows), answers(model, rows), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def written(path: Path, model: Any = None) -> Path:
    skops.dump(model or make_pipeline(StandardScaler(), LogisticRegression()).fit(X, LABELS), path)
    return path


def changed(path: Path, change: Callable[[Node], Node]) -> Path:
    """The skops file at `path` with another schema."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = change(json.loads(content["schema.json"]))
    content["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def node(loader: str, module: str, name: str, **more: Any) -> Node:
    return {"__loader__": loader, "__module__": module, "__class__": name, "__id__": 999, **more}


def text(value: Any) -> Node:
    content = json.dumps(value)
    return node("JsonNode", "builtins", "str", content=content, is_json=True) | {
        "__id__": id(value)
    }


def listing(kind: str, *items: Node) -> Node:
    return node(f"{kind.title()}Node", "builtins", kind, content=list(items)) | {"__id__": 998}


def test_the_schema_tells_what_a_file_is(tmp_path: Path) -> None:
    sniffed = formats.sniff(written(tmp_path / "model"))
    assert (sniffed.format, sniffed.root) == ("skops", "sklearn.pipeline.Pipeline")
    assert sniffed.sklearn == (sklearn.__version__,)
    assert "sklearn.linear_model._logistic.LogisticRegression" in sniffed.globals
    assert sniffed.missing == ()


def harm(canary: Path) -> dict[str, Node]:
    """Objects that would touch `canary`, or use a harmless name in a harmful way."""
    touch = listing("tuple", text(f"touch {canary}"))
    function = node("FunctionNode", "os", "system")
    wrapped = {"args": touch, "kwds": text(None), "namespace": text(None)}
    made = node("ObjectNode", "sklearn.pipeline", "Pipeline")
    return {
        "a function": function,
        "a type": node("TypeNode", "posix", "system"),
        "a call": node("ConstructorFromReduceNode", "os", "system", content=touch),
        "a call of something named": node(
            "ConstructorFromReduceNode", "numpy", "log1p", content=touch
        ),
        "a class that opens files": node(
            "ConstructorFromReduceNode", "numpy", "memmap", content=touch
        ),
        "a partial": node(
            "PartialNode", "functools", "partial", content={"func": function} | wrapped
        ),
        "a partial, called": node(
            "ConstructorFromReduceNode", "functools", "partial", content=touch
        ),
        "a partial of what is made": node(
            "PartialNode", "functools", "partial", content={"func": made} | wrapped
        ),
        "a method": node(
            "MethodNode", "sklearn.pipeline", "Pipeline", content={"func": "fit", "obj": made}
        ),
        "an operator": node("OperatorFuncNode", "operator", "methodcaller", attrs=touch),
        "an object": node("ObjectNode", "subprocess", "Popen"),
        "a dotted name": node("TypeNode", "sklearn.utils.fixes", "os.system"),
        "an unknown loader": node("EvilNode", "sklearn.pipeline", "Pipeline"),
        "an estimator as a tree": node(
            "TreeNode", "sklearn.pipeline", "Pipeline", content=text({}), __reduce__={"args": touch}
        ),
        "no loader": {"__class__": "system", "__module__": "os"},
        "no name": {"__loader__": "ObjectNode", "__class__": 1, "__module__": None},
    }


@pytest.mark.parametrize("what", harm(Path("/nonexistent")))
def test_harm_is_reported_and_refused(what: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    def insert(schema: Node) -> Node:
        schema["content"]["content"]["steps"] = harm(canary)[what]
        return schema

    artifact = changed(written(tmp_path / "model.skops"), insert)
    assert skops.untrusted(artifact)
    with pytest.raises(UntrustedError) as caught:
        formats.load(artifact)
    assert caught.value.facts["names"] == list(skops.untrusted(artifact))
    assert not canary.exists()


def test_a_partial_of_a_listed_function_is_harmless(tmp_path: Path) -> None:
    model = FunctionTransformer(partial(np.clip, a_min=0, a_max=1)).fit(X)
    back = formats.load(written(tmp_path / "model.skops", model))
    np.testing.assert_array_equal(back.transform(X), model.transform(X))


def own(rows: Any) -> Any:
    return rows * 2


def test_trust_takes_functions_of_anyone(tmp_path: Path) -> None:
    artifact = written(tmp_path / "model.skops", FunctionTransformer(own).fit(X))
    assert skops.untrusted(artifact) == (f"{__name__}.own",)
    with pytest.raises(UntrustedError, match=r"test_skops\.own"):
        formats.load(artifact)
    assert formats.load(artifact, trust=True).func is own


def test_a_method_is_taken_on_trust(tmp_path: Path) -> None:
    model = FunctionTransformer(StandardScaler().fit(X).transform).fit(X)
    artifact = written(tmp_path / "model.skops", model)
    assert skops.untrusted(artifact) == ("sklearn.preprocessing._data.StandardScaler.transform",)
    back = formats.load(artifact, trust=True)
    np.testing.assert_array_equal(back.transform(X), model.transform(X))


def other_version(schema: Node) -> Node:
    return json.loads(  # type: ignore[no-any-return]
        json.dumps(schema).replace(f'\\"{sklearn.__version__}\\"', '\\"1.2.2\\"')
    )


def test_another_version_is_refused_or_tried(tmp_path: Path) -> None:
    artifact = changed(written(tmp_path / "model.skops"), other_version)
    assert formats.sniff(artifact).sklearn == ("1.2.2",)
    with pytest.raises(VersionMismatchError, match=r"1\.2\.2"):
        formats.load(artifact)
    assert formats.load(artifact, allow_version_skew=True).predict(X).shape == (len(X),)


def test_another_version_that_cannot_be_read(tmp_path: Path) -> None:
    def broken(schema: Node) -> Node:
        schema["content"]["__loader__"] = "ListNode"
        return other_version(schema)

    artifact = changed(written(tmp_path / "model.skops"), broken)
    with pytest.raises(VersionMismatchError, match="cannot read it"):
        formats.load(artifact, allow_version_skew=True)


def test_a_schema_that_makes_no_sense(tmp_path: Path) -> None:
    def broken(schema: Node) -> Node:
        schema["protocol"] = "two"
        return schema

    artifact = changed(written(tmp_path / "model.skops"), broken)
    with pytest.raises(ArtifactError) as caught:
        formats.load(artifact)
    assert caught.value.code == "artifact-unreadable"


def test_code_that_is_not_here(tmp_path: Path) -> None:
    def elsewhere(schema: Node) -> Node:
        schema["content"]["content"]["steps"] = node("TypeNode", "__main__", "Cleaner")
        return schema

    artifact = changed(written(tmp_path / "model.skops"), elsewhere)
    with pytest.raises(ArtifactError) as caught:
        formats.load(artifact)
    assert caught.value.code == "missing-code"


def test_skops_has_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = written(tmp_path / "model.skops", FunctionTransformer(own).fit(X))
    monkeypatch.setattr(skops, "_nodes", lambda schema: [schema])
    with pytest.raises(UntrustedError, match="own"):
        formats.load(artifact)


def archive(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as target:
        for name, data in entries.items():
            target.writestr(name, data)
    return path


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ({"other.txt": b"x"}, "artifact-unreadable"),
        ({"schema.json": b"{"}, "artifact-unreadable"),
        ({"schema.json": b"[]"}, "artifact-unreadable"),
        ({"schema.json": b"\xff\xfe"}, "artifact-unreadable"),
        ({"schema.json": b"{}", "../x": b"x"}, "artifact-limits"),
        ({"schema.json": b"{}", "/x": b"x"}, "artifact-limits"),
        ({"schema.json": b"{}", "c:x": b"x"}, "artifact-limits"),
        ({"schema.json": nested(65)}, "artifact-limits"),
        ({"schema.json": nested(200_000)}, "artifact-limits"),
        ({"schema.json": b" " * (2**24 + 1)}, "artifact-limits"),
        ({str(number): b"" for number in range(10_001)}, "artifact-limits"),
    ],
)
def test_archives_out_of_bounds(entries: dict[str, bytes], code: str, tmp_path: Path) -> None:
    artifact = archive(tmp_path / "model.skops", entries, zipfile.ZIP_DEFLATED)
    for attempt in (formats.sniff, formats.load, skops.untrusted):
        with pytest.raises(ArtifactError) as caught:
            attempt(artifact)
        assert caught.value.code == code


def test_an_archive_that_unfolds_too_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilotboat.formats.limits.FREE_BYTES", 2**16)
    artifact = archive(
        tmp_path / "model.skops",
        {"schema.json": b"{}", "1.npy": bytes(2**22)},
        zipfile.ZIP_DEFLATED,
    )
    with pytest.raises(ArtifactError) as caught:
        formats.sniff(artifact)
    assert caught.value.code == "artifact-limits"


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.999])
def test_an_archive_cut_short(keep: float, tmp_path: Path) -> None:
    artifact = written(tmp_path / "model.skops")
    data = artifact.read_bytes()
    artifact.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ArtifactError) as caught:
        formats.load(artifact)
    assert caught.value.code == "artifact-unreadable"


def test_what_skops_cannot_write(tmp_path: Path) -> None:
    model, _ = made("birch")
    with pytest.raises(ArtifactError, match="Birch") as caught:
        skops.dump(model, tmp_path / "model.skops")
    assert caught.value.code == "not-skops"
    with pytest.raises(OSError, match="nowhere"):
        skops.dump(StandardScaler(), tmp_path / "nowhere" / "model.skops")


def test_a_pickle_within_an_archive_is_no_skops_file(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.array([None], dtype=object), allow_pickle=True)
    (tmp_path / "model.npz").write_bytes(buffer.getvalue())
    with pytest.raises(ArtifactError, match="not one that skops wrote"):
        formats.load(tmp_path / "model.npz", trust=True)


def test_the_schema_is_not_changed_by_a_look(tmp_path: Path) -> None:
    artifact = written(tmp_path / "model.skops")
    before = copy.copy(artifact.read_bytes())
    formats.sniff(artifact)
    assert artifact.read_bytes() == before
