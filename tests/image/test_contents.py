"""Layers over each other."""

from __future__ import annotations

import pytest

from pilotboat.image.contents import Waste, stack
from pilotboat.image.layers import Entry
from tests.image.archives import layer


def test_later_layers_win_and_what_they_hide_is_waste() -> None:
    contents = stack(
        [
            layer(Entry("a", size=5), Entry("b", size=7), Entry("same", size=1)),
            layer(Entry("a", size=6), Entry("b", "deleted")),
            layer(Entry("a", size=9)),
        ]
    )
    assert {path: one.size for path, one in contents.files.items()} == {"a": 9, "same": 1}
    assert contents.wasted == (
        Waste("b", 7, 1, 2, "deleted"),
        Waste("a", 6, 2, 3, "written again"),
        Waste("a", 5, 1, 2, "written again"),
    )
    assert contents.wasted_bytes == 18


def test_a_deleted_directory_takes_all_below_and_no_neighbour() -> None:
    contents = stack(
        [
            layer(Entry("d", "directory"), Entry("d/e/f", size=3), Entry("dd", size=1)),
            layer(Entry("d", "deleted"), Entry("d/new", size=2)),
        ]
    )
    assert set(contents.files) == {"dd", "d/new"}
    assert [one.path for one in contents.wasted] == ["d/e/f"]


def test_an_opaque_directory_stays_and_loses_what_was_in_it() -> None:
    contents = stack(
        [
            layer(Entry("d", "directory"), Entry("d/old", size=3)),
            layer(Entry("d", "directory"), Entry("d", "opaque"), Entry("d/new", size=2)),
        ]
    )
    assert set(contents.files) == {"d", "d/new"}


def test_the_whole_tree_may_be_opaque() -> None:
    contents = stack([layer(Entry("old", size=3)), layer(Entry("", "opaque"), Entry("new"))])
    assert set(contents.files) == {"new"}


def test_a_file_in_place_of_a_directory() -> None:
    contents = stack(
        [layer(Entry("d", "directory"), Entry("d/f", size=3)), layer(Entry("d", size=1))]
    )
    assert set(contents.files) == {"d"}
    assert contents.wasted_bytes == 3


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("usr/bin/vi", "usr/bin/vi"),
        ("bin/vi", "usr/bin/vi"),
        ("bin/editor", "usr/bin/vi"),
        ("bin/up", "usr/bin/vi"),
        ("bin/gone", None),
        ("circle", None),
        ("nowhere", None),
    ],
)
def test_symlinks_are_followed(path: str, leads_to: str | None) -> None:
    contents = stack(
        [
            layer(
                Entry("bin", "symlink", target="usr/bin"),
                Entry("usr/bin", "directory"),
                Entry("usr/bin/vi"),
                Entry("usr/bin/editor", "symlink", target="/bin/vi"),
                Entry("usr/bin/up", "symlink", target=".././bin/vi"),
                Entry("usr/bin/gone", "symlink", target="../lost"),
                Entry("circle", "symlink", target="circle"),
            )
        ]
    )
    found = contents.follow(path)
    assert (found.path if found else None) == leads_to
