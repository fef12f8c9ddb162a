"""Draws what `benchmarks.dashboard` has recorded, as a dashboard looks.

python panels.py RESULTS.json DASHBOARD.png, in the environment of plot-requirements.txt.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

BACK, PANEL, EDGE, TEXT, FAINT = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#8e9196"
COLORS = (
    *("#73bf69", "#5794f2", "#f2cc0c", "#ff780a", "#b877d9", "#f2495c", "#8ab8ff", "#96d98d"),
    *("#ffee52", "#ffb357", "#ca95e5", "#ff7383"),
)
NAMED = {"green": "#73bf69", "red": "#f2495c", "orange": "#ff780a", "blue": "#5794f2"}
UNITS = {"reqps": " req/s", "s": " s", "percentunit": " %", "bytes": " B"}
WIDE, ROW = 24, 0.40
"""Columns of the grid; inches of one of its rows."""
DPI = 96
GAP = 3
"""Seconds between two points that are not joined."""


def written(value: float, unit: str) -> str:
    """A number as Grafana would write it."""
    if not math.isfinite(value):
        return "-"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        for size, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
            if abs(value) >= size:
                return f"{value / size:.3g} {name}"
        return "0 s"
    if unit == "bytes":
        return f"{value / 2**20:.4g} MiB"
    if value >= 1000:  # noqa: PLR2004
        return f"{value / 1000:.3g} K{UNITS.get(unit, '')}"
    return f"{value:.3g}{UNITS.get(unit, '')}"


def legend(series: dict[str, Any], template: str) -> str:
    """The name of a line: the template with its labels."""
    for name, value in series["metric"].items():
        template = template.replace("{{" + name + "}}", value)
    return template


def lines(shown: dict[str, Any]) -> list[tuple[str, list[float], list[float]]]:
    """(name, times, values) of every line of a panel; where there is nothing, NaN."""
    found = []
    for target, results in zip(shown["panel"]["targets"], shown["found"], strict=True):
        for series in results:
            times: list[float] = []
            values: list[float] = []
            for at, value in series["values"]:
                if times and at - times[-1] > GAP:
                    times.append(times[-1] + 1)
                    values.append(math.nan)
                times.append(float(at))
                values.append(float(value))
            found.append((legend(series, target["legendFormat"]), times, values))
    return found


def draw(recorded: list[dict[str, Any]], target: Path) -> None:
    """One picture with every panel in its place."""
    import matplotlib as mpl  # type: ignore[import-not-found]  # noqa: PLC0415
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcParams |= {"font.family": "DejaVu Sans", "font.size": 7.5, "text.color": TEXT}
    mpl.rcParams |= {"xtick.color": FAINT, "ytick.color": FAINT, "axes.edgecolor": EDGE}
    rows = max(_place(one)[1] + _place(one)[3] for one in recorded)
    high = rows * ROW
    figure = plt.figure(figsize=(14, high), facecolor=BACK)
    times = [at for one in recorded for _, found, _ in lines(one) for at in found]
    begin, end = min(times), max(times)
    for shown in recorded:
        x, y, w, h = _place(shown)
        box = (x / WIDE, 1 - (y + h) / rows, w / WIDE, h / rows)
        axes = _panel(figure, box, shown["panel"]["title"], high)
        kind = shown["panel"]["type"]
        if kind == "timeseries":
            _timeseries(axes, shown, begin, end)
        elif kind == "stat":
            _stat(axes, shown)
        else:
            _table(axes, shown)
    figure.savefig(target, dpi=DPI, facecolor=BACK, pil_kwargs={"optimize": True})


def _place(shown: dict[str, Any]) -> tuple[int, int, int, int]:
    at = shown["panel"]["gridPos"]
    return at["x"], at["y"], at["w"], at["h"]


def _panel(figure: Any, box: tuple[float, float, float, float], title: str, high: float) -> Any:
    """The frame of a panel with its title, and the space in it."""
    from matplotlib.patches import (  # type: ignore[import-not-found]  # noqa: PLC0415
        FancyBboxPatch,
    )

    left, bottom, width, height = box
    gap_x, gap_y = 0.05 / 14, 0.05 / high
    frame = FancyBboxPatch(
        (left + gap_x, bottom + gap_y),
        width - 2 * gap_x,
        height - 2 * gap_y,
        boxstyle="round,pad=0,rounding_size=0.002",
        transform=figure.transFigure,
        facecolor=PANEL,
        edgecolor=EDGE,
        linewidth=0.8,
        zorder=-1,
    )
    figure.add_artist(frame)
    top = bottom + height - 0.22 / high
    figure.text(left + 0.14 / 14, top, title, fontsize=8.5, fontweight="bold", va="center")
    inner = (left + 0.62 / 14, bottom + 0.68 / high, width - 0.82 / 14, height - 1.10 / high)
    axes = figure.add_axes(inner, facecolor="none")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.box = (left, bottom, width, height, high)
    return axes


def _timeseries(axes: Any, shown: dict[str, Any], begin: float, end: float) -> None:
    defaults = shown["panel"]["fieldConfig"]["defaults"]
    custom, unit = defaults["custom"], defaults["unit"]
    found = lines(shown)
    steps = "steps-post" if custom.get("lineInterpolation") == "stepAfter" else "default"
    for number, (name, times, values) in enumerate(found):
        color = COLORS[number % len(COLORS)]
        at = [one - begin for one in times]
        axes.plot(at, values, color=color, linewidth=1.3, label=name, drawstyle=steps)
        if custom["fillOpacity"]:
            axes.fill_between(at, values, color=color, alpha=custom["fillOpacity"] / 100, lw=0)
    axes.set_xlim(0, end - begin)
    if custom.get("scaleDistribution", {}).get("type") == "log":
        axes.set_yscale("log")
    else:
        top = axes.get_ylim()[1]
        axes.set_ylim(0, top)
        axes.yaxis.set_major_locator(_marks(top, unit))
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: written(value, unit))
    axes.xaxis.set_major_formatter(lambda value, _: f"{int(value) // 60}:{int(value) % 60:02}")
    axes.xaxis.set_major_locator(_every(60 if axes.box[2] < 0.2 else 30))  # noqa: PLR2004
    axes.grid(color=EDGE, linewidth=0.5)
    axes.tick_params(length=0, labelsize=6.8)
    _legend(axes, len(found))


def _marks(top: float, unit: str) -> Any:
    """About four marks up to `top`, at round numbers; of bytes, at round mebibytes."""
    size = 2**20 if unit == "bytes" else 1
    wanted = top / size / 4
    power = 10.0 ** math.floor(math.log10(wanted))
    return _every(next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= wanted) * size)


def _every(step: float) -> Any:
    from matplotlib.ticker import MultipleLocator  # type: ignore[import-not-found]  # noqa: PLC0415

    return MultipleLocator(step)


def _legend(axes: Any, count: int) -> None:
    left, bottom, width, _, high = axes.box
    if not count:
        axes.text(0.5, 0.5, "No data", transform=axes.transAxes, ha="center", color=FAINT)
        return
    columns = max(1, min(count, 5 if width > 0.4 else 3))  # noqa: PLR2004
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(left + 0.08 / 14, bottom + 0.05 / high),
        bbox_transform=axes.figure.transFigure,
        ncol=columns,
        frameon=False,
        fontsize=6.6,
        labelcolor=TEXT,
        handlelength=1.1,
        columnspacing=1.1,
        labelspacing=0.2,
        borderpad=0.1,
    )


def _stat(axes: Any, shown: dict[str, Any]) -> None:
    """The last value, large, over a faint line of those before."""
    defaults = shown["panel"]["fieldConfig"]["defaults"]
    _, times, values = lines(shown)[0]
    last = values[-1]
    text, color = written(last, defaults["unit"]), TEXT
    for step in defaults.get("thresholds", {}).get("steps", []):
        if step["value"] is None or last >= step["value"]:
            color = NAMED[step["color"]]
    for mapping in defaults.get("mappings", []):
        if option := mapping["options"].get(f"{last:g}"):
            text, color = option["text"], NAMED[option["color"]]
    left, bottom, width, height, high = axes.box
    axes.set_position(
        (left + 0.05 / 14, bottom + 0.06 / high, width - 0.1 / 14, (height - 0.5 / high) * 0.55)
    )
    axes.fill_between(times, values, color=color, alpha=0.13, linewidth=0)
    axes.plot(times, values, color=color, linewidth=0.9, alpha=0.8)
    axes.set_ylim(min(0, *values), max(*values, 1e-9) * 1.15)
    axes.margins(x=0)
    axes.set_axis_off()
    middle = (left + width / 2, bottom + height * 0.52)
    axes.figure.text(
        *middle, text, color=color, fontsize=21, fontweight="bold", ha="center", va="center"
    )


def _table(axes: Any, shown: dict[str, Any]) -> None:
    """What is served, a line each."""
    axes.set_axis_off()
    left, bottom, width, height, high = axes.box
    names = ("model", "version", "engine", "digest")
    places = [left + (0.18 + at) / 14 for at in (0, 2.2, 3.6, 5.2)]
    rows = sorted(tuple(one["metric"][name] for name in names) for one in shown["found"][0])
    line = bottom + height - 0.52 / high
    for number, cells in enumerate([names, *rows]):
        at = line - number * 0.26 / high
        for place, cell in zip(places, cells, strict=True):
            color = NAMED["blue"] if number == 0 else TEXT
            axes.figure.text(place, at, cell, fontsize=8, color=color, va="center")
        axes.figure.add_artist(_rule(left + 0.12 / 14, left + width - 0.12 / 14, at - 0.13 / high))


def _rule(left: float, right: float, at: float) -> Any:
    from matplotlib.lines import Line2D  # type: ignore[import-not-found]  # noqa: PLC0415

    return Line2D([left, right], [at, at], color=EDGE, linewidth=0.6)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
