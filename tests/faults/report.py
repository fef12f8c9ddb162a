"""`python -m tests.faults.report`: the results of a run, as the tables and the picture of docs/faults.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.faults.chart import draw
from tests.faults.verdict import RESULTS, ROOT

PAGE = ROOT / "docs" / "faults.md"
PICTURE = ROOT / "docs" / "faults.svg"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a run. Of two for the same thing the later one counts."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return list({(row["id"], row["fault"], row["defect"]): row for row in rows}.values())


def held(rows: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each fault."""
    lines = [
        "| | fault | load | requests | lost | longest pause | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in sorted(rows, key=lambda row: (row["id"], row["fault"])):
        pause = "" if row["pause_ms"] is None else f"{row['pause_ms']:.0f} ms"
        verdict = "**does not hold**" if row["complaints"] else "holds"
        told = "; ".join(filter(None, (verdict, row["note"])))
        counts = f"{row['requests']:,} | {row['lost']:,}" if row["requests"] else " | "
        lines.append(
            f"| {row['id']} | {row['fault']} | {row['load']} | {counts} | {pause} | {told} |"
        )
    return lines


def noticed(rows: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each defect that was built in."""
    lines = ["| | defect | |", "| --- | --- | --- |"]
    for row in sorted(rows, key=lambda row: (row["id"], row["defect"])):
        told = "noticed" if row["complaints"] else "**not noticed**"
        lines.append(f"| {row['id']} | {row['defect'].replace('-', ' ')} | {told} |")
    return lines


def write(rows: list[dict[str, Any]]) -> None:
    """Put the tables between the marks of the page, and draw the picture."""
    faults = [row for row in rows if not row["defect"]]
    defects = [row for row in rows if row["defect"]]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    block = [BEGIN, "", *held(faults)]
    if defects:
        block += ["", "And the defects:", "", *noticed(defects)]
    PAGE.write_text(before + "\n".join([*block, "", END]) + after)
    timelines = [row for row in faults if row["ticks"]]
    if timelines:
        PICTURE.write_text(draw(timelines))


if __name__ == "__main__":
    write(read(Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS))
