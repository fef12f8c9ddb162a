from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.factories import RECORD, Server
from tests.http.wire import inside


def numbers(text: str, name: str) -> dict[tuple[str, ...], float]:
    """{values of the labels, by their names' order: number}."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_the_page_knows_every_request_up_to_now(models: Path) -> None:
    with inside(repository=str(models), model="titanic") as ask:
        assert ask("POST", "/predict", json=RECORD).status_code == 200
        assert ask("POST", "/v1/models/titanic:predict", json={"instances": [RECORD] * 3})
        assert ask("POST", "/predict", json={}).status_code == 422
        assert ask("GET", "/v1/models/titanic/versions/1").status_code == 200
        assert ask("GET", "/nothing/here").status_code == 404
        page = ask("GET", "/metrics")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert page.headers["cache-control"] == "no-store"
    assert numbers(page.text, "pilotboat_requests_total") == {
        ("POST", "/predict", "200"): 1,
        ("POST", "/v1/models/{model}:predict", "200"): 1,
        ("POST", "/predict", "422"): 1,
        ("GET", "/v1/models/{model}/versions/{version}", "200"): 1,
        ("GET", "other", "404"): 1,
    }
    assert numbers(page.text, "pilotboat_rows_total") == {("titanic", "1"): 4}
    assert numbers(page.text, "pilotboat_batch_rows_sum") == {("titanic", "1"): 4}
    assert numbers(page.text, "pilotboat_model_seconds_sum")["titanic", "1"] > 0
    assert numbers(page.text, "pilotboat_errors_total") == {
        ("missing-field",): 1,
        ("not-found",): 1,
    }
    assert numbers(page.text, "pilotboat_ready") == {(): 1}
    served = numbers(page.text, "pilotboat_model_info")
    assert {(model, engine, version) for _, engine, model, version in served} == {
        (name, "plan", "1") for name in ("house", "reviews", "titanic")
    }


def test_open_metrics_for_who_asks(models: Path) -> None:
    with inside(repository=str(models)) as ask:
        page = ask("GET", "/metrics", headers={"accept": "application/openmetrics-text"})
        assert page.headers["content-type"].startswith("application/openmetrics-text")
        assert page.text.endswith("# EOF\n")
        assert ask("HEAD", "/metrics").status_code == 200
        assert ask("POST", "/metrics").status_code == 405


def test_a_server_that_is_not_ready_says_so(fleet: Server) -> None:
    page = fleet.client.get("/metrics")
    assert page.status_code == 200
    assert numbers(page.text, "pilotboat_ready") == {(): 0}


def test_a_server_without_an_access_log_counts(models: Path) -> None:
    with inside(repository=str(models), log_level="error") as ask:
        assert ask("GET", "/livez").status_code == 200
        counted = numbers(ask("GET", "/metrics").text, "pilotboat_requests_total")
    assert counted == {("GET", "/livez", "200"): 1}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells whose child a process is")
def test_every_worker_says_what_all_have_counted_and_none_takes_it_along(models: Path) -> None:
    with Server(models, "--workers", "2", PILOTBOAT_MODEL="titanic") as server:
        asked = before = 0.0
        for round_ in range(4):
            for _ in range(30):
                answer = httpx.post(f"{server.url}/predict", json=RECORD)  # a connection each
                asked += answer.status_code == 200
            time.sleep(0.1)  # so long may what was counted last wait
            pages = [httpx.get(f"{server.url}/metrics").text for _ in range(6)]
            for page in pages:
                counted = numbers(page, "pilotboat_requests_total")["POST", "/predict", "200"]
                assert counted == asked
                every = sum(numbers(page, "pilotboat_requests_total").values())
                assert every >= before
                before = every
            workers = children(server.process.pid)
            os.kill(workers[round_ % 2], signal.SIGKILL)
            until(partial(has_replaced, server, round_ + 1))


def children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return sorted(map(int, told.split()))


def has_replaced(server: Server, count: int) -> bool:
    """Whether so many workers were replaced, and both run."""
    try:
        page = httpx.get(f"{server.url}/metrics").text
    except httpx.TransportError:  # the worker that has just been killed had the connection
        return False
    restarted = numbers(page, "pilotboat_worker_restarts_total")[()]
    return (restarted, numbers(page, "pilotboat_workers")[()]) == (count, 2)


def until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)
