"""Each check, on an image that passes and on one that does not."""

from __future__ import annotations

from typing import Any

import pytest

from pilotboat.image.checks import CHECKS, human
from pilotboat.image.layers import Entry
from tests.image.archives import GOOD, layer, outcome


@pytest.mark.parametrize("name", CHECKS)
def test_a_good_image_passes(name: str) -> None:
    entries = [
        Entry("usr/bin/python", mode=0o755, size=1000),
        Entry("tmp", "directory", mode=0o1777),
        Entry("bin/sh", "symlink", mode=0o777, target="dash"),
    ]
    check = outcome(name, layer(*entries), history=["RUN make"], **GOOD)
    assert check.passed, check.reason


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in {
    "stop signal", "environment", "history", "secret files", "setuid, setgid", "tools", "caches", "waste",
}])  # fmt: skip
def test_an_image_that_says_nothing_fails(name: str) -> None:
    assert not outcome(name, layer(Entry("a"))).passed


@pytest.mark.parametrize(
    ("name", "config", "reason"),
    [
        ("user", {"User": ""}, "root: no USER is set"),
        ("user", {"User": "0:0"}, "0:0: root"),
        ("user", {"User": "app"}, "app: a name, where Kubernetes' runAsNonRoot wants a number"),
        ("health check", {"Healthcheck": {"Test": ["NONE"]}}, "there is none"),
        (
            "health check",
            {"Healthcheck": {"Test": ["CMD-SHELL", "curl -f host"]}},
            "runs in a shell: curl -f host",
        ),
        (
            "health check",
            {"Healthcheck": {"Test": ["CMD", "/bin/sh", "-c", "x"]}},
            "runs in a shell: /bin/sh -c x",
        ),
        ("entry point", {"Entrypoint": ["/bin/sh", "-c", "x"]}, "shell form: /bin/sh -c x"),
        (
            "entry point",
            {"Entrypoint": ["x"], "Cmd": ["/bin/sh", "-c", "PASSWORD=abc y"]},
            "shell form: x /bin/sh -c PASSWORD=••• y",
        ),
        ("entry point", {}, "neither an entry point nor a command"),
        ("stop signal", {"StopSignal": "9"}, "9: nothing can be finished before it"),
        ("environment", {"Env": ["A=1", "API_KEY=abc"]}, "API_KEY"),
        ("environment", {"Labels": {"from": "https://a:b@c"}}, "from (credentials in a URL)"),
        ("labels", {}, "org.opencontainers.image.{revision, version, licenses, source} not set"),
    ],
)
def test_configurations_that_fail(name: str, config: dict[str, Any], reason: str) -> None:
    check = outcome(name, **config)
    assert (check.passed, check.reason) == (False, reason)


def test_no_stop_signal_is_the_usual_one() -> None:
    assert outcome("stop signal").reason == "SIGTERM, as always where none is set"


def test_secrets_in_the_history() -> None:
    check = outcome("history", history=["RUN |1 API_TOKEN=abc /bin/sh -c x", "ENV B=1"])
    assert (check.passed, check.reason) == (False, "API_TOKEN")


def test_secret_files_are_found_in_every_layer() -> None:
    check = outcome(
        "secret files",
        layer(Entry("app/.env", size=1), Entry("empty/.env"), Entry("src/.git", "directory")),
        layer(Entry("app/.env", "deleted"), Entry("k.pem", size=9, found="a private key")),
    )
    assert not check.passed
    assert check.reason == (
        "/app/.env (by its name, deleted later, yet still in layer 1), "
        "/src/.git (a repository with its history) and 1 more"
    )


def test_setuid_and_setgid_files() -> None:
    entries = [
        Entry("bin/su", mode=0o4755),
        Entry("w", mode=0o2755),
        Entry("d", "directory", mode=0o2755),
    ]
    check = outcome("setuid, setgid", layer(*entries))
    assert check.reason == "/bin/su, /w"


@pytest.mark.parametrize(
    ("user", "entry", "passes"),
    [
        ("10001:0", Entry("a", mode=0o644), True),
        ("10001:0", Entry("a", mode=0o646), False),
        ("10001:0", Entry("a", mode=0o664), False),
        ("10001:5", Entry("a", mode=0o664), True),
        ("10001", Entry("a", mode=0o664, gid=0), False),
        ("10001:0", Entry("a", mode=0o600, uid=10001), False),
        ("10001:0", Entry("a", mode=0o464, uid=10001), True),
        ("1001", Entry("a", mode=0o664, gid=77), False),
        ("app", Entry("a", mode=0o644, uid=1001), False),
        ("10001:0", Entry("var/lib/x/y", mode=0o666), True),
        ("10001:0", Entry("var/tmp/y", mode=0o666), True),
        ("10001:0", Entry("d", "directory", mode=0o1777), False),
        ("10001:0", Entry("l", "symlink", mode=0o777), True),
        ("0", Entry("a", mode=0o600), False),
    ],
)
def test_writable_paths(user: str, entry: Entry, passes: bool) -> None:
    accounts = "root:x:0:0::/:/bin/sh\nbroken\napp:x:1001:77::/:/bin/sh\n"
    known = layer(entry, passwd=accounts)
    check = outcome("writable paths", known, User=user, Volumes={"/var/lib/x": {}})
    assert check.passed == passes, check.reason


def test_what_lies_in_a_writable_directory_is_not_named_again() -> None:
    entries = [
        Entry("d", "directory", mode=0o777),
        Entry("d/a", mode=0o666),
        Entry("e", mode=0o666),
    ]
    assert outcome("writable paths", layer(*entries), User="5:5").reason == "/d, /e"


@pytest.mark.parametrize(
    "path",
    ["usr/bin/gcc-14", "usr/bin/x86_64-linux-gnu-gcc-14", "usr/local/bin/pip3.13", "usr/bin/curl",
     "usr/bin/wget", "usr/bin/git", "opt/venv/bin/poetry", "usr/bin/c++",
     "usr/lib/python3.13/site-packages/pip/__main__.py"],
)  # fmt: skip
def test_tools(path: str) -> None:
    check = outcome("tools", layer(Entry(path, mode=0o755)))
    assert (check.passed, check.reason) == (False, f"/{path}")


def test_a_tool_that_leads_nowhere_is_none() -> None:
    entries = [Entry("usr/bin/pip", "symlink", target="/opt/pip/bin/pip"), Entry("usr/bin/pipe")]
    assert outcome("tools", layer(*entries)).passed


@pytest.mark.parametrize(
    "path",
    ["var/lib/apt/lists/deb.example_Packages.lz4", "var/cache/apt/pkgcache.bin", "root/.cache/pip/http/1",
     "var/cache/apt/archives/gcc.deb", "home/app/.cache/pypoetry/x"],
)  # fmt: skip
def test_caches(path: str) -> None:
    check = outcome("caches", layer(Entry(path, size=2_500_000), Entry("var/lib/apt/lists/lock")))
    assert (check.passed, check.reason) == (False, f"2.5 MB in /{path}")


def test_waste_has_a_bound() -> None:
    big, small = Entry("big", size=10_000), Entry("small", size=100)
    passes = outcome("waste", layer(big, small), layer(Entry("small", "deleted")))
    assert (passes.passed, passes.reason) == (
        True,
        "100 B that no container sees, 1.0% of the image",
    )
    fails = outcome("waste", layer(big), layer(big))
    assert (fails.passed, fails.reason) == (
        False,
        "10.0 kB that no container sees, 50.0% of the image",
    )


def test_sizes_for_people() -> None:
    assert [human(size) for size in (0, 999, 1000, 1_500_000)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.5 MB",
    ]
