"""What was measured, as JSON and as a Markdown table with ratios to the tutorial service."""

# ruff: noqa: RUF001, RUF002 - signs for people
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from benchmarks.load import Load
from benchmarks.rounds import Failure, Visit
from benchmarks.servers import BASELINE, SERVERS
from benchmarks.training import HEADS

Figure = Callable[[Visit], float | None]
NOTHING = "–"
REFERENCE = 16
"""connections at which processor time is told"""


@dataclass
class Results:
    """All that one run found out, and under which circumstances."""

    about: dict[str, Any]
    versions: dict[str, str] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def add(self, found: Visit | Failure) -> None:
        """Keep one more."""
        if isinstance(found, Visit):
            self.visits.append(found)
        else:
            self.failures.append(found)

    def document(self) -> dict[str, Any]:
        """Everything, every sample, for JSON."""
        return asdict(self)

    def of(self, model: str, server: str) -> list[Visit]:
        """A server's visits with a model, round by round."""
        return [one for one in self.visits if (one.model, one.server) == (model, server)]

    def ratios(self, model: str, server: str, figure: Figure) -> list[float]:
        """A figure over the tutorial service's in the same round, for the rounds that have both."""
        base = {one.round: figure(one) for one in self.of(model, BASELINE)}
        found = []
        for one in self.of(model, server):
            own, other = figure(one), base.get(one.round)
            if own is not None and other:
                found.append(own / other)
        return found


def rate(connections: int) -> Figure:
    """Requests a second."""
    return lambda visit: visit.loads[connections].rate


def processor(visit: Visit) -> float:
    """Milliseconds of processor time a request."""
    return visit.loads[REFERENCE].cpu_ms


def rows(visit: Visit) -> float | None:
    """Rows a second of requests for many."""
    return visit.rows


def number(value: float) -> str:
    """Three digits that mean something."""
    if value >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.3g}"


def spread(values: Sequence[float]) -> str:
    """Median (least–most)."""
    if not values:
        return NOTHING
    middle = number(median(values))
    return f"{middle} ({number(min(values))}–{number(max(values))})"


def middle(visits: Sequence[Visit], figure: Figure) -> str:
    """The median over the rounds."""
    values = [value for one in visits if (value := figure(one)) is not None]
    return number(median(values)) if values else NOTHING


def markdown(results: Results) -> str:
    """Two tables a model: what it does a second, and what that costs."""
    parts = [_preamble(results)]
    models = dict.fromkeys([one.model for one in results.visits])
    models |= dict.fromkeys([one.model for one in results.failures])
    for model in models:
        engine = results.engines.get(model, "")
        parts.append(f"## {model}: {HEADS.get(model, model)}\n\nPilotboat's engine: {engine}.")
        parts += [_throughput(results, model), _cost(results, model)]
        if reasons := _failures(results, model):
            parts.append(reasons)
    return "\n\n".join(parts) + "\n"


def _preamble(results: Results) -> str:
    told = ", ".join(f"{name} {value}" for name, value in results.about.items())
    base = SERVERS[BASELINE].title
    return (
        f"# Benchmark\n\n{told}.\n\n× is the ratio to “{base}” in the same round: median (least–most)."
        " Every other figure is the median over the rounds."
    )


def _throughput(results: Results, model: str) -> str:
    counts = _connections(results, model)
    heads = ["server"]
    for count in counts:
        heads += [f"requests/s at {count}", f"× at {count}"]
    heads += ["rows/s, many a request", "×"]
    lines = []
    for name in _measured(results, model):
        visits, cells = results.of(model, name), [_title(results, name)]
        for figure in [*map(rate, counts), rows]:
            cells += [middle(visits, figure), spread(results.ratios(model, name, figure))]
        lines.append(cells)
    return table(heads, lines)


def _cost(results: Results, model: str) -> str:
    counts = _connections(results, model)
    at = "/".join(map(str, counts))
    heads = ["server", f"p50 ms at {at}", f"p99 ms at {at}", f"CPU ms a request at {REFERENCE}"]
    heads += ["× CPU", "memory MB", "start s", "errors"]
    lines = []
    for name in _measured(results, model):
        visits = results.of(model, name)
        errors = sum(load.errors for visit in visits for load in visit.loads.values())
        lines.append(
            [
                _title(results, name),
                "/".join(middle(visits, _latency(count, "p50_ms")) for count in counts),
                "/".join(middle(visits, _latency(count, "p99_ms")) for count in counts),
                middle(visits, processor),
                spread(results.ratios(model, name, processor)),
                middle(visits, lambda visit: visit.memory_mb),
                middle(visits, lambda visit: visit.start_s),
                f"{errors}",
            ]
        )
    return table(heads, lines)


def _failures(results: Results, model: str) -> str:
    lines = [
        [_title(results, one.server), one.reason.replace("|", "\\|").replace("\n", " ")]
        for one in results.failures
        if one.model == model
    ]
    return table(["not measured", "why"], lines) if lines else ""


def _latency(count: int, name: str) -> Figure:
    def figure(visit: Visit) -> float:
        load: Load = visit.loads[count]
        value: float = getattr(load, name)
        return value

    return figure


def _connections(results: Results, model: str) -> list[int]:
    return sorted({count for one in results.visits if one.model == model for count in one.loads})


def _measured(results: Results, model: str) -> list[str]:
    return list(dict.fromkeys(one.server for one in results.visits if one.model == model))


def _title(results: Results, name: str) -> str:
    title = SERVERS[name].title if name in SERVERS else name
    return " ".join(filter(None, [title, results.versions.get(name)]))


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first column to the left and the others to the right."""
    rule = ["---", *("--:" for _ in heads[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, rule, *lines])
