"""ONNX models (`.onnx`), read field by field from the protobuf wire: no ONNX package is needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pilotboat.errors import ArtifactError
from pilotboat.formats.limits import MAX_NESTING, MIB, exceeded
from pilotboat.formats.sniffed import Sniffed
from pilotboat.formats.streams import damaged, fingerprint, open_artifact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_FILE = 2048 * MIB
"""What a protobuf message can be at most."""
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
"""The operator sets that every ONNX runtime has."""
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
EXTERNAL = 1

Value = int | memoryview
Visit = tuple[str, memoryview]

CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
}
"""Message -> the fields of it that are messages worth a look."""


@dataclass(slots=True)
class Model:
    """What a walk over a ModelProto finds."""

    ir: int | None = None
    producer: str | None = None
    opsets: dict[str, int] = field(default_factory=dict)
    graphs: int = 0
    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    external: set[str] = field(default_factory=set)


def claims(head: bytes) -> bool:
    """Whether a file that begins with `head` may be an ONNX model: its first field, ir_version."""
    return head[:1] == b"\x08"


def sniff(path: Path | str) -> Sniffed:
    """What the ONNX model at `path` is made of.

    Raises `ArtifactError`: `artifact-missing`, `artifact-unreadable`, `artifact-limits`,
    `external-data-refused`, `unsupported-operator`.
    """
    with open_artifact(Path(path)) as file:
        return _read(file)[0]


def load(
    path: Path | str,
    *,
    trust: bool = False,
    code: Any = (),
    allow_version_skew: bool = False,
) -> bytes:
    """The bytes of the ONNX model at `path`, once they have passed `sniff`.

    The other arguments are those of every format; an ONNX model has no code and no version of
    scikit-learn.
    """
    del trust, code, allow_version_skew
    with open_artifact(Path(path)) as file:
        return _read(file)[1]


def _read(file: BinaryIO) -> tuple[Sniffed, bytes]:
    size, sha256 = fingerprint(file)
    if size > MAX_FILE:
        raise exceeded("bytes of an ONNX model", MAX_FILE, size)
    data = file.read()
    model = walk(data)
    _check(model)
    found = Sniffed(
        format="onnx",
        size=size,
        sha256=sha256,
        producer=model.producer,
        ir=model.ir,
        opsets=tuple(sorted(model.opsets.items())),
    )
    return found, data


def walk(data: bytes) -> Model:
    """What the ModelProto in `data` contains, its subgraphs included.

    Raises `ArtifactError` for bytes that are no such message, and for graphs nested too deeply.
    """
    model = Model()
    waiting: list[tuple[str, memoryview, int]] = [("model", memoryview(data), 0)]
    while waiting:
        kind, message, depth = waiting.pop()
        if depth > MAX_NESTING:
            raise exceeded("levels of nesting", MAX_NESTING)
        values = list(fields(message))
        NOTE.get(kind, _nothing)(model, values)
        inside = CHILDREN.get(kind, {})
        for number, value in values:
            if number in inside:
                if isinstance(value, int):
                    raise damaged()
                waiting.append((inside[number], value, depth + 1))
    return model


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """The fields of one protobuf message: number and value, a slice for what has a length."""
    position, end = 0, len(message)
    while position < end:
        tag, position = varint(message, position)
        number, wire = tag >> 3, tag & 7
        value: Value
        if wire == VARINT:
            value, position = varint(message, position)
        else:
            size = {FIXED64: 8, FIXED32: 4}.get(wire, -1)
            if wire == LENGTH:
                size, position = varint(message, position)
            if number == 0 or size < 0 or size > end - position:
                raise damaged()
            value, position = message[position : position + size], position + size
        yield number, value


def varint(message: memoryview, position: int) -> tuple[int, int]:
    """An integer of seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more bytes follow
            return value, position
    raise damaged()


def _text(values: list[tuple[int, Value]], wanted: int) -> str:
    """The text in field `wanted`; the last one counts, as in every protobuf reader."""
    found = ""
    for number, value in values:
        if number == wanted and not isinstance(value, int):
            found = bytes(value[:1000]).decode("utf-8", "replace")
    return found


def _number(values: list[tuple[int, Value]], wanted: int) -> int:
    return next((v for n, v in reversed(values) if n == wanted and isinstance(v, int)), 0)


def _note_model(model: Model, values: list[tuple[int, Value]]) -> None:
    model.ir = _number(values, 1) or None
    model.producer = _text(values, 2) or None
    model.graphs = sum(number == 7 for number, _ in values)  # noqa: PLR2004 - ModelProto.graph


def _note_opset(model: Model, values: list[tuple[int, Value]]) -> None:
    domain = _text(values, 1)
    model.opsets[domain] = max(_number(values, 2), model.opsets.get(domain, 0))


def _note_node(model: Model, values: list[tuple[int, Value]]) -> None:
    model.operators.add((_text(values, 7), _text(values, 4)))


def _note_function(model: Model, values: list[tuple[int, Value]]) -> None:
    model.functions.add((_text(values, 10), _text(values, 1)))


def _note_tensor(model: Model, values: list[tuple[int, Value]]) -> None:
    if _number(values, 14) == EXTERNAL:
        model.external.add("")


def _note_entry(model: Model, values: list[tuple[int, Value]]) -> None:
    if _text(values, 1) == "location":
        model.external.add(_text(values, 2))


def _nothing(model: Model, values: list[tuple[int, Value]]) -> None:
    del model, values


NOTE: dict[str, Callable[[Model, list[tuple[int, Value]]], None]] = {
    "model": _note_model,
    "opset": _note_opset,
    "node": _note_node,
    "function": _note_function,
    "tensor": _note_tensor,
    "entry": _note_entry,
}


def _check(model: Model) -> None:
    """Raises for what is no model, needs other files, or other operators than the standard's."""
    if model.graphs != 1 or not model.ir or not model.opsets:
        raise damaged()
    if model.external:
        named = ", ".join(sorted(place for place in model.external if place)) or "another file"
        raise ArtifactError(
            f"The model keeps weights outside of its file ({named}).",
            code="external-data-refused",
            hint="Save it in one file: onnx.save(model, path, save_as_external_data=False).",
            location=named,
        )
    for domain, operator in sorted(model.operators - model.functions):
        if domain not in DOMAINS:
            raise ArtifactError(
                f"The model uses the operator '{operator}' of the domain '{domain}', which is not "
                "part of ONNX.",
                code="unsupported-operator",
                hint="Export it with the operators of ai.onnx and ai.onnx.ml only.",
                operator=operator,
                domain=domain,
            )
