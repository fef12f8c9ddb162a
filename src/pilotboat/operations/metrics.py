"""What is counted of requests and models, of all workers together, as a page for Prometheus.

Each worker counts by itself. With several, its numbers lie in a file too, which is named by its slot: any
worker answers for all of them, and one that takes over a slot goes on where the last one stopped. So no
counter ever falls, and there are never more files than slots.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import struct
import sys
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from pilotboat.operations import usage
from pilotboat.operations.access import Facts
from pilotboat.operations.families import FAMILIES, METHODS, OTHER, REJECTIONS, Family
from pilotboat.operations.seat import RESTARTS, WORKERS, Seat

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

Key = tuple[str, tuple[str, ...], str]
"""A family, the values of its labels, and of a histogram the number of a bucket, or `SUM`."""
Numbers = dict[Key, float]
Gauge = Callable[[], float | None]
"""Reads a gauge of this worker; None: it is not known here."""
Totals = Callable[[], Mapping[tuple[str, tuple[str, ...]], float]]
"""Reads numbers: a family and the values of its labels -> how much it is up to now."""
Served = Callable[[], Iterable[tuple[str, str, str, str]]]
"""The versions that are served: model, version, engine, digest."""

FileOfNumbers: Any = MmapedDict
"""The library's file of texts and numbers, which it states no types for."""
SUM = "sum"
INTERVAL = 1.0
"""Seconds between two readings of the gauges."""
RESERVED = 2**20
"""Bytes of a file that are taken from the disk at once: a disk that fills up must end no worker."""
BROKEN = (struct.error, RuntimeError, TypeError, ValueError)
"""What comes of reading a file that is not whole."""
OPEN = "application/openmetrics-text"
OK = 200


class Metrics(Collector):
    """A reader of `access.Journal`, and the page of what it and the other workers have counted.

    seat: of this worker. version: of Pilotboat.
    """

    def __init__(self, seat: Seat, version: str) -> None:
        self.seat = seat
        self.build = (version, platform.python_version())
        self.gauges: dict[str, Gauge] = {
            "process_resident_memory_bytes": usage.memory,
            "process_open_fds": usage.files,
        }
        self.ready: Callable[[], bool] = lambda: False
        self.served: Served = tuple
        self.counted: Totals = dict
        self.told: Totals = dict
        self._counted: dict[tuple[str, tuple[str, ...]], float] = {}
        self.slot = Slot(None if seat.directory is None else seat.directory / "metrics", seat.slot)
        self._batches: list[tuple[str, str, int, float]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._processor = 0.0
        for reason in REJECTIONS:
            self._add("pilotboat_rejected_total", 0.0, reason)

    def watch(
        self,
        ready: Callable[[], bool],
        served: Served,
        gauges: Mapping[str, Gauge],
        counted: Totals = dict,
        told: Totals = dict,
    ) -> None:
        """What is read of this worker. ready, served: for each page.

        gauges: families that are read every second, and summed over the workers that live. counted:
        counters of this worker, which are read as often. told: numbers of the whole server.
        """
        self.ready, self.served = ready, served
        self.gauges |= gauges
        self.counted, self.told = counted, told

    def start(self) -> None:
        """Read the gauges now and every second, on the event loop that runs."""
        self._read()
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self.start)

    def stop(self) -> None:
        """Read them for the last time."""
        if self._timer is not None:
            self._timer.cancel()
        self._read()
        self._fold_batches()

    def close(self) -> None:
        """Let go of the file."""
        self.slot.close()

    def observe(self, model: str, version: str, rows: int, seconds: float) -> None:
        """A batch has been computed. Counted with the next requests: this may be called from any thread."""
        self._batches.append((model, version, rows, seconds))

    def __call__(self, told: Sequence[Facts]) -> None:
        """Count requests: those that are alike together."""
        alike: defaultdict[tuple[object, ...], list[Facts]] = defaultdict(list)
        for facts in told:
            get = facts.get
            alike[
                get("route"),
                facts["method"],
                facts["status"],
                get("code"),
                get("model"),
                get("version"),
            ].append(facts)
        for requests in alike.values():
            self._count(requests)
        self._fold_batches()

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """The page and its content type, in the format that an Accept header asks for."""
        self._read()
        self._fold_batches()
        # Of a caller's own versions the library makes what it likes, or nothing.
        encode, kind = choose_encoder(OPEN if OPEN in accept else "")
        return encode(self), kind

    def collect(self) -> Iterator[Metric]:
        """Every family, with the numbers of all workers."""
        numbers, workers = self._together()
        numbers |= {
            # A supervisor knows which of them take requests.
            ("pilotboat_workers", (), ""): self.seat.counters[WORKERS] or workers,
            ("pilotboat_worker_restarts_total", (), ""): self.seat.counters[RESTARTS],
            ("pilotboat_ready", (), ""): float(self.ready()),
            ("pilotboat_build_info", self.build, ""): 1.0,
        }
        numbers |= {("pilotboat_model_info", labels, ""): 1.0 for labels in self.served()}
        numbers |= {(name, labels, ""): value for (name, labels), value in self.told().items()}
        sorted_out: dict[str, dict[tuple[str, ...], dict[str, float]]] = {}
        for (name, labels, part), value in numbers.items():
            sorted_out.setdefault(name, {}).setdefault(labels, {})[part] = value
        for name, family in FAMILIES.items():
            yield _metric(family, sorted_out.get(name, {}))

    def _together(self) -> tuple[Numbers, float]:
        """The sums over all workers, and how many live. A gauge of one that has gone means nothing."""
        sums, workers = dict(self.slot.numbers), 1.0
        for numbers, lives in self.slot.others():
            workers += lives
            for key, value in numbers.items():
                if lives or not _is_gauge(key):
                    sums[key] = sums.get(key, 0.0) + value
        return sums, workers

    def _count(self, requests: list[Facts]) -> None:
        """Count requests that are alike."""
        one = requests[0]
        route = one.get("route", OTHER)
        method = one["method"] if one["method"] in METHODS else OTHER
        self._add("pilotboat_requests_total", len(requests), route, method, str(one["status"]))
        times = [facts["ms"] / 1000 for facts in requests]
        self._spread("pilotboat_request_seconds", (route,), times)
        code = one.get("code")
        if code is not None:
            self._add("pilotboat_errors_total", len(requests), code)
        if code in REJECTIONS:
            self._add("pilotboat_rejected_total", len(requests), code)
        rows = sum(facts.get("rows", 0) for facts in requests)
        if rows and one["status"] == OK:
            self._add("pilotboat_rows_total", rows, one["model"], one["version"])

    def _fold_batches(self) -> None:
        """Count the batches that have been computed since."""
        count = len(self._batches)
        told = self._batches[:count]
        del self._batches[:count]
        alike: defaultdict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
        for model, version, rows, seconds in told:
            alike[model, version].append((rows, seconds))
        for labels, batches in alike.items():
            self._spread("pilotboat_batch_rows", labels, [rows for rows, _ in batches])
            self._spread("pilotboat_model_seconds", labels, [seconds for _, seconds in batches])

    def _read(self) -> None:
        """Read the gauges, and what has been counted since the last reading."""
        for name, read in self.gauges.items():
            value = read()
            if value is not None:
                self.slot.set((name, (), ""), float(value))
        processor = time.process_time()
        self._add("process_cpu_seconds_total", processor - self._processor)
        self._processor = processor
        counted = self.counted()
        for (name, labels), total in counted.items():
            self._add(name, total - self._counted.get((name, labels), 0.0), *labels)
        self._counted = dict(counted)

    def _add(self, name: str, amount: float, *labels: str) -> None:
        self.slot.add((name, labels, ""), amount)

    def _spread(self, name: str, labels: tuple[str, ...], amounts: list[float]) -> None:
        """Count amounts in the buckets of a histogram."""
        amounts.sort()
        before = 0
        for number, bound in enumerate((*FAMILIES[name].bounds, amounts[-1])):
            upto = bisect_right(amounts, bound)
            if upto > before:
                self.slot.add((name, labels, str(number)), upto - before)
                before = upto
        self.slot.add((name, labels, SUM), sum(amounts))


class Slot:
    """The numbers of one worker. directory: where they are kept as well; None: nowhere.

    A file is locked as long as its worker lives: the kernel lets go of it, however that ends.
    """

    def __init__(self, directory: Path | None, number: int) -> None:
        self.numbers: Numbers = {}
        self.directory = directory
        self._path = Path() if directory is None else directory / f"{number}.db"
        self._file: BinaryIO | None = None
        self._kept: Any = None
        if directory is not None:
            try:
                directory.mkdir(parents=True, exist_ok=True)
                self._take()
            except OSError as error:
                logger.warning("the metrics of this worker are not shared: %s", error)
                self.close()

    def add(self, key: Key, amount: float) -> None:
        """Count `amount` more."""
        self.set(key, self.numbers.get(key, 0.0) + amount)

    def set(self, key: Key, value: float) -> None:
        """State a number."""
        self.numbers[key] = value
        if self._kept is not None:
            self._kept.write_value(_written(key), value, 0.0)

    def others(self) -> Iterator[tuple[Numbers, bool]]:
        """The numbers of each other worker that there has been, and whether it lives."""
        for path in () if self.directory is None else self.directory.glob("*.db"):
            if path == self._path:
                continue
            try:
                yield _numbers(path), _is_held(path)
            except (*BROKEN, OSError) as error:
                logger.warning("%s is left out of the metrics: %s", path, error)

    def close(self) -> None:
        """Let go of the file."""
        if self._kept is not None:
            self._kept.close()
        if self._file is not None:
            self._file.close()
        self._kept = self._file = None

    def _take(self) -> None:
        """Lock the file and go on from its counters; the gauges of who had it begin at nothing."""
        self._file = self._path.open("a+b")
        _lock(self._file)
        try:
            self.numbers = _numbers(self._path)
        except BROKEN as error:
            logger.warning("%s begins anew: %s", self._path, error)
            os.truncate(self._path, 0)
        if sys.platform == "linux":
            os.posix_fallocate(self._file.fileno(), 0, RESERVED)
        self._kept = FileOfNumbers(str(self._path))
        for key in filter(_is_gauge, self.numbers):
            self.set(key, 0.0)


def _lock(file: BinaryIO) -> None:
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX)


def _is_held(path: Path) -> bool:
    """Whether the worker lives whose file this is."""
    if sys.platform != "win32":
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def _numbers(path: Path) -> Numbers:
    """What a file holds; nothing, if its worker was stopped before it wrote any. Raises `BROKEN`."""
    with path.open("rb") as file:
        head = file.read(4)
    if not any(head):
        return {}
    if struct.unpack("i", head)[0] < 0:
        raise ValueError("its length is negative")
    told = FileOfNumbers.read_all_values_from_file(str(path))
    return {_read(text): value for text, value, _, _ in told}


@lru_cache(maxsize=16_384)
def _written(key: Key) -> str:
    """A key as the text that stands in a file."""
    return orjson.dumps(key).decode()


@lru_cache(maxsize=16_384)
def _read(text: str) -> Key:
    """The way back."""
    name, labels, part = orjson.loads(text)
    return name, tuple(labels), part


def _is_gauge(key: Key) -> bool:
    return key[0] in FAMILIES and FAMILIES[key[0]].kind == "gauge"


def _metric(family: Family, series: Mapping[tuple[str, ...], Mapping[str, float]]) -> Metric:
    """A family with its series, as the library writes them."""
    names = list(family.labels)
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.help, labels=names)
        for labels, parts in series.items():
            histogram.add_metric(labels, _buckets(family, parts), parts.get(SUM, 0.0))
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    made = kind(family.name, family.help, labels=names)
    for labels, parts in series.items():
        made.add_metric(labels, parts[""])
    return made


def _buckets(family: Family, parts: Mapping[str, float]) -> list[tuple[str, float]]:
    """Upper bounds and how many are no larger."""
    made, count = [], 0.0
    for number, bound in enumerate((*family.bounds, float("inf"))):
        count += parts.get(str(number), 0.0)
        made.append((floatToGoString(bound), count))  # type: ignore[no-untyped-call]
    return made
