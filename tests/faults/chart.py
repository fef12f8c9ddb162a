"""A picture of loads over time: what was answered, what was lost, and when the fault struck."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from tests.faults.outcome import TICK

WIDTH, HEIGHT, LEFT, TOP = 760, 120, 80, 30
PANEL = 2 * HEIGHT + 90
STEP = 0.5
"""Seconds that one point of a line stands for."""


def draw(rows: Sequence[dict[str, Any]]) -> str:
    """An SVG with a panel for each row."""
    tall = PANEL * len(rows) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + LEFT + 20} {tall}">',
        "<style>text { font: 12px sans-serif } .title { font-weight: bold }</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, row in enumerate(rows):
        parts.append(f'<g transform="translate({LEFT},{PANEL * number + TOP})">{panel(row)}</g>')
    return "\n".join([*parts, "</svg>\n"])


def panel(row: dict[str, Any]) -> str:
    """Answers a second above, the worst latency below; a grey line where the fault struck."""
    ticks: list[list[float]] = row["ticks"]
    seconds = len(ticks) * TICK
    step = round(STEP / TICK)
    groups = [ticks[start : start + step] for start in range(0, len(ticks) - step + 1, step)]
    rates = [sum(tick[0] for tick in group) / STEP for group in groups]
    worst = [max(tick[3] for tick in group) for group in groups]
    title = f"{row['id']}: {row['fault']}; {row['requests']:,} requests, {row['lost']:,} lost"
    marks = [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{2 * HEIGHT + 25}" stroke="#bbbbbb"/>'
        for x in (WIDTH * mark / seconds for mark in row["marks"])
    ]
    losses = [
        f'<circle cx="{WIDTH * (place + 0.5) / len(ticks):.1f}" cy="{HEIGHT}" r="4" fill="#d62728"/>'
        for place, tick in enumerate(ticks)
        if tick[2]
    ]
    return "\n".join(
        [
            f'<text x="0" y="-12" class="title">{escape(title)}</text>',
            *marks,
            line(rates, 0, "#3b7dd8", "answers/s"),
            line(worst, HEIGHT + 25, "#e08a1e", "worst, ms"),
            *losses,
            f'<text x="0" y="{2 * HEIGHT + 40}">0 s</text>',
            f'<text x="{WIDTH}" y="{2 * HEIGHT + 40}" text-anchor="end">{seconds:.0f} s</text>',
        ]
    )


def line(values: Sequence[float], top: float, colour: str, unit: str) -> str:
    """Values as a line from the left to the right, with the scale beside it."""
    most = max(values, default=0.0) or 1.0
    points = " ".join(
        f"{WIDTH * (place + 0.5) / len(values):.1f},{top + HEIGHT * (1 - value / most):.1f}"
        for place, value in enumerate(values)
    )
    base = top + HEIGHT
    return (
        f'<line x1="0" x2="{WIDTH}" y1="{base}" y2="{base}" stroke="#333333"/>'
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        f'<text x="-6" y="{top + 10}" text-anchor="end">{most:,.0f}</text>'
        f'<text x="-6" y="{base}" text-anchor="end">0</text>'
        f'<text x="-6" y="{top + HEIGHT / 2}" text-anchor="end">{unit}</text>'
    )
