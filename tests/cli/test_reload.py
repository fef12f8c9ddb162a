from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.factories import Server, free_port, pack_titanic, run
from tests.processes import children, eventually, is_running

pytest.importorskip("gunicorn", reason="needs gunicorn")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("rolled")
    pack_titanic(made)
    return made


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[Server]:
    with Server(repository, "--workers", "2") as made:
        yield made


def versions(server: Server) -> list[str]:
    found: list[str] = server.client.get("/v1/models/titanic").json()["versions"]
    return found


def test_every_worker_is_replaced_and_sees_what_is_new(server: Server, repository: Path) -> None:
    before = children(server.process.pid)
    bundle = pack_titanic(repository)
    done = run("reload", "--port", str(server.port))
    assert (done.returncode, done.stdout) == (0, "2 workers replaced\n")
    after = children(server.process.pid)
    assert len(after) == len(before) == 2
    assert not set(before) & set(after)
    assert {tuple(versions(server)) for _ in range(10)} == {(bundle.version, "1")}


def test_a_version_that_answers_otherwise_stops_it(server: Server, repository: Path) -> None:
    before, served = children(server.process.pid), versions(server)
    wrong = pack_titanic(repository).path
    golden = (wrong / "golden.jsonl").read_text()
    (wrong / "golden.jsonl").write_text(golden.replace('"yes"', '"YES"'))
    try:
        digested(wrong)
        done = run("reload", "--port", str(server.port))
    finally:
        shutil.rmtree(wrong)
    assert done.returncode == 4
    assert "the old ones go on" in done.stderr
    assert f"'titanic' {wrong.name}" in done.stderr
    assert eventually(lambda: children(server.process.pid) == before)
    assert versions(server) == served
    assert run("reload", "--port", str(server.port)).returncode == 0


def digested(bundle: Path) -> None:
    """Let the manifest vouch for the files as they are now."""
    manifest = bundle / "bundle.json"
    told = json.loads(manifest.read_bytes())
    for name, digest in told["files"].items():
        raw = (bundle / name).read_bytes()
        digest |= {"sha256": sha256(raw).hexdigest(), "size": len(raw)}
    manifest.write_text(json.dumps(told))


def test_keys_are_read_anew(titanic: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.touch(mode=0o600)
    made = {name: run("key", name) for name in ("old", "new")}
    secrets = {name: re.findall(r"pb_\w+", one.stderr)[0] for name, one in made.items()}
    keys.write_text(made["old"].stdout)
    with Server(titanic, "--workers", "2", PILOTBOAT_API_KEYS_FILE=str(keys)) as server:

        def statuses() -> dict[str, int]:
            return {
                name: server.client.get("/v1/models", headers={"x-api-key": secret}).status_code
                for name, secret in secrets.items()
            }

        assert statuses() == {"old": 200, "new": 401}
        keys.write_text("nonsense\n")
        done = run("reload", "--port", str(server.port))
        assert done.returncode == 4
        assert "PILOTBOAT_API_KEYS_FILE" in done.stderr
        assert statuses() == {"old": 200, "new": 401}
        keys.write_text(made["new"].stdout)
        assert run("reload", "--port", str(server.port)).returncode == 0
        assert statuses() == {"old": 401, "new": 200}


def test_no_server_there() -> None:
    done = run("reload", "--port", str(free_port()))
    assert done.returncode == 4
    assert "No server with workers runs on port" in done.stderr


def test_a_server_without_workers(titanic: Path) -> None:
    with Server(titanic) as made:
        done = run("reload", "--port", str(made.port))
    assert done.returncode == 4
    assert "--workers 1" in done.stderr


def test_a_server_that_was_killed(repository: Path) -> None:
    with Server(repository, "--workers", "2") as made:
        workers = children(made.process.pid)
        made.process.kill()
        made.process.wait()
        done = run("reload", "--port", str(made.port))
    assert done.returncode == 4
    assert "No server with workers" in done.stderr
    assert eventually(lambda: not any(map(is_running, workers)))  # they go by themselves
