"""The database and the cache of the stack: closed, hardened, done without, and kept."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docker.engine import IMAGE, IMAGES, NAME, ROW, Production, Stack, docker, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

COMPOSE = ("docker", "compose", "--file=docker/compose.yaml", "--file=docker/compose.prod.yaml")
TELLING = """
import json, urllib.request
key = {header!r}
for number in range({count}):
    headers = dict([key, ("X-Request-Id", f"alone-{{number}}"), ("Content-Type", "application/json")])
    body = json.dumps({row!r}).encode()
    url = "http://127.0.0.1:8000/predict"
    print(json.load(urllib.request.urlopen(urllib.request.Request(url, body, headers)))["id"])
"""


def until(happened: Callable[[], bool], seconds: float, what: str) -> float:
    """Seconds until it was seen to have happened."""
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < seconds, f"after {seconds} s not: {what}"
        time.sleep(0.1)
    return time.monotonic() - begun


class Load:
    """Two clients that ask through nginx for as long as it lasts, and what they were answered."""

    def __init__(self, production: Production) -> None:
        self.production = production
        self.prefix = f"load{time.monotonic_ns()}"
        self.numbers = itertools.count()
        self.statuses: list[int] = []
        self.over = threading.Event()

    def ask(self) -> None:
        with self.production.client() as client:
            while not self.over.is_set():
                name = {"X-Request-Id": f"{self.prefix}-{next(self.numbers)}"}
                self.statuses.append(client.post("/predict", json=ROW, headers=name).status_code)
                time.sleep(0.01)

    def more(self, count: int = 40) -> None:
        """Wait for so many more answers."""
        least = len(self.statuses) + count
        until(lambda: len(self.statuses) >= least, 30, "answered")

    def kept(self) -> tuple[int, int]:
        """Rows in the database, and of how many requests."""
        return self.production.stack.kept(f"{self.prefix}-%")


@contextmanager
def load(production: Production) -> Iterator[Load]:
    """While the block runs; afterwards nothing has failed."""
    one = Load(production)
    threads = [threading.Thread(target=one.ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        one.more(2)
        yield one
    finally:
        one.over.set()
        for thread in threads:
            thread.join()
    assert set(one.statuses) == {200}


def is_healthy(name: str) -> bool:
    return docker("inspect", "--format={{.State.Health.Status}}", name) == "healthy"


def commands(stack: Stack) -> int:
    """How many commands Redis has had since it started, those of this question aside."""
    name = stack.container("redis")
    shown = "REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli info commandstats"
    told = docker("exec", name, "sh", "-c", shown)
    counts = re.findall(r"^cmdstat_(\S+?):calls=(\d+)", told, re.MULTILINE)
    return sum(int(n) for word, n in counts if word not in ("auth", "info", "ping"))


@pytest.mark.parametrize("service", ["server", "nginx", "postgres", "redis"])
def test_every_service_is_hardened(production: Production, service: str) -> None:
    image = [IMAGE] if service == "server" else []
    done = run("sh", "docker/check.sh", *image, production.stack.container(service))
    assert done.returncode == 0, done.stdout


def test_one_that_ended_was_hardened_too(production: Production) -> None:
    container = json.loads(docker("inspect", production.stack.container("migrate")))[0]
    host = container["HostConfig"]
    assert container["State"]["ExitCode"] == 0
    assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert 0 < host["Memory"] == host["MemorySwap"]
    assert (host["PidsLimit"], host["NanoCpus"]) == (128, 10**9)
    assert list(container["NetworkSettings"]["Networks"]) == [f"{production.stack.name}_database"]


def beside(production: Production, service: str, *command: str) -> str:
    """What a client says in the network of a service, whose image it is of."""
    network = f"{production.stack.name}_{'database' if service == 'postgres' else 'cache'}"
    start = ("docker", "run", "--rm", f"--network={network}", f"--entrypoint={command[0]}")
    done = run(*start, IMAGES[service], *command[1:])
    return done.stdout + done.stderr


def test_the_database_asks_for_a_password(production: Production) -> None:
    ask = ("psql", "--no-password", "--command=SELECT 'in'")
    for url, said in {
        "postgresql://pilotboat@postgres/pilotboat": "no password supplied",
        "postgresql://pilotboat:wrong@postgres/pilotboat": "password authentication failed",
        "postgresql://postgres@postgres/postgres": "no pg_hba.conf entry",
        "postgresql://postgres:wrong@postgres/pilotboat": "no pg_hba.conf entry",
    }.items():
        assert said in beside(production, "postgres", *ask, url)
    url = (production.stack.project / "docker/secrets/database_url").read_text("utf-8")
    assert "in" in beside(production, "postgres", *ask, url).split()
    mighty = "SELECT bool_or(rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls)"
    assert production.stack.sql(f"{mighty} FROM pg_roles WHERE rolname = 'pilotboat'") == "f"


def test_redis_asks_for_a_password(production: Production) -> None:
    redis = ("redis-cli", "-h", "redis")
    assert "NOAUTH" in beside(production, "redis", *redis, "ping")
    assert "WRONGPASS" in beside(production, "redis", *redis, "auth", "wrong")
    url = (production.stack.project / "docker/secrets/redis_url").read_text("utf-8")
    assert "PONG" in beside(production, "redis", "redis-cli", "-u", url, "ping")
    for words in (["flushall"], ["config", "get", "*"], ["shutdown"], ["keys", "*"]):
        assert "NOPERM" in beside(production, "redis", "redis-cli", "-u", url, *words)


def test_nobody_but_the_server_reaches_them(production: Production) -> None:
    members = {}
    for network in ("database", "cache", "back"):
        told = json.loads(docker("network", "inspect", f"{production.stack.name}_{network}"))[0]
        assert told["Internal"]
        names = [one["Name"] for one in told["Containers"].values()]
        members[network] = {name.removeprefix(f"{production.stack.name}-")[:-2] for name in names}
    assert members == {
        "database": {"postgres", "server"},
        "cache": {"redis", "server"},
        "back": {"nginx", "server"},
    }
    nginx = production.stack.container("nginx")
    for service, port in {"postgres": 5432, "redis": 6379}.items():
        assert run("docker", "exec", nginx, "getent", "hosts", service).returncode != 0
        name = production.stack.container(service)
        (address,) = docker(
            "inspect", "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name
        ).split()
        url = f"telnet://{address}:{port}"
        done = run("docker", "exec", nginx, "curl", "--silent", "--connect-timeout", "1", url)
        assert done.returncode in (7, 28)  # refused, or not in time


def test_no_secret_is_seen(production: Production) -> None:
    folder = production.stack.project / "docker" / "secrets"
    assert oct(folder.stat().st_mode)[-3:] == "700"
    secrets = [(folder / f"{name}_password").read_text("utf-8") for name in IMAGES]
    for service in ("server", "migrate", "postgres", "redis", "nginx"):
        name = production.stack.container(service)
        logs = run("docker", "logs", name)
        seen = logs.stdout + logs.stderr + docker("inspect", name)
        if service != "migrate":
            seen += docker("top", name, "-eo", "pid,args")
        assert not [one for one in secrets if one in seen]


def test_the_proxy_alone_says_what_is_one_request(production: Production) -> None:
    """A caller's own key is not trusted: two that send the same are two."""
    same = {"Idempotency-Key": "mine", "X-Request-Id": f"same{time.monotonic_ns()}"}
    with production.client() as client:
        for _ in range(2):
            assert client.post("/predict", json=ROW, headers=same).status_code == 200
    until(lambda: production.stack.kept(same["X-Request-Id"]) == (2, 1), 20, "two rows")


def test_outcomes_come_in_through_the_proxy(production: Production) -> None:
    with production.client() as client:
        made = client.post("/predict", json=ROW).json()["id"]
        answer = client.post("/v1/feedback", json={"id": made, "actual": "no"})
        assert answer.status_code == 202
    query = "SELECT request, prediction, actual FROM predictions JOIN outcomes USING (request, row)"
    until(lambda: f'{made}|"yes"|"no"' in production.stack.sql(query), 20, "both")


FAULTS = {
    "stopped": (("stop",), ("start",)),
    "killed": (("kill",), ("start",)),
    "hanging": (("pause",), ("unpause",)),
    "restarted": (("restart",), ()),
}


@pytest.mark.parametrize("service", ["postgres", "redis"])
def test_what_it_can_do_without_fails_under_load(production: Production, service: str) -> None:
    """T26, T32, T79: no prediction fails, and each is kept once."""
    name = production.stack.container(service)
    with load(production) as asked:
        for begin, end in FAULTS.values():
            docker(*begin, name)
            asked.more()
            if end:
                docker(*end, name)
            until(lambda: is_healthy(name), 60, "healthy again")
        network = f"{production.stack.name}_{'database' if service == 'postgres' else 'cache'}"
        docker("network", "disconnect", network, name)
        asked.more()
        docker("network", "connect", f"--alias={service}", network, name)
        if service == "redis":
            had = commands(production.stack)
            until(lambda: commands(production.stack) > had, 15, "Redis asked again")
    count = len(asked.statuses)
    until(lambda: asked.kept() == (count, count), 30, f"{count} rows, not {asked.kept()}")


def test_a_backup_answers_as_the_database_did(production: Production) -> None:
    def digest() -> str:
        return production.stack.sql(
            "SELECT md5(string_agg(p::text, '' ORDER BY event, row)) FROM predictions p"
            " WHERE NOT request LIKE 'load%-%'"
        )

    project, env = production.stack.project, production.stack.env
    with production.client() as client:
        made = client.post("/predict", json=ROW).json()["id"]
    until(lambda: production.stack.kept(made) == (1, 1), 20, "the row")
    before = digest()
    done = run("sh", "docker/backup.sh", cwd=project, env=env)
    assert done.returncode == 0, done.stderr
    file = Path(done.stdout.partition(": ")[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z\.dump", file.name)
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert [one.name for one in file.parent.iterdir()] == [file.name]

    production.stack.sql("DELETE FROM predictions")
    production.stack.sql("DROP TABLE outcomes")
    restore = ("sh", "docker/restore.sh")
    cut = project / "cut.dump"
    cut.write_bytes(file.read_bytes()[:-100])
    refused = run(*restore, cwd=project, env=env | {"FILE": str(cut), "YES": "1"})
    assert refused.returncode == 1
    assert "is no whole backup; nothing was changed" in refused.stderr
    unasked = run(*restore, cwd=project, env=env | {"FILE": str(file)})
    assert unasked.returncode == 1
    assert "nothing was changed" in unasked.stderr
    assert production.stack.sql("SELECT count(*) FROM predictions") == "0"

    with load(production) as asked:
        begun = len(asked.statuses) + 2  # what is under way
        done = run(*restore, cwd=project, env=env | {"FILE": str(file), "YES": "1"})
        assert done.returncode == 0, done.stderr
        assert "schema 0001 is up to date" in done.stdout
    assert digest() == before

    def as_many() -> bool:
        rows, requests = asked.kept()
        # Those of the moment before it began may have gone with what was replaced.
        return rows == requests and rows > begun and rows > 0.5 * len(asked.statuses)

    until(as_many, 30, f"what was answered meanwhile, {len(asked.statuses)}: {asked.kept()}")


def test_what_is_kept_survives_down_and_new_passwords(production: Production) -> None:
    stack = production.stack
    whole = "SELECT count(*) || md5(string_agg(p::text, '' ORDER BY event, row)) FROM predictions p"
    with production.client() as client:
        assert client.post("/predict", json=ROW).status_code == 200
    time.sleep(1)
    before = production.stack.sql(whole)
    assert stack.do("down").returncode == 0
    assert not docker("ps", "--all", "--quiet", f"--filter=name={stack.name}-")
    old = (stack.project / "docker/secrets/postgres_password").read_text("utf-8")
    shutil.rmtree(stack.project / "docker" / "secrets")
    done = stack.do("up")
    assert done.returncode == 0, done.stderr
    assert (stack.project / "docker/secrets/postgres_password").read_text("utf-8") != old
    assert production.stack.sql(whole) == before
    with production.client() as client:
        made = client.post("/predict", json=ROW).json()["id"]
    until(lambda: production.stack.kept(made) == (1, 1), 20, "a row, stored with the new password")


def test_the_server_alone_joins_what_comes_later(
    image: str, models: Path, project: Path, production: Production, tmp_path: Path
) -> None:
    """T25; and passwords of one's own, whatever is in them."""
    (tmp_path / "postgres_password").write_text('it\'s %40 \\ "$HOME" ü\r\n', encoding="utf-8")
    (tmp_path / "redis_password").write_text("a b'#/?:@", encoding="utf-8")
    assert run("sh", project / "docker/secrets.sh", tmp_path).returncode == 0
    with Stack(project, models) as stack:
        stack.name = f"{stack.name}-alone"
        env = stack.env | {
            "COMPOSE_PROJECT_NAME": stack.name,
            "CERTS": str(project / "docker/certs"),
            "API_KEYS": str(project / "docker/keys/keys"),
            "SECRETS": str(tmp_path),
        }
        compose = (*COMPOSE, "--env-file=.env")

        def up(*arguments: str) -> None:
            done = run(*compose, "up", "--detach", *arguments, cwd=project, env=env)
            assert done.returncode == 0, done.stderr

        up("--wait", "--wait-timeout=60", "server")
        names = docker("ps", "--format={{.Names}}", f"--filter=name={stack.name}-").split()
        assert names == [stack.container("server")]
        (header,) = production.key.items()
        code = TELLING.format(header=header, count=20, row=ROW)
        server = stack.container("server")
        assert docker("exec", server, "python", "-c", code).split() == [
            f"alone-{number}" for number in range(20)
        ]
        up("--wait", "--wait-timeout=60", "redis")
        up("migrate")  # and the database, which it waits for
        ended = "{{.State.Status}} {{.State.ExitCode}}"
        migrate = stack.container("migrate")
        until(lambda: docker("inspect", f"--format={ended}", migrate) == "exited 0", 60, "tables")
        until(lambda: stack.kept("alone-%") == (20, 20), 30, "the rows")
        docker("exec", server, "python", "-c", code)
        until(lambda: commands(stack) > 0, 20, "Redis asked")


@pytest.mark.parametrize("service", ["postgres", "redis"])
@pytest.mark.parametrize("case", ["unreadable", "empty", "newline", "directory", "missing"])
def test_without_its_password_it_does_not_run(
    engine: None, project: Path, tmp_path: Path, service: str, case: str
) -> None:
    names = ("postgres_password", "redis_password", "database_url", "redis_url")
    for name in names:
        (tmp_path / name).write_text("secret", encoding="utf-8")
    file = tmp_path / f"{service}_password"
    if case == "unreadable":
        file.chmod(0o000)
    elif case in ("directory", "missing"):
        file.unlink()
        if case == "directory":
            file.mkdir()
    else:
        file.write_text({"empty": "", "newline": "\r\n"}[case], encoding="utf-8")
    env = {name: str(tmp_path) for name in ("CERTS", "API_KEYS", "SECRETS")}
    env["COMPOSE_PROJECT_NAME"] = f"{NAME}-shut"
    ran = ("run", "--rm", "--no-TTY", "--no-deps", service)
    try:
        done = run(*COMPOSE, *ran, cwd=project, env=env, timeout=60)
    finally:
        run("docker", "compose", f"--project-name={NAME}-shut", "down", "--volumes")
    assert done.returncode != 0
    said = {
        "unreadable": "Permission denied",
        "empty": "is not started",
        "newline": "is not started",
        "directory": "Is a directory",
        "missing": "does not exist",
    }
    assert said[case] in done.stderr
    assert "ready to accept connections" not in (done.stdout + done.stderr).lower()


@pytest.mark.parametrize(
    ("text", "said"), [(None, "is a directory"), ("", "is empty"), ("-", "is not there")]
)
def test_a_secret_that_is_none_is_said(
    image: str, models: Path, project: Path, tmp_path: Path, text: str | None, said: str
) -> None:
    """D07"""
    assert run("sh", project / "docker/secrets.sh", tmp_path).returncode == 0
    file = tmp_path / "redis_password"
    file.unlink()
    if text is None:
        file.mkdir()
    elif text == "":
        file.touch()
    with Stack(project, models, SECRETS=str(tmp_path)) as stack:
        stack.name = f"{stack.name}-secretless"
        stack.env["COMPOSE_PROJECT_NAME"] = stack.name
        done = stack.do("up")
    assert done.returncode == 1
    assert f"SECRETS: {file} {said}" in done.stderr
