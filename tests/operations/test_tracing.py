"""Against a collector: a real HTTP server that reads what a real `pilotboat serve` exports."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the extra otel")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from pilotboat import serve
from pilotboat.errors import MissingExtraError, SettingsError
from pilotboat.operations import tracing as tracing_module
from pilotboat.operations.tracing import Tracing
from tests.factories import PILOTBOAT, RECORD, Server, clean_environment, free_port

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, and keeps it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Take)
        self.resources: list[dict[str, Any]] = []
        self.spans: list[Span] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def until(self, count: int) -> list[Span]:
        """The spans, once they are so many."""
        for _ in range(200):
            if len(self.spans) >= count:
                break
            time.sleep(0.05)
        return sorted(self.spans, key=lambda span: span.start_time_unix_nano)


class Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        collector: Any = self.server
        raw = self.rfile.read(int(self.headers["content-length"]))
        for part in ExportTraceServiceRequest.FromString(raw).resource_spans:
            collector.resources.append(plain(part.resource.attributes))
            collector.spans += [span for scope in part.scope_spans for span in scope.spans]
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        return


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes as plain values."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        thread = Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def traced(titanic: Path, url: str, **env: str) -> Server:
    return Server(titanic, OTEL_BSP_SCHEDULE_DELAY="50", **{ENDPOINT: url}, **env)


def of_predict(spans: list[Span]) -> list[Span]:
    """Those spans that are not of the probes that wait for the server."""
    return [span for span in spans if "ready" not in span.name]


def test_a_request_is_a_span_of_its_callers_trace(titanic: Path, collector: Collector) -> None:
    headers = {"traceparent": SAMPLED, "tracestate": "vendor=a"}
    begun = time.time_ns()
    with traced(titanic, collector.url) as server:
        reply = server.client.post("/predict", json=RECORD, headers=headers)
        server.stop()
    assert reply.headers["x-request-id"] == TRACE
    request, model = of_predict(collector.until(3))
    assert (request.name, request.kind) == ("POST /predict", Span.SPAN_KIND_SERVER)
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, SPAN)
    assert request.trace_state == "vendor=a"
    assert plain(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "url.path": "/predict",
        "url.scheme": "http",
        "pilotboat.id": TRACE,
    }
    assert request.status.code == Status.STATUS_CODE_UNSET
    assert (model.name, model.kind) == ("predict titanic", Span.SPAN_KIND_INTERNAL)
    assert (model.trace_id, model.parent_span_id) == (request.trace_id, request.span_id)
    assert plain(model.attributes) == {
        "pilotboat.model": "titanic",
        "pilotboat.version": "1",
        "pilotboat.rows": 1,
    }
    times = [begun, request.start_time_unix_nano, model.start_time_unix_nano]
    times += [model.end_time_unix_nano, request.end_time_unix_nano, time.time_ns()]
    assert times == sorted(times)
    assert collector.resources[0]["service.name"] == "pilotboat"
    assert collector.resources[0]["service.version"]


def test_a_request_without_a_trace_begins_one_that_its_id_names(
    titanic: Path, collector: Collector
) -> None:
    with traced(titanic, collector.url, OTEL_SERVICE_NAME="other") as server:
        plural = {"instances": [RECORD] * 3}
        reply = server.client.post("/v1/models/titanic:predict", json=plural)
        wrong = server.client.get("/nowhere", headers={"x-request-id": "mine"})
        server.stop()
    spans = of_predict(collector.until(4))
    request, model, nowhere = spans
    assert request.trace_id.hex() == reply.headers["x-request-id"]
    assert not request.parent_span_id
    assert request.name == "POST /v1/models/{model}:predict"
    assert plain(model.attributes)["pilotboat.rows"] == 3
    assert request.start_time_unix_nano <= model.start_time_unix_nano
    assert model.end_time_unix_nano <= request.end_time_unix_nano
    assert wrong.headers["x-request-id"] == "mine"
    assert nowhere.name == "GET"
    assert plain(nowhere.attributes)["pilotboat.code"] == "not-found"
    assert nowhere.status.code == Status.STATUS_CODE_UNSET
    assert len({span.trace_id for span in spans}) == 2
    assert {one["service.name"] for one in collector.resources} == {"other"}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_the_caller_does_not_sample_is_not_exported(
    titanic: Path, collector: Collector, workers: str
) -> None:
    env = {"OTEL_TRACES_SAMPLER": "parentbased_always_on", "PILOTBOAT_WORKERS": workers}
    with traced(titanic, collector.url, **env) as server:
        for sent in (UNSAMPLED, SAMPLED, UNSAMPLED):
            server.client.post("/predict", json=RECORD, headers={"traceparent": sent})
        server.stop()
    assert len(of_predict(collector.until(3))) == 2


def test_a_collector_that_is_not_there_costs_a_line(titanic: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with traced(titanic, nowhere, OTEL_EXPORTER_OTLP_TIMEOUT="1") as server:
        for _ in range(20):
            assert server.client.post("/predict", json=RECORD).status_code == 200
            time.sleep(0.1)
        begun = time.monotonic()
        log = server.stop()
        assert time.monotonic() - begun < 5
    assert server.process.returncode == 0
    assert log.count("traces are not exported") == 1
    assert "Traceback" not in log


def test_a_collector_that_does_not_answer_holds_up_nothing(titanic: Path) -> None:
    with Collector() as silent:  # it listens, and never answers
        with traced(titanic, silent.url) as server:
            for _ in range(20):
                assert server.client.post("/predict", json=RECORD).elapsed.total_seconds() < 1
            begun = time.monotonic()
            log = server.stop()
            assert time.monotonic() - begun < 5
        assert server.process.returncode == 0
    assert "the last traces were not exported within 2 s" in log


WATCHED = "import sys; sys.argv[1:] = []\nfrom pilotboat.serve import build\nfrom pilotboat.settings import read\nbuild(read())\nprint(any(name.startswith('opentelemetry.sdk') for name in sys.modules))"


@pytest.mark.parametrize(
    ("env", "imported"),
    [
        ({}, "False"),
        ({ENDPOINT: ""}, "False"),
        ({ENDPOINT: "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}, "False"),
        ({ENDPOINT: "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"}, "False"),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:9"}, "False"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "True"),
    ],
)
def test_it_is_there_only_where_it_is_asked_for(env: dict[str, str], imported: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        env=clean_environment(**env),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == imported


def test_the_server_does_not_start_without_the_extra(
    titanic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.delitem(sys.modules, "pilotboat.operations.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    with pytest.raises(MissingExtraError, match="'otel'"):
        serve._tracing()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
)
def test_an_exporter_that_is_not_there_is_said_at_the_start(
    titanic: Path, variable: str, value: str
) -> None:
    env = {ENDPOINT: "http://127.0.0.1:9"} | {variable: value}
    done = subprocess.run(
        [*PILOTBOAT, "serve", str(titanic), "--port", str(free_port())],
        env=clean_environment(**env),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert variable in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises(SettingsError):
        tracing_module.check(env)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> Iterator[Tracing]:
    monkeypatch.setenv(ENDPOINT, collector.url)
    monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
    tracing = Tracing("1")
    yield tracing
    tracing.close()


def facts(**more: Any) -> dict[str, Any]:
    known = {"method": "POST", "path": "/predict", "status": 200, "ms": 1.0, "id": TRACE}
    return known | {"time": datetime.now(UTC), "trace": TRACE} | more


def status(span: Span) -> int:
    code: int = plain(span.attributes)["http.response.status_code"]
    return code


def test_a_failure_is_an_error_and_a_refusal_is_none(spans: Tracing, collector: Collector) -> None:
    spans._record(facts(status=503), None)
    spans._record(facts(status=504, code="model-failed", route="/predict"), None)
    spans._record(facts(status=422, code="wrong-type", key="k1"), None)
    spans._record(facts(status=405, method="M-SEARCH", path="/\ud800"), None)
    spans.close()
    failed, busy, refused, odd = sorted(collector.until(4), key=status, reverse=True)
    assert [one.status.code == Status.STATUS_CODE_ERROR for one in (failed, busy)] == [True, True]
    assert plain(failed.attributes)["error.type"] == "model-failed"
    assert plain(busy.attributes)["error.type"] == "503"
    for one in (refused, odd):
        assert one.status.code == Status.STATUS_CODE_UNSET
        assert "error.type" not in plain(one.attributes)
    assert plain(refused.attributes)["pilotboat.key"] == "k1"
    assert (odd.name, plain(odd.attributes)["http.request.method"]) == ("HTTP", "_OTHER")
    assert plain(odd.attributes)["url.path"] == "/?"


def test_what_callers_write_into_a_trace_is_not_in_our_log(
    spans: Tracing, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    spans._record(facts(), (SPAN.encode(), b"01", b"\x1b[2Jsecret=\xff,=,"))
    logging.getLogger("opentelemetry.exporter.x").warning("first\nline")
    logging.getLogger("opentelemetry.sdk.x").warning("second")
    spans.close()
    assert collector.until(1)[0].trace_state == ""
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("pilotboat")]
    assert ours == ["traces are not exported: first line"]


def test_nothing_else_imports_opentelemetry() -> None:
    source = Path(tracing_module.__file__).parents[1]
    users = [path for path in source.rglob("*.py") if "import opentelemetry" in path.read_text()]
    users += [path for path in source.rglob("*.py") if "from opentelemetry" in path.read_text()]
    assert users == [Path(tracing_module.__file__)]
    assert os.environ.get(ENDPOINT) is None
