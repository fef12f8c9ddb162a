"""The Grafana dashboard, docs/metrics.md and the page of a real server name the same metrics."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.dashboard import DASHBOARD, Prometheus, load, panels, queries
from pilotboat.operations.families import REJECTIONS
from tests.factories import RECORD, Server
from tests.http import wire

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
NAME = re.compile(r"\b(?:pilotboat|process)_[a-z_]+\b")
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)


def remembering(titanic: Path, state: Path) -> Server:
    """A server with everything that is counted."""
    return Server(titanic, PILOTBOAT_PREDICTION_LOG="true", PILOTBOAT_STATE=str(state))


@pytest.fixture(scope="module")
def page(titanic: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a server that has answered."""
    with remembering(titanic, tmp_path_factory.mktemp("state")) as server:
        assert server.client.post("/predict", json=RECORD).status_code == 200
        assert server.client.post("/predict", json={}).status_code == 422
        return server.client.get("/metrics").text


def families(page: str) -> dict[str, tuple[str, set[str]]]:
    """{name, as it is written: (type, labels)}."""
    found = {}
    for family in text_string_to_metric_families(page):
        name = family.name + "_total" * (family.type == "counter")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
    return found


def test_every_query_names_metrics_that_a_server_has(page: str) -> None:
    found = families(page)
    histograms = [name for name, (kind, _) in found.items() if kind == "histogram"]
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    for panel in panels():
        for query in queries(panel):
            named = set(NAME.findall(query))
            assert named, query
            assert named <= set(found) | parts, panel["title"]


def test_every_family_is_documented_and_no_other(page: str) -> None:
    documented = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(DOCS.read_text())
    }
    assert documented == families(page)


def test_every_reason_of_a_rejection_is_documented() -> None:
    assert all(f"`{reason}`" in DOCS.read_text() for reason in REJECTIONS)


def test_the_examples_in_the_documentation_name_what_there_is(page: str) -> None:
    named = set(NAME.findall(DOCS.read_text()))
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in named} <= set(families(page))


def test_the_dashboard_can_be_imported() -> None:
    """As Grafana 10 wants it: its own numbers, a place for each panel, the data source a variable."""
    board: dict[str, Any] = json.loads(DASHBOARD.read_text())
    assert board["schemaVersion"] >= 36
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel["targets"]:
            assert 'job=~"$job"' in target["expr"]
    assert {one["name"] for one in board["templating"]["list"]} == {"datasource", "job"}


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus")
@pytest.mark.timeout(300)
def test_a_real_prometheus_answers_every_panel(titanic: Path, tmp_path: Path) -> None:
    with remembering(titanic, tmp_path) as server, Prometheus(server.port) as prometheus:
        time.sleep(2)
        asyncio.run(load(server.port, 6))
        assert wire.exchange(server.port, b"nonsense\r\n\r\n").status == 400
        time.sleep(2)
        target = httpx.get(f"http://127.0.0.1:{prometheus.port}/api/v1/targets").json()
        assert [one["lastError"] for one in target["data"]["activeTargets"]] == [""]
        for panel in panels():
            for query in queries(panel):
                assert prometheus.ask(query), f"{panel['title']}: {query}"
