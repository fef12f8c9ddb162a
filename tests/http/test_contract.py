"""The OpenAPI document is true: Schemathesis asks what it promises, and what it forbids."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import Server
from tests.http.conftest import wait_for_store

# Three things that are refused here and that Schemathesis would not expect: too many rows (413), a
# fault of the rows (422), a model that is not there (404). Every check stays on.
CONFIG = """
[checks]
negative_data_rejection.expected-statuses = [400, 404, 413, 422]

# A cursor is what the page before says, and no schema tells it from other text.
[[operations]]
include-path = "/v1/predictions"
[operations.checks]
positive_data_acceptance.expected-statuses = [200, 422]
"""
SMALL = {"PILOTBOAT_MAX_ROWS": "3", "PILOTBOAT_MAX_TEXT": "20", "PILOTBOAT_MODEL": "titanic"}
"""Limits that generated documents reach soon."""


SOME = "/versions/|/feedback|/predictions"
PARTS = {"some": "--include-path-regex", "the rest": "--exclude-path-regex"}
"""Two runs at once, for two processors: each operation is in one of them."""


@pytest.mark.timeout(300)
def test_the_server_keeps_its_openapi_document(models: Path, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    keeps = {"PILOTBOAT_PREDICTION_LOG": "true", "PILOTBOAT_STATE": str(tmp_path / "state")}
    with Server(models, **SMALL, **keeps) as server:
        wait_for_store(server)
        runs = [started(server, tmp_path, option, SOME) for option in PARTS.values()]
        said = [run.communicate()[0] for run in runs]
        for run, output in zip(runs, said, strict=True):
            assert run.returncode == 0, output[-20_000:]
        tested = sum(int(re.findall(r"Tested: (\d+)", output)[0]) for output in said)
        paths = server.client.get("/openapi.json").json()["paths"].values()
        assert tested == sum(len(operations) for operations in paths)
        assert '" 5' not in server.logged()


def started(server: Server, folder: Path, *filters: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("run", f"{server.url}/openapi.json", *filters, "--no-color", "--continue-on-failure"),
            *("--checks", "all", "--mode", "all", "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", "200", "--seed", "1", "--generation-database", "none"),
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
