"""Saved images, made by hand."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pilotboat.image import checks
from pilotboat.image.checks import Check, Config, Image
from pilotboat.image.contents import stack
from pilotboat.image.layers import Entry, Layer, Saved

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n"


def member(name: str, content: bytes = b"", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A file of a tar; a directory where the name ends in a slash."""
    info = tarfile.TarInfo(name.rstrip("/"))
    info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
    info.mode = 0o755 if name.endswith("/") else 0o644
    info.size = len(content)
    for attribute, value in more.items():
        setattr(info, attribute, value)
    return info, content


def link(name: str, target: str, *, hard: bool = False) -> tuple[tarfile.TarInfo, bytes]:
    kind = tarfile.LNKTYPE if hard else tarfile.SYMTYPE
    return member(name, type=kind, linkname=target, mode=0o777)


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _config(made: Sequence[str]) -> bytes:
    steps: list[dict[str, Any]] = [{"created_by": line} for line in made]
    steps.insert(1, {"created_by": "ENV A=1", "empty_layer": True})
    return json.dumps({"history": steps}).encode()


def legacy(layers: Sequence[bytes], made: Sequence[str]) -> bytes:
    """As Docker before 25 wrote it. The same layer once more is a symlink."""
    manifest = [{"Config": "c.json", "Layers": [f"{at}/layer.tar" for at in range(len(layers))]}]
    parts = [member("c.json", _config(made))]
    for at, layer in enumerate(layers):
        parts += [member(f"{at}/"), member(f"{at}/VERSION", b"1.0")]
        parts.append(member(f"{at}/json", b'{"id": "x"}'))
        if layer in layers[:at]:
            parts.append(link(f"{at}/layer.tar", f"../{layers.index(layer)}/layer.tar"))
        else:
            parts.append(member(f"{at}/layer.tar", layer))
    return tar(*parts, member("manifest.json", json.dumps(manifest).encode()))


def oci(layers: Sequence[bytes], made: Sequence[str], *, manifest: bool = True) -> bytes:
    """As Docker writes it since 25; without manifest.json as other builders do."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes) -> dict[str, str]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}"}

    config, parts = blob(_config(made)), [blob(layer) for layer in layers]
    image = blob(json.dumps({"config": config, "layers": parts}).encode())
    proof = blob(json.dumps({"layers": []}).encode()) | {"platform": {"os": "unknown"}}
    inner = blob(json.dumps({"manifests": [proof, {"digest": "sha256:absent"}, image]}).encode())
    members = [member("blobs/"), *(member(name, content) for name, content in blobs.items())]
    members.append(member("index.json", json.dumps({"manifests": [inner]}).encode()))
    members.append(member("blobs/sha256/broken", b"{ not JSON"))
    if manifest:
        path = "blobs/" + config["digest"].replace(":", "/")
        paths = ["blobs/" + one["digest"].replace(":", "/") for one in parts]
        told = json.dumps([{"Config": path, "Layers": paths}]).encode()
        members.append(member("manifest.json", told))
    return tar(*members)


def outcome(name: str, *layers: Layer, history: Sequence[str] = (), **config: Any) -> Check:
    """What one check says of an image."""
    contents = stack(layers)
    image = Image(Config.of(config), Saved(layers, tuple(history)), contents)
    return next(check for check in checks.run(image) if check.name == name)


def layer(*entries: Entry, passwd: str = "") -> Layer:
    return Layer(entries, passwd=passwd)


GOOD: Mapping[str, Any] = {
    "User": "10001:0",
    "Env": ["PATH=/bin"],
    "Entrypoint": ["pilotboat"],
    "Cmd": ["serve"],
    "Healthcheck": {"Test": ["CMD", "pilotboat", "health"]},
    "StopSignal": "SIGTERM",
    "Labels": {f"{checks.LABEL_PREFIX}{name}": "1" for name in checks.LABELS},
}
"""The configuration of an image that passes."""
