from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from pilotboat.operations import metrics as metrics_module
from pilotboat.operations.access import Facts
from pilotboat.operations.families import FAMILIES, REJECTIONS
from pilotboat.operations.metrics import RESERVED, Metrics, Slot
from pilotboat.operations.seat import RESTARTS, Seat

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
REQUESTS = "pilotboat_requests_total"
WORKER = """
import os, signal, sys
from pathlib import Path
from pilotboat.operations.metrics import Metrics
from pilotboat.operations.seat import Seat

metrics = Metrics(Seat(int(sys.argv[1]), Path(sys.argv[2])), "1")
metrics.watch(lambda: True, tuple, {"pilotboat_queue_rows": lambda: 7})
metrics.page()
facts = {"method": "POST", "status": 200, "ms": 1.0, "route": "/predict"}
"""
"""The beginning of a worker of its own process: its slot and the directory are its arguments."""
COUNTS = f"{WORKER}metrics([facts] * int(sys.argv[3]))\nos.kill(os.getpid(), signal.SIGKILL)"
LIVES = f"{WORKER}metrics([facts])\nprint('there', flush=True)\nsys.stdin.read()"
WRITES = f"""{WORKER}
print('there', flush=True)
for number in range(10**9):
    metrics([facts | {{'route': f'/{{os.getpid()}}/{{number % 100}}'}}])
"""
THOUSAND = f"""{WORKER}
for number in range(1000):
    if (child := os.fork()) == 0:
        worker = Metrics(Seat(number % 8, Path(sys.argv[2])), "1")
        labels = {{'route': f'/{{number % 20}}', 'model': 'a', 'version': '1', 'rows': 1}}
        worker([facts | labels])
        os.kill(os.getpid(), signal.SIGKILL)
    if os.waitpid(child, 0)[1] != signal.SIGKILL:
        sys.exit(1)
"""
"""A thousand workers one after another, each of them killed, in eight slots."""


@pytest.fixture
def metrics() -> Metrics:
    """Those of a process that is the only one."""
    return Metrics(Seat(), "1.2.3")


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Metrics]:
    """Those of the worker with slot 0."""
    made = Metrics(Seat(0, tmp_path), "1.2.3")
    yield made
    made.close()


def facts(**more: Any) -> Facts:
    return {"method": "POST", "status": 200, "ms": 1.0, "route": "/predict", **more}


def samples(metrics: Metrics) -> Samples:
    """What a page says."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.page()[0].decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, tuple(sorted(labels.items()))]


def total(metrics: Metrics, name: str) -> float:
    """The sum over all labels."""
    return sum(number for (one, _), number in samples(metrics).items() if one == name)


def started(code: str, slot: int, directory: Path, *more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(slot), str(directory), *map(str, more)]
    return subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def lives(code: str, slot: int, directory: Path) -> subprocess.Popen[str]:
    """A worker that has got as far as to say so."""
    process = started(code, slot, directory)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def test_requests_are_counted_by_route_method_and_status(metrics: Metrics) -> None:
    metrics([facts(), facts(), facts(status=422), facts(status=0), facts(route="/livez")])
    metrics([facts(method="GET")])
    assert value(metrics, REQUESTS, route="/predict", method="POST", status="200") == 2
    assert value(metrics, REQUESTS, route="/predict", method="POST", status="422") == 1
    assert value(metrics, REQUESTS, route="/predict", method="POST", status="0") == 1
    assert value(metrics, REQUESTS, route="/livez", method="POST", status="200") == 1
    assert value(metrics, REQUESTS, route="/predict", method="GET", status="200") == 1


def test_what_callers_make_up_becomes_no_label(metrics: Metrics) -> None:
    for number in range(100):
        told = facts(method=f"M{number}", path=f"/{number}", status=404)
        del told["route"]
        metrics([told])
    assert value(metrics, REQUESTS, route="other", method="other", status="404") == 100
    assert total(metrics, REQUESTS) == 100


def test_a_histogram_says_what_its_amounts_were(metrics: Metrics) -> None:
    """As the library's own would, amount by amount."""
    numbers = random.Random(1)  # noqa: S311 - nothing is secret
    bounds = FAMILIES["pilotboat_request_seconds"].bounds
    amounts = [*bounds, 0.0, 11.0, *(numbers.lognormvariate(-6, 3) for _ in range(1000))]
    for first in range(0, len(amounts), 37):
        metrics([facts(ms=amount * 1000) for amount in amounts[first : first + 37]])
    told = samples(metrics)
    for bound in (*bounds, float("inf")):
        written = "+Inf" if bound == float("inf") else str(float(bound))
        labels = (("le", written), ("route", "/predict"))
        expected = sum(amount * 1000 / 1000 <= bound for amount in amounts)
        assert told["pilotboat_request_seconds_bucket", labels] == expected
    assert value(metrics, "pilotboat_request_seconds_count", route="/predict") == len(amounts)
    total_seconds = value(metrics, "pilotboat_request_seconds_sum", route="/predict")
    assert total_seconds == pytest.approx(sum(amounts))


def test_problems_are_counted_by_code_and_some_as_rejections(metrics: Metrics) -> None:
    codes = {"overloaded": 3, "unknown-category": 2}
    for code, count in codes.items():
        metrics([facts(status=422, code=code)] * count)
    assert value(metrics, "pilotboat_errors_total", code="overloaded") == 3
    assert value(metrics, "pilotboat_errors_total", code="unknown-category") == 2
    assert value(metrics, "pilotboat_rejected_total", reason="overloaded") == 3
    assert total(metrics, "pilotboat_rejected_total") == 3


def test_every_reason_of_a_rejection_is_there_from_the_start(metrics: Metrics) -> None:
    found = {labels for name, labels in samples(metrics) if name == "pilotboat_rejected_total"}
    assert found == {(("reason", reason),) for reason in REJECTIONS}


def test_rows_count_where_they_were_answered(metrics: Metrics) -> None:
    named = {"model": "titanic", "version": "2"}
    metrics([facts(rows=5, **named), facts(rows=7, **named), facts(rows=9, status=500, **named)])
    assert value(metrics, "pilotboat_rows_total", **named) == 12


def test_batches_are_told_from_any_thread(metrics: Metrics) -> None:
    with ThreadPoolExecutor(4) as threads:
        for number in range(2000):
            threads.submit(metrics.observe, "titanic", "1", number % 3 + 1, 0.0003)
            if number % 100 == 0:
                metrics([])
    named = {"model": "titanic", "version": "1"}
    assert value(metrics, "pilotboat_model_seconds_count", **named) == 2000
    assert value(metrics, "pilotboat_model_seconds_sum", **named) == pytest.approx(0.6)
    assert value(metrics, "pilotboat_model_seconds_bucket", le="0.00025", **named) == 0
    assert value(metrics, "pilotboat_batch_rows_bucket", le="2.0", **named) == 667 + 667
    assert value(metrics, "pilotboat_batch_rows_sum", **named) == 667 + 2 * 667 + 3 * 666


def test_a_worker_and_what_it_serves_are_described(metrics: Metrics) -> None:
    metrics.seat.counters[RESTARTS] = 3
    metrics.watch(lambda: False, lambda: [("house", "4", "plan", "ab")], {})
    assert value(metrics, "pilotboat_ready") == 0
    described = {"model": "house", "version": "4", "engine": "plan", "digest": "ab"}
    assert value(metrics, "pilotboat_model_info", **described) == 1
    assert value(metrics, "pilotboat_workers") == 1
    assert value(metrics, "pilotboat_worker_restarts_total") == 3
    python = "{}.{}.{}".format(*sys.version_info[:3])
    assert value(metrics, "pilotboat_build_info", version="1.2.3", python=python) == 1


def test_a_version_that_is_served_no_more_is_gone(metrics: Metrics) -> None:
    served = [("house", "4", "plan", "ab"), ("house", "5", "plan", "cd")]
    metrics.watch(lambda: True, lambda: served, {})
    assert total(metrics, "pilotboat_model_info") == 2
    del served[0]
    assert total(metrics, "pilotboat_model_info") == 1


def test_gauges_are_read_while_the_loop_runs(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_module, "INTERVAL", 0.01)
    readings = 0
    thrice = asyncio.Event()

    def read() -> float:
        nonlocal readings
        readings += 1
        if readings == 3:
            thrice.set()
        return readings

    metrics.watch(lambda: True, tuple, {"pilotboat_queue_rows": read})

    async def run() -> None:
        metrics.start()
        await asyncio.wait_for(thrice.wait(), 10)
        metrics.stop()

    asyncio.run(run())
    assert metrics.slot.numbers["pilotboat_queue_rows", (), ""] == readings


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own files")
def test_the_process_is_measured(metrics: Metrics) -> None:
    metrics.page()
    before = value(metrics, "process_cpu_seconds_total")
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    assert value(metrics, "process_cpu_seconds_total") - before > 0.045
    assert value(metrics, "process_resident_memory_bytes") > 2**24
    assert value(metrics, "process_open_fds") > 2


@pytest.mark.parametrize("accept", ["", "text/plain", "*/*", "text/plain;version=x", "\x00;=;,"])
def test_the_page_is_text_that_prometheus_reads(metrics: Metrics, accept: str) -> None:
    metrics([facts(), facts(status=500, code="model-failed")])
    raw, kind = metrics.page(accept)
    assert kind.startswith("text/plain; version=0.0.4")
    found = {family.name: family.type for family in text_string_to_metric_families(raw.decode())}
    assert found == {one.name.removesuffix("_total"): one.kind for one in FAMILIES.values()}


def test_the_page_is_open_metrics_for_who_asks(metrics: Metrics) -> None:
    metrics([facts()])
    raw, kind = metrics.page("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    found = list(openmetrics.text_string_to_metric_families(raw.decode()))  # type: ignore[no-untyped-call]
    assert len(found) == len(FAMILIES)


def test_every_worker_answers_for_all(shared: Metrics, tmp_path: Path) -> None:
    shared([facts()] * 5)
    other = Metrics(Seat(1, tmp_path), "1.2.3")
    other([facts(), facts(route="/livez")])
    for page in (shared, other):
        assert value(page, REQUESTS, route="/predict", method="POST", status="200") == 6
        assert value(page, REQUESTS, route="/livez", method="POST", status="200") == 1
        assert value(page, "pilotboat_request_seconds_count", route="/predict") == 6
    other.close()


def test_counters_go_on_where_a_killed_worker_stopped(shared: Metrics, tmp_path: Path) -> None:
    seen = [0.0]
    for _ in range(5):
        process = started(COUNTS, 1, tmp_path, 10)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        seen.append(total(shared, REQUESTS))
    assert seen == [0, 10, 20, 30, 40, 50]
    assert value(shared, "pilotboat_request_seconds_count", route="/predict") == 50
    assert sorted(path.name for path in (tmp_path / "metrics").iterdir()) == ["0.db", "1.db"]


def test_what_is_counted_elsewhere_goes_on_too(tmp_path: Path) -> None:
    name, kept = "pilotboat_prediction_log_rows_total", [5.0]
    for total_of_all in (5, 8):
        worker = Metrics(Seat(0, tmp_path), "1.2.3")
        worker.watch(lambda: True, tuple, {}, counted=lambda: {(name, ()): kept[0]})
        assert value(worker, name) == total_of_all
        assert value(worker, name) == total_of_all, "once"
        worker.close()
        kept[0] = 3.0  # of the next worker in this slot, which begins at nothing


def test_what_is_told_of_the_whole_server_is_said_once(shared: Metrics, tmp_path: Path) -> None:
    name = "pilotboat_prediction_log_lag_seconds"
    other = Metrics(Seat(1, tmp_path), "1.2.3")
    for page in (shared, other):
        page.watch(lambda: True, tuple, {}, told=lambda: {(name, ()): 2.5})
    assert [value(page, name) for page in (shared, other)] == [2.5, 2.5]
    other.close()


def test_gauges_are_those_of_workers_that_live(shared: Metrics, tmp_path: Path) -> None:
    shared.watch(lambda: True, tuple, {"pilotboat_queue_rows": lambda: 1})
    alone = value(shared, "process_open_fds")
    process = lives(LIVES, 1, tmp_path)
    assert value(shared, "pilotboat_workers") == 2
    assert value(shared, "pilotboat_queue_rows") == 8
    assert value(shared, "process_open_fds") > alone
    killed(process)
    assert value(shared, "pilotboat_workers") == 1
    assert value(shared, "pilotboat_queue_rows") == 1
    assert total(shared, REQUESTS) == 1
    again = Metrics(Seat(1, tmp_path), "1.2.3")
    assert value(shared, "pilotboat_workers") == 2
    assert value(shared, "pilotboat_queue_rows") == 1
    again.close()


def test_a_thousand_restarts_leave_a_short_page(tmp_path: Path) -> None:
    page = Metrics(Seat(8, tmp_path), "1.2.3")
    process = started(THOUSAND, 9, tmp_path)
    process.communicate()
    assert process.returncode == 0
    assert total(page, REQUESTS) == 1000
    assert len(list((tmp_path / "metrics").iterdir())) == 10
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        raw, _ = page.page()
        times.append(time.perf_counter() - begun)
    assert min(times) <= 0.05
    assert len(raw) <= 2**20
    page.close()


def test_a_worker_killed_while_it_writes_breaks_no_page(shared: Metrics, tmp_path: Path) -> None:
    """New series all the time: the file's end moves while others read."""
    counts: Counter[bool] = Counter()
    for turn in range(4):
        process = lives(WRITES, 1, tmp_path)
        before = -1.0
        until = time.monotonic() + 0.3
        while (
            time.monotonic() < until or counts[True] < 2 * turn + 2
        ):  # a busy machine takes longer
            now = total(shared, REQUESTS)
            counts[now > before] += 1
            assert now >= before
            before = now
        killed(process)
        assert total(shared, REQUESTS) >= before
    assert counts[True] > 4


BROKEN = {
    "nothing": b"",
    "two bytes": b"\x10\x00",
    "only zeros": bytes(4096),
    "longer than it is": b"\xff\xff\x00\x00" + bytes(60),
    "a negative length": b"\xff\xff\xff\xff" + bytes(60),
    "an entry that is too long": b"\x40\x00\x00\x00\0\0\0\0\xff\xff\xff\x00" + bytes(100),
    "no text": b"\x20\x00\x00\x00\0\0\0\0\x04\x00\x00\x00\xff\xfe\xfd\xfc" + bytes(100),
    "other text": b"\x20\x00\x00\x00\0\0\0\0\x04\x00\x00\x00null" + bytes(100),
    "noise": bytes(range(1, 255)),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_not_whole_breaks_nothing(
    shared: Metrics, tmp_path: Path, broken: bytes
) -> None:
    shared([facts()] * 3)
    (tmp_path / "metrics" / "1.db").write_bytes(broken)
    assert total(shared, REQUESTS) == 3
    other = Metrics(Seat(1, tmp_path), "1.2.3")
    other([facts()])
    assert total(other, REQUESTS) == total(shared, REQUESTS) == 4
    other.close()


def test_a_file_cut_anywhere_breaks_no_page(shared: Metrics, tmp_path: Path) -> None:
    shared([facts()])
    whole = (tmp_path / "metrics" / "0.db").read_bytes()
    used = int.from_bytes(whole[:4], "little")
    for length in range(0, used, 13):
        (tmp_path / "metrics" / "1.db").write_bytes(whole[:length])
        assert total(shared, REQUESTS) >= 1


def test_families_of_another_release_are_left_alone(shared: Metrics, tmp_path: Path) -> None:
    old = Slot(tmp_path / "metrics", 1)
    old.add(("pilotboat_gone_total", ("x",), ""), 1)
    old.close()
    again = Metrics(Seat(1, tmp_path), "1.2.3")
    assert b"gone" not in again.page()[0] + shared.page()[0]
    again.close()


def test_a_disk_that_is_full_stops_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "metrics").write_text("not a directory")
    made = Metrics(Seat(0, tmp_path), "1.2.3")
    made([facts()])
    assert total(made, REQUESTS) == 1
    assert "not shared" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="needs posix_fallocate")
def test_a_file_has_its_room_from_the_start(shared: Metrics, tmp_path: Path) -> None:
    """Or a write into it would end the worker once the disk is full."""
    status = (tmp_path / "metrics" / "0.db").stat()
    assert status.st_blocks * 512 >= RESERVED
    for number in range(100):
        shared([facts(route=f"/{number}")])
    assert (tmp_path / "metrics" / "0.db").stat().st_size == status.st_size
