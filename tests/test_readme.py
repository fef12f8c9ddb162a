"""README.ko.md says what README.md says, block by block."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINKS = re.compile(r"\]\(([^)]+)\)")
CODE = re.compile(r"`([^`]+)`")


def blocks(name: str) -> list[str]:
    """Headings, paragraphs, tables and fenced code, each as one text."""
    found: list[str] = []
    fenced = False
    for part in re.split(r"\n\n+", (ROOT / name).read_text(encoding="utf-8").strip()):
        if fenced:
            found[-1] += "\n\n" + part
        else:
            found.append(part)
        fenced ^= part.count("```") % 2 == 1
    return found


def kind(block: str) -> str:
    first = block.split(maxsplit=1)[0]
    if first.startswith(("#", "```")):
        return first
    return "table" if first == "|" else "text"


PAIRS = list(zip(blocks("README.md"), blocks("README.ko.md"), strict=False))


def test_both_have_the_same_blocks() -> None:
    english, korean = blocks("README.md"), blocks("README.ko.md")
    assert [kind(one) for one in english] == [kind(one) for one in korean]


@pytest.mark.parametrize(("english", "korean"), PAIRS)
def test_a_block_and_its_translation_agree(english: str, korean: str) -> None:
    if english.startswith("```"):
        assert korean == english
        return
    assert len(korean.splitlines()) == len(english.splitlines()) or kind(english) == "text"
    if "README" not in english:
        assert sorted(LINKS.findall(korean)) == sorted(LINKS.findall(english))
        assert sorted(set(CODE.findall(korean))) == sorted(set(CODE.findall(english)))
    if kind(english) in ("text", "table") and "README" not in english:
        assert re.search("[가-힣]", korean)
