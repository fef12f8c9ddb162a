"""What answers are kept in, and what replicas share through Redis, put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pilotboat.imports import resolve
from pilotboat.operations.cache import Answers, Local
from pilotboat.operations.meter import Meter
from pilotboat.operations.quota import Quota
from pilotboat.prediction import Predict, Soon
from pilotboat.runtime.batcher import BRIEF
from pilotboat.runtime.model import Model
from pilotboat.runtime.pace import Pace
from pilotboat.settings import Settings

if TYPE_CHECKING:  # it needs the optional redis
    from pilotboat.operations.shared import Link

LINK = "pilotboat.operations.shared:Link"


class Sharing:
    """What a worker keeps of answers, and its link to Redis; each only where the settings want it.

    Raises `MissingExtraError` where a Redis is set and its library is missing.
    """

    def __init__(self, settings: Settings) -> None:
        url = settings.redis_url.get_secret_value()
        self.seconds = settings.cache_seconds
        self.local = Local(settings.cache_bytes) if settings.cache_bytes else None
        self.link: Link | None = resolve(LINK)(url) if url else None

    def wrap(
        self, model: Model, pace: Pace, predict: Predict, soon: Soon | None
    ) -> tuple[Predict, Soon | None]:
        """The ways of answering of a version: a slow one answers nothing twice."""
        if self.local is None or pace.one <= BRIEF:
            return predict, soon
        answers = Answers(model, self.local, self.link, self.seconds)
        return answers.predict(predict), answers.soon

    def quota(self, meter: Meter) -> Quota | None:
        """What counts the requests of keys for all servers; None where each counts for itself."""
        return None if self.link is None else Quota(self.link, meter)

    def start(self) -> None:
        """Reach for Redis, on the event loop that runs. Returns at once."""
        if self.link is not None:
            self.link.start()

    async def close(self) -> None:
        """Let go of Redis."""
        if self.link is not None:
            await self.link.close()

    def counted(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """What this worker has counted so far."""
        made: dict[tuple[str, tuple[str, ...]], float] = {}
        if self.local is not None:
            made = {
                ("pilotboat_cache_hits_total", ("worker",)): float(self.local.hits),
                ("pilotboat_cache_hits_total", ("redis",)): float(self.local.shared),
                ("pilotboat_cache_misses_total", ()): float(self.local.misses),
                ("pilotboat_cache_rejected_total", ()): float(self.local.rejected),
            }
        if self.link is not None:
            made["pilotboat_redis_errors_total", ()] = float(self.link.errors)
        return made

    def gauges(self) -> dict[str, Callable[[], float]]:
        """What is read of this worker."""
        made: dict[str, Callable[[], float]] = {}
        local, link = self.local, self.link
        if local is not None:
            made["pilotboat_cache_bytes"] = lambda: local.bytes
        if link is not None:
            made["pilotboat_redis_workers"] = lambda: float(link.is_up)
        return made
