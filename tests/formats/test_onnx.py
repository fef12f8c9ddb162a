"""ONNX models, read from the wire and held to one file and the standard's operators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from pilotboat import formats
from pilotboat.errors import ArtifactError
from pilotboat.formats import onnx as wire
from tests.formats.models import LABELS, X


def converted() -> onnx.ModelProto:
    model: onnx.ModelProto = to_onnx(LogisticRegression().fit(X, LABELS), X.astype("float32"))
    return model


def graph(*nodes: onnx.NodeProto, constants: tuple[onnx.TensorProto, ...] = ()) -> onnx.GraphProto:
    value = helper.make_tensor_value_info
    return helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, [1])],
        [value("y", TensorProto.FLOAT, [1])],
        initializer=constants,
    )


def model(made: onnx.GraphProto, **more: object) -> onnx.ModelProto:
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], **more)


def identity(domain: str = "", name: str = "Identity") -> onnx.NodeProto:
    return helper.make_node(name, ["x"], ["y"], domain=domain)


def outside(location: str = "../../secret") -> onnx.TensorProto:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value="4")
    return tensor


def branch(inner: onnx.GraphProto) -> onnx.GraphProto:
    condition = helper.make_node(
        "If", ["x"], ["y"], then_branch=inner, else_branch=graph(identity())
    )
    return graph(condition)


def saved(path: Path, made: onnx.ModelProto) -> Path:
    path.write_bytes(made.SerializeToString())
    return path


def refusal(path: Path) -> ArtifactError:
    with pytest.raises(ArtifactError) as sniffed:
        formats.sniff(path)
    with pytest.raises(ArtifactError) as loaded:
        formats.load(path, trust=True)
    assert sniffed.value.code == loaded.value.code
    return loaded.value


def test_a_converted_model_is_recognised(tmp_path: Path) -> None:
    made = converted()
    artifact = saved(tmp_path / "model.onnx", made)
    sniffed = formats.sniff(artifact)
    assert (sniffed.format, sniffed.producer, sniffed.ir) == ("onnx", "skl2onnx", made.ir_version)
    assert dict(sniffed.opsets) == {one.domain: one.version for one in made.opset_import}
    assert (sniffed.globals, sniffed.untrusted, sniffed.sklearn) == ((), (), ())
    assert formats.load(artifact) == artifact.read_bytes()


def test_a_forest_is_recognised(tmp_path: Path) -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(X, LABELS)
    artifact = saved(tmp_path / "model", to_onnx(forest, X.astype("float32")))
    assert dict(formats.sniff(artifact).opsets).keys() >= {"ai.onnx.ml"}


@pytest.mark.parametrize(
    "made",
    [
        lambda: graph(identity(), constants=(outside(),)),
        lambda: graph(helper.make_node("Constant", [], ["y"], value=outside())),
        lambda: branch(graph(identity(), constants=(outside(),))),
        lambda: branch(branch(graph(helper.make_node("Constant", [], ["y"], value=outside())))),
    ],
    ids=["initializer", "attribute", "subgraph", "attribute of a subgraph's subgraph"],
)
def test_external_data_is_refused_with_its_place(
    made: Callable[[], onnx.GraphProto], tmp_path: Path
) -> None:
    error = refusal(saved(tmp_path / "model.onnx", model(made())))
    assert error.code == "external-data-refused"
    assert "../../secret" in error.detail


def test_sparse_external_data_is_refused(tmp_path: Path) -> None:
    made = model(graph(identity()))
    sparse = made.graph.sparse_initializer.add()
    sparse.values.CopyFrom(outside("weights.bin"))
    assert refusal(saved(tmp_path / "model.onnx", made)).facts["location"] == "weights.bin"


def test_external_data_without_a_place_is_refused(tmp_path: Path) -> None:
    tensor = outside()
    tensor.ClearField("external_data")
    error = refusal(saved(tmp_path / "model.onnx", model(graph(identity(), constants=(tensor,)))))
    assert error.code == "external-data-refused"


@pytest.mark.parametrize("domain", ["com.microsoft", "my.own", "ai.onnx.contrib"])
@pytest.mark.parametrize("deep", [False, True])
def test_operators_of_other_domains_are_refused(domain: str, *, deep: bool, tmp_path: Path) -> None:
    inner = graph(identity(domain, "Custom"))
    error = refusal(saved(tmp_path / "model.onnx", model(branch(inner) if deep else inner)))
    assert error.code == "unsupported-operator"
    assert error.facts == {"operator": "Custom", "domain": domain}


def test_functions_of_the_model_itself_are_its_own(tmp_path: Path) -> None:
    function = helper.make_function(
        "my.own", "Twice", ["x"], ["y"], [identity()], [helper.make_opsetid("", 18)]
    )
    made = model(graph(identity("my.own", "Twice")), functions=[function])
    assert formats.sniff(saved(tmp_path / "model.onnx", made)).format == "onnx"
    function.node[0].domain = "their.own"
    made = model(graph(identity("my.own", "Twice")), functions=[function])
    assert refusal(saved(tmp_path / "model.onnx", made)).code == "unsupported-operator"


def test_no_cut_is_taken_for_a_model(tmp_path: Path) -> None:
    data = converted().SerializeToString()
    artifact = tmp_path / "model.onnx"
    for keep in range(1, len(data)):
        artifact.write_bytes(data[:keep])
        try:
            formats.sniff(artifact)
        except ArtifactError as error:
            assert error.code == "artifact-unreadable"  # noqa: PT017 - most cuts, not all
            continue
        onnx.load_from_string(data[:keep])  # a cut between two fields can be a model


def test_flipped_bits_end_in_an_error_or_a_model(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    data = converted().SerializeToString()
    for _ in range(500):
        flipped = bytearray(data)
        flipped[random.randint(len(data))] ^= 1 << random.randint(8)
        try:
            wire.walk(bytes(flipped))
        except ArtifactError as error:
            assert error.code in {"artifact-unreadable", "artifact-limits"}  # noqa: PT017


def test_graphs_in_graphs_have_an_end(tmp_path: Path) -> None:
    def field(number: int, content: bytes) -> bytes:
        size, length = len(content), b""
        while size >= 128:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        tag = number << 3 | 2
        head = bytes([tag]) if tag < 128 else bytes([tag & 127 | 128, tag >> 7])
        return head + length + bytes([size]) + content

    deep = b""
    for _ in range(40):
        deep = field(1, field(5, field(6, deep)))
    artifact = tmp_path / "model.onnx"
    artifact.write_bytes(b"\x08\x08" + field(7, deep) + field(8, b"\x10\x12"))
    assert refusal(artifact).code == "artifact-limits"


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",
        b"\x08\x08",
        b"\x08\x08\x3a",
        b"\x08" + b"\xff" * 20,
        b"\x08\x08\x3a\xff\xff\xff\xff\x0f",
        b"\x08\x08\x38\x01\x42\x00",
        b"\x08\x08\x0b",
        b"\x08\x08\x3a\x00\x3a\x00\x42\x02\x10\x12",
    ],
)
def test_bytes_that_are_no_model(data: bytes, tmp_path: Path) -> None:
    artifact = tmp_path / "model.onnx"
    artifact.write_bytes(data)
    assert refusal(artifact).code == "artifact-unreadable"


def test_a_file_larger_than_protobuf_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MAX_FILE", 10)
    assert refusal(saved(tmp_path / "model.onnx", converted())).code == "artifact-limits"
