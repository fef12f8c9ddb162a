"""Every family of metrics that a server has: its name, kind, labels and buckets, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
OTHER = "other"
"""Stands for a path that no route has, and for a method that HTTP does not have."""
REJECTIONS = frozenset(
    {
        *("overloaded", "shutting-down", "deadline-exceeded"),
        *("unauthorized", "forbidden", "rate-limited"),
        *("bad-http", "bad-framing", "bad-host", "bad-target"),
        *("too-many-headers", "headers-too-large", "uri-too-long", "request-timeout"),
    }
)
"""Codes of requests that were turned away whatever their bodies asked for."""

SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BRIEF = (1e-5, 2.5e-5, 5e-5)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)


@dataclass(frozen=True, slots=True)
class Family:
    """A family of metrics.

    labels: their names. bounds: a histogram's upper ones, without infinity.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


VERSION = ("model", "version")
TABLE = (
    Family(
        "pilotboat_requests_total",
        "counter",
        "Requests that have ended.",
        ("route", "method", "status"),
    ),
    Family(
        "pilotboat_request_seconds",
        "histogram",
        "Time from a request's head to the end of its answer.",
        ("route",),
        SECONDS,
    ),
    Family("pilotboat_errors_total", "counter", "Problems answered, by code.", ("code",)),
    Family(
        "pilotboat_rejected_total",
        "counter",
        "Requests turned away whatever they asked for.",
        ("reason",),
    ),
    Family("pilotboat_rows_total", "counter", "Rows answered.", VERSION),
    Family(
        "pilotboat_model_seconds",
        "histogram",
        "Time that a model took for a batch.",
        VERSION,
        BRIEF + SECONDS,
    ),
    Family(
        "pilotboat_batch_rows", "histogram", "Rows that a model computed together.", VERSION, ROWS
    ),
    Family("pilotboat_requests_in_flight", "gauge", "Requests that are being answered."),
    Family("pilotboat_queue_rows", "gauge", "Rows that wait for a model."),
    Family("pilotboat_ready", "gauge", "1 if every model can answer, else 0."),
    Family(
        "pilotboat_model_info",
        "gauge",
        "1 for each version that is served.",
        ("model", "version", "engine", "digest"),
    ),
    Family(
        "pilotboat_build_info",
        "gauge",
        "1, with the versions of Pilotboat and Python.",
        ("version", "python"),
    ),
    Family(
        "pilotboat_prediction_log_rows_total",
        "counter",
        "Rows of predictions and outcomes that were kept for the database.",
    ),
    Family(
        "pilotboat_prediction_log_dropped_rows_total",
        "counter",
        "Rows that were not kept, or were dropped before they were stored.",
        ("reason",),
    ),
    Family(
        "pilotboat_prediction_log_stored_rows_total",
        "counter",
        "Rows of predictions and outcomes that were stored.",
    ),
    Family(
        "pilotboat_prediction_log_parked_rows_total",
        "counter",
        "Rows that the database refused.",
    ),
    Family(
        "pilotboat_prediction_log_lag_seconds",
        "gauge",
        "Age of the oldest row that the database does not have.",
    ),
    Family(
        "pilotboat_prediction_log_waiting_bytes",
        "gauge",
        "Bytes that the database does not have.",
    ),
    Family(
        "pilotboat_cache_hits_total",
        "counter",
        "Rows of slow models whose answers were known, by where: worker or redis.",
        ("place",),
    ),
    Family(
        "pilotboat_cache_misses_total", "counter", "Rows of slow models that had to be computed."
    ),
    Family("pilotboat_cache_rejected_total", "counter", "Values of Redis that are no answer."),
    Family("pilotboat_cache_bytes", "gauge", "Bytes of answers that the workers keep."),
    Family("pilotboat_redis_errors_total", "counter", "Exchanges with Redis that failed."),
    Family(
        "pilotboat_redis_workers", "gauge", "Workers that ask Redis; those that gave it up do not."
    ),
    Family("pilotboat_workers", "gauge", "Worker processes that take requests."),
    Family(
        "pilotboat_worker_restarts_total",
        "counter",
        "Workers started in place of one that ended unasked.",
    ),
    Family("process_cpu_seconds_total", "counter", "Processor time of all workers."),
    Family("process_resident_memory_bytes", "gauge", "Resident memory of all workers."),
    Family("process_open_fds", "gauge", "Open file descriptors of all workers."),
)
FAMILIES = {family.name: family for family in TABLE}
