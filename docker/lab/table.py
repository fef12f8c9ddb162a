"""The lab's rows, as text and as Markdown."""

# ruff: noqa: INP001 - a script's neighbour
from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 98
HEADS = ("experiment", "variant", "published", "ratio", "here", "ratio")


@dataclass(frozen=True)
class Row:
    """One variant. The first of an experiment is the way not to do it; ratios are against it.

    against: another variant that the ratio is against.
    published, here: bytes or seconds, None where there is no figure. ours: docker/Dockerfile.
    note: what else was seen. excuse: why ours need not beat the published ratio.
    """

    experiment: str
    variant: str
    unit: str
    published: float | None = None
    here: float | None = None
    ours: bool = False
    note: str = ""
    excuse: str = ""
    against: str = ""


def rendered(rows: Sequence[Row]) -> list[tuple[tuple[str, ...], str]]:
    """Each row's cells, and the remark that belongs under it."""
    return [(_cells(row, rows), _remark(row, rows)) for row in rows]


def as_text(rows: Sequence[Row]) -> Iterator[str]:
    """A table for a terminal."""
    table = rendered(rows)
    widths = [max(len(one[0][at]) for one in [(HEADS, ""), *table]) for at in range(len(HEADS))]
    yield _aligned(HEADS, widths)
    yield "  ".join("-" * width for width in widths)
    before = ""
    for cells, remark in table:
        shown = ("" if cells[0] == before else cells[0], *cells[1:])
        before = cells[0]
        yield _aligned(shown, widths)
        indent = " " * (widths[0] + 4)
        yield from textwrap.wrap(remark, WIDTH, initial_indent=indent, subsequent_indent=indent)


def as_markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The same table in Markdown."""
    yield f"| {' | '.join((*HEADS, 'remark'))} |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | --- |"
    for cells, remark in rendered(rows):
        yield f"| {' | '.join((*cells, remark)).replace('  ', ' ')} |"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
    return "  ".join([*texts, *numbers]).rstrip()


def _cells(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    published, here = _ratios(row, rows)
    variant = f"{row.variant} (ours)" if row.ours else row.variant
    figures = (_figure(row.published, row.unit), _times(published))
    return (row.experiment, variant, *figures, _figure(row.here, row.unit), _times(here))


def _remark(row: Row, rows: Sequence[Row]) -> str:
    return "; ".join(part for part in (row.note, _verdict(row, rows)) if part)


def _verdict(row: Row, rows: Sequence[Row]) -> str:
    """Whether ours beats the best published ratio of its experiment, and if not, why."""
    if not row.ours:
        return ""
    siblings = [one for one in rows if one.experiment == row.experiment]
    best = max((_ratios(one, rows)[0] or 0 for one in siblings), default=0)
    ratio = _ratios(row, rows)[1]
    if not best or row.here is None:
        return ""
    if ratio is None:
        return f"no ratio to hold against the published {_times(best)}: {row.excuse}"
    if ratio > best:
        return f"beats the published {_times(best)}"
    return f"does not beat the published {_times(best)}: {row.excuse}"


def _ratios(row: Row, rows: Sequence[Row]) -> tuple[float | None, float | None]:
    siblings = [one for one in rows if one.experiment == row.experiment]
    first = next((one for one in siblings if one.variant == row.against), siblings[0])
    if row is first:
        return None, None
    return _ratio(first.published, row.published), _ratio(first.here, row.here)


def _ratio(worse: float | None, better: float | None) -> float | None:
    return worse / better if worse and better else None


def _times(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.2f}x"  # noqa: PLR2004


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "seconds":
        return f"{value:.2f} s"
    for size, name in ((1000**3, "GB"), (1000**2, "MB"), (1000, "kB")):
        if value >= size:
            return f"{value / size:.2f} {name}" if name == "GB" else f"{value / size:.0f} {name}"
    return f"{value:.0f} B"
