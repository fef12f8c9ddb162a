"""What became of the requests of one load: the figures, and how they are gathered."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

TICK = 0.1
"""Seconds that one point of the timeline stands for."""
EXAMPLES = 20


@dataclass(frozen=True)
class Outcome:
    """Figures of a load.

    Every request that was sent is one of: ok (complete, with the right prediction and its own id);
    refused (503, 504 or 429 with its problem document and Retry-After where one is due), by status;
    failed (any other answer), by what was wrong; lost (no complete answer), by how. not_accepted:
    connections that were refused by the kernel, which is before a request exists.

    Latencies are of those that are ok, from the moment the request was meant to be sent. pause_ms: the
    longest time without one. kept_s: when the last good answer came whose connection could be used
    again, in seconds since the start. late_p99_ms: how late the generator's own timer was. ticks: for each
    tenth of a second ok, refused, lost or failed, and the worst latency in milliseconds.
    """

    sent: int
    ok: int
    refused: dict[str, int]
    failed: dict[str, int]
    lost: dict[str, int]
    not_accepted: int
    unsent: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    refused_p99_ms: float
    pause_ms: float
    kept_s: float
    late_p99_ms: float
    cpu: float
    ticks: tuple[tuple[int, int, int, float], ...] = ()
    examples: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.ok / self.seconds if self.seconds else 0.0

    @property
    def bad(self) -> int:
        """Requests that got no answer, or one that nobody should get."""
        return sum(self.lost.values()) + sum(self.failed.values())

    @property
    def turned_away(self) -> int:
        """Requests that were refused, as they may be."""
        return sum(self.refused.values())

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `text`, as `dump` writes it."""
        told = json.loads(text)
        told["ticks"] = tuple(tuple(tick) for tick in told["ticks"])
        told["examples"] = tuple(told["examples"])
        return cls(**told)

    def dump(self) -> str:
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        parts = [f"{self.sent} sent, {self.ok} ok"]
        for name in ("refused", "failed", "lost"):
            parts += [f"{count} {name} ({kind})" for kind, count in getattr(self, name).items()]
        if self.not_accepted:
            parts.append(f"{self.not_accepted} not accepted")
        parts.append(
            f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms, worst {self.max_ms:.0f} ms, "
            f"pause {self.pause_ms:.0f} ms"
        )
        return "; ".join(parts) + "".join(f"\n    {one}" for one in self.examples[:5])


@dataclass
class Tally:
    """Gathers what becomes of requests. All times are of one monotonic clock, in seconds."""

    start: float
    sent: int = 0
    not_accepted: int = 0
    unsent: int = 0
    latencies: list[float] = field(default_factory=list)
    turned: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    ticks: dict[int, list[float]] = field(default_factory=dict)
    pause: float = 0.0
    last_ok: float = 0.0
    last_kept: float = 0.0

    def good(self, now: float, latency: float, *, kept: bool) -> None:
        if kept:
            self.last_kept = now
        self.latencies.append(latency)
        self.pause = max(self.pause, now - (self.last_ok or self.start))
        self.last_ok = now
        tick = self._tick(now)
        tick[0] += 1
        tick[3] = max(tick[3], latency * 1000)

    def refuse(self, now: float, latency: float, status: int) -> None:
        self.turned.append(latency)
        self.refused[str(status)] = self.refused.get(str(status), 0) + 1
        self._tick(now)[1] += 1

    def fail(self, now: float, what: str, detail: str) -> None:
        self._note(self.failed, now, what, detail)

    def lose(self, now: float, how: str, detail: str) -> None:
        self._note(self.lost, now, how, detail)

    def _note(self, counts: dict[str, int], now: float, kind: str, detail: str) -> None:
        counts[kind] = counts.get(kind, 0) + 1
        self._tick(now)[2] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{now - self.start:.2f} s {kind}: {detail}")

    def _tick(self, now: float) -> list[float]:
        return self.ticks.setdefault(int((now - self.start) / TICK), [0, 0, 0, 0.0])

    def outcome(self, now: float, cpu: float) -> Outcome:
        """The figures as of `now`."""
        last = max(self.ticks, default=0)
        nothing: list[Any] = [0, 0, 0, 0.0]
        points = [self.ticks.get(number, nothing) for number in range(last + 1)]
        return Outcome(
            sent=self.sent,
            ok=len(self.latencies),
            refused=self.refused,
            failed=self.failed,
            lost=self.lost,
            not_accepted=self.not_accepted,
            unsent=self.unsent,
            seconds=now - self.start,
            p50_ms=quantile(self.latencies, 0.5) * 1000,
            p99_ms=quantile(self.latencies, 0.99) * 1000,
            max_ms=quantile(self.latencies, 1.0) * 1000,
            refused_p99_ms=quantile(self.turned, 0.99) * 1000,
            pause_ms=max(self.pause, now - (self.last_ok or self.start)) * 1000,
            kept_s=max(0.0, self.last_kept - self.start),
            late_p99_ms=quantile(self.late, 0.99) * 1000,
            cpu=cpu,
            ticks=tuple((int(ok), int(no), int(bad), worst) for ok, no, bad, worst in points),
            examples=tuple(self.examples),
        )


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of them do not exceed; 0 for none."""
    if not values:
        return 0.0
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
