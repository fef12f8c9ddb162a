"""Saved images are read, whatever wrote them."""

from __future__ import annotations

import io
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from pilotboat.errors import DataError
from pilotboat.image import layers
from pilotboat.image.layers import Entry, tidy
from tests.image.archives import COMPRESSIONS, KEY, legacy, link, member, oci, tar

MADE = [
    "/bin/sh -c #(nop) ADD file:1 in / ",
    "RUN /bin/sh -c make # buildkit",
    "COPY . . # buildkit",
]
FIRST = tar(
    member("./"),
    member("./etc/"),
    member("./etc/passwd", b"root:x:0:0::/root:/bin/sh\n"),
    member("/bin/su", b"x" * 100, mode=0o4755, uid=1, gid=2),
    link("bin/su2", "bin/su", hard=True),
    link("sh", "dash"),
    member("dev/null", type=b"3"),
)
SECOND = tar(member("bin/.wh.su"), member("etc/.wh..wh..opq"), member("root/key", KEY.encode()))
EMPTY = b"\0" * 1024


def legacy_layout(blobs: list[bytes], made: list[str]) -> bytes:
    return legacy(blobs, made)


def index_only(blobs: list[bytes], made: list[str]) -> bytes:
    return oci(blobs, made, manifest=False)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("layout", [legacy_layout, oci, index_only])
def test_every_layout_and_compression(layout: Callable[..., bytes], compression: str) -> None:
    pack = COMPRESSIONS[compression]
    saved = layers.read(io.BytesIO(layout([pack(FIRST), pack(SECOND), pack(FIRST)], MADE)))
    assert [one.made_by for one in saved.layers] == ["ADD file:1 in /", "RUN make", "COPY . ."]
    assert [one.size for one in saved.layers] == [126, len(KEY), 126]
    assert saved.history[1] == "ENV A=1"
    first, second, third = saved.layers
    assert third.entries == first.entries
    assert first.entries == (
        Entry("etc", "directory", 0, 0o755),
        Entry("etc/passwd", "file", 26),
        Entry("bin/su", "file", 100, 0o4755, 1, 2),
        Entry("bin/su2", "link", 0, 0o777, target="bin/su"),
        Entry("sh", "symlink", 0, 0o777, target="dash"),
        Entry("dev/null", "device"),
    )
    assert first.passwd.startswith("root:x:0:0:")
    assert second.entries == (
        Entry("bin/su", "deleted"),
        Entry("etc", "opaque"),
        Entry("root/key", "file", len(KEY), found="a private key"),
    )


def test_a_layer_of_nothing() -> None:
    assert layers.read(io.BytesIO(legacy([EMPTY], ["X"]))).layers[0].entries == ()


def test_a_history_that_does_not_fit_names_no_cause() -> None:
    saved = layers.read(io.BytesIO(oci([FIRST, SECOND], ["only one"])))
    assert [one.made_by for one in saved.layers] == ["", ""]


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"not a tar at all, but long enough to be looked at " * 40,
        legacy([FIRST], ["X"])[:3000],
        legacy([COMPRESSIONS["gzip"](SECOND)[:60]], ["X"]),
        legacy([b"\x1f\x8b" + b"rubbish" * 200], ["X"]),
        tar(member("a", b"b")),
        tar(member("manifest.json", b"[]")),
        tar(member("manifest.json", b'[{"Config": "absent", "Layers": ["absent"]}]')),
        tar(member("index.json", b'{"manifests": []}')),
    ],
)
def test_a_broken_stream_is_one_error(stream: bytes) -> None:
    with pytest.raises(DataError):
        layers.read(io.BytesIO(stream))


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python reads Zstandard")
def test_zstandard_names_the_python_that_reads_it() -> None:
    stream = legacy([layers.ZSTANDARD + b"x" * 2000], ["X"])
    with pytest.raises(DataError, match=r"Zstandard.*Python 3\.14"):
        layers.read(io.BytesIO(stream))


def test_large_files_are_not_held() -> None:
    size = 30_000_000
    stream = io.BytesIO(oci([tar(member("big", b"\0" * size))], ["X"]))
    tracemalloc.start()
    saved = layers.read(stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert saved.layers[0].size == size
    assert peak < 10_000_000


@pytest.mark.parametrize(
    ("created_by", "line"),
    [
        ('/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'),
        ("/bin/sh -c apt-get   update", "RUN apt-get update"),
        ("RUN |2 A=1 API_TOKEN=abc /bin/sh -c make # buildkit", "RUN make"),
        ("RUN |1 API_TOKEN=abc make", "RUN |1 API_TOKEN=••• make"),
        ("RUN /bin/sh -c curl https://me:abc@host/ # buildkit", "RUN curl https://•••@host/"),
        ("", ""),
    ],
)
def test_history_lines_are_tidied_and_tell_no_secrets(created_by: str, line: str) -> None:
    assert tidy(created_by) == line


def test_a_layer_keeps_no_more_than_names() -> None:
    many: list[Any] = [member(f"d/{at}", b"x" * 50) for at in range(3000)]
    assert len(layers.read_layer(io.BytesIO(tar(*many))).entries) == 3000
