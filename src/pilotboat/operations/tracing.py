"""OpenTelemetry: the requests that have been answered, as spans. Needs the extra `otel`.

Nothing of it is on a request's way: spans are made of facts when the answer has long been sent, a few at
a time, and exported from a thread of the SDK.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Thread
from time import monotonic
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from pilotboat.errors import SettingsError
from pilotboat.operations.access import Facts, Parent

logger = logging.getLogger(__name__)

METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
BROKEN = 500
SLICE, WAITING = 8, 5000
"""Requests that are made spans in one turn of the event loop, and how many may wait for it."""
PATIENCE = 2.0
"""Seconds that a server which stops waits for its last spans to be taken."""
QUIET = 60.0
"""Seconds between two lines about an export that fails."""
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class Tracing:
    """A reader of `access.Journal`: a span for each request, and one in it for the model.

    Sampler, resource, batches and the way to the collector are set by the SDK's own variables, `OTEL_…`.
    version: of Pilotboat. Raises `SettingsError` where they ask for an exporter that is not there.
    """

    def __init__(self, version: str) -> None:
        check(os.environ)
        self._faults = _Faults()
        self._ids = _Ids()
        self.provider = TracerProvider(
            resource=_resource(version), id_generator=self._ids, shutdown_on_exit=False
        )
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer: Tracer = self.provider.get_tracer("pilotboat", version)
        self._waiting: deque[tuple[Facts, Parent | None]] = deque(maxlen=WAITING)

    def __call__(self, told: Sequence[Facts]) -> None:
        """Make spans of them, soon. Takes `parent` away, which is for nobody else."""
        if told and not self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)
        self._waiting.extend((facts, facts.pop("parent", None)) for facts in told)

    def close(self) -> None:
        """Export what is left, as far as it is taken soon."""
        while self._waiting:
            self._record(*self._waiting.popleft())
        ending = Thread(target=self.provider.shutdown, daemon=True)
        ending.start()
        ending.join(PATIENCE)
        if ending.is_alive():
            logger.warning("the last traces were not exported within %g s", PATIENCE)
        self._faults.close()

    def _turn(self) -> None:
        for _ in range(min(SLICE, len(self._waiting))):
            self._record(*self._waiting.popleft())
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)

    def _record(self, facts: Facts, parent: Parent | None) -> None:
        self._ids.trace = int(facts["trace"], 16)
        end = (facts["time"] - EPOCH) // MICROSECOND * 1000
        start = end - _nanoseconds(facts["ms"])
        name = _name(facts)
        context = Context() if parent is None else _context(self._ids.trace, parent)
        asked = self.provider.sampler.should_sample(context, self._ids.trace, name, SpanKind.SERVER)
        if asked.decision is not Decision.RECORD_AND_SAMPLE:  # a tenth of what a span costs
            return
        attributes = _attributes(facts)
        span = self._tracer.start_span(name, context, SpanKind.SERVER, attributes, start_time=start)
        if facts["status"] >= BROKEN:
            span.set_status(Status(StatusCode.ERROR))
        if "model_ms" in facts:
            self._record_model(facts, set_span_in_context(span, Context()), start, end)
        span.end(end)

    def _record_model(self, facts: Facts, inside: Context, start: int, end: int) -> None:
        # Without `read_ms` the body was there: what was not the model's time was reading, nearly all.
        took = _nanoseconds(facts["model_ms"])
        begun = start + _nanoseconds(facts["read_ms"]) if "read_ms" in facts else end - took
        begun = max(begun, start)
        attributes = {f"pilotboat.{name}": facts[name] for name in ("model", "version", "rows")}
        name = f"predict {facts['model']}"
        span = self._tracer.start_span(name, inside, attributes=attributes, start_time=begun)
        span.end(min(begun + took, end))


def check(environ: Mapping[str, str]) -> None:
    """Raise `SettingsError` where the variables ask for what is not there."""
    known = {
        "OTEL_TRACES_EXPORTER": ("otlp", "none"),
        "OTEL_EXPORTER_OTLP_PROTOCOL": ("http/protobuf",),
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": ("http/protobuf",),
    }
    for variable, values in known.items():
        said = environ.get(variable, "").strip()
        if said and said not in values:
            raise SettingsError(
                f"Settings that cannot be used: {variable}: expected {' or '.join(values)}.",
                hint="Traces are exported by OTLP over HTTP; collectors take it on port 4318.",
            )


class _Ids(RandomIdGenerator):
    """Gives a trace the id that the access log has for it."""

    trace = 0

    def generate_trace_id(self) -> int:
        return self.trace


class _Faults(logging.Handler):
    """Says a line a minute of what the SDK has to say of exports."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.next = 0.0
        self.source = logging.getLogger("opentelemetry")
        self.source.addHandler(self)
        self.source.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        # What is said elsewhere is of single requests, in the words of their callers.
        exports = record.name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))
        if exports and monotonic() >= self.next:
            self.next = monotonic() + QUIET
            logger.warning("traces are not exported: %s", " ".join(record.getMessage().split()))

    def close(self) -> None:
        self.source.removeHandler(self)
        self.source.propagate = True
        super().close()


def _resource(version: str) -> Resource:
    """What is traced: as `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say, else ourselves."""
    found = Resource.create()
    ours = {SERVICE_VERSION: version} | dict(found.attributes)
    if str(ours[SERVICE_NAME]).startswith("unknown_service"):
        ours[SERVICE_NAME] = "pilotboat"
    return Resource(ours, found.schema_url)


def _context(trace: int, parent: Parent) -> Context:
    """The caller's span, of which a request is a part."""
    span, flags, states = parent
    told = SpanContext(
        trace,
        int(span, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(flags, 16)),
        trace_state=TraceState.from_header([states.decode("latin-1")]) if states else None,
    )
    return set_span_in_context(NonRecordingSpan(told), Context())


def _name(facts: Facts) -> str:
    method = facts["method"] if facts["method"] in METHODS else "HTTP"
    return f"{method} {facts['route']}" if "route" in facts else method


def _attributes(facts: Facts) -> dict[str, Any]:
    """A request, by the semantic conventions for HTTP; what they do not name is `pilotboat.…`."""
    method, status = facts["method"], facts["status"]
    made: dict[str, Any] = {
        "http.request.method": method if method in METHODS else "_OTHER",
        "url.scheme": "http",
        "url.path": facts["path"].encode("utf-8", "replace").decode(),
        "http.response.status_code": status,
        "pilotboat.id": facts["id"],
    }
    if "route" in facts:
        made["http.route"] = facts["route"]
    if status >= BROKEN:
        made["error.type"] = facts.get("code", str(status))
    made |= {f"pilotboat.{name}": facts[name] for name in ("key", "code") if name in facts}
    return made


def _nanoseconds(milliseconds: float) -> int:
    return round(milliseconds * 1000) * 1000
