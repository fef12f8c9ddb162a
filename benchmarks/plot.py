"""A bar for each server and model: requests a second over the tutorial service's.

python plot.py RESULTS.json PLOT.svg, in the benchmark's own environment, for it needs matplotlib.
"""

# ruff: noqa: RUF001 - a sign for people
from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

CONNECTIONS = "16"


def ratios(results: dict[str, Any], baseline: str) -> dict[str, dict[str, list[float]]]:
    """{model: {server: a ratio for each round}}."""
    rates = {(one["model"], one["server"], one["round"]): _rate(one) for one in results["visits"]}
    found: dict[str, dict[str, list[float]]] = {}
    for (model, server, number), rate in rates.items():
        if base := rates.get((model, baseline, number)):
            found.setdefault(model, {}).setdefault(server, []).append(rate / base)
    return found


def _rate(visit: dict[str, Any]) -> float:
    load = visit["loads"][CONNECTIONS]
    return float((load["requests"] - load["refused"]) / load["seconds"])


def draw(found: dict[str, dict[str, list[float]]], target: Path) -> None:
    """One panel a model; a bar is the median, its line from the least to the most."""
    from matplotlib import pyplot as plt  # type: ignore[import-not-found]  # noqa: PLC0415

    figure, panels = plt.subplots(
        len(found), 1, figsize=(8, 0.6 + 2.6 * len(found)), squeeze=False, layout="constrained"
    )
    for panel, (model, servers) in zip(panels[:, 0], found.items(), strict=True):
        names = list(servers)[::-1]
        middles = [median(servers[name]) for name in names]
        lows = [middle - min(servers[name]) for name, middle in zip(names, middles, strict=True)]
        highs = [max(servers[name]) - middle for name, middle in zip(names, middles, strict=True)]
        panel.barh(names, middles, xerr=[lows, highs], color="#3b7dd8", ecolor="#333333", capsize=2)
        panel.set_xscale("log")
        panel.axvline(1, color="#999999", linewidth=1)
        panel.set_title(f"{model}: requests/s at {CONNECTIONS} connections, × of the tutorial")
    figure.savefig(target)


if __name__ == "__main__":
    draw(ratios(json.loads(Path(sys.argv[1]).read_text()), "fastapi"), Path(sys.argv[2]))
