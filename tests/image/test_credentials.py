"""What looks like a credential, and what does not."""

from __future__ import annotations

import pytest

from pilotboat.image import credentials
from tests.image.archives import KEY

TOKEN = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    "variable",
    [
        "API_KEY=abcdef",
        "TOKEN=abcdef",
        "PGPASSWORD=x1",
        "db_password=12345",
        "AWS_SECRET_ACCESS_KEY=abc",
        "MY_SECRET=abc",
        "APITOKEN=abc",
        "SIGNING_KEY=abc",
        "DATABASE=postgresql://me:abc@host/db",
        "REDIS=redis://:abc@host",
        f"ANYTHING={TOKEN}",
        f"CERTIFICATE={KEY}",
    ],
)
def test_secret_variables(variable: str) -> None:
    (found,) = credentials.in_environment([variable])
    value = variable.partition("=")[2]
    assert found.startswith(variable.partition("=")[0])
    assert value not in found


@pytest.mark.parametrize(
    "variable",
    [
        "PATH=/bin",
        "API_KEY=",
        "TOKENIZERS_PARALLELISM=false",
        "MAX_TOKENS=512",
        "TOKEN_FILE=/run/secrets/token",
        "PASSWORD=/run/secrets/password",
        "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
        "KEYBOARD=us",
        "MONKEY=banana",
        "URL=https://host:8080/path@2",
        "URL=postgresql://${USER}:${PASSWORD}@host/db",
        "COMPASS=north",
    ],
)
def test_harmless_variables(variable: str) -> None:
    assert list(credentials.in_environment([variable])) == []


def test_commands_are_searched_and_redacted() -> None:
    line = f"RUN API_KEY=abc PASSWORD=$P A=1 curl -H '{TOKEN}' https://u:p@host && X_TOKEN='a b' y"
    found = set(credentials.in_command(line))
    assert found == {"API_KEY", "X_TOKEN", "credentials in a URL", "an access token"}
    shown = credentials.redacted(line)
    assert shown == (
        "RUN API_KEY=••• PASSWORD=$P A=1 curl -H '•••' https://•••@host && X_TOKEN=••• y"
    )


@pytest.mark.parametrize(
    "path",
    ["app/.env", ".env.production", "root/.ssh/id_rsa", "root/.pypirc", "home/a/.netrc",
     "root/.aws/credentials", "run/secrets/ca", "root/.git-credentials"],
)  # fmt: skip
def test_secret_paths(path: str) -> None:
    assert credentials.secret_path(path)


@pytest.mark.parametrize(
    "path",
    ["app/.env.example", "app/env", "root/.ssh/id_rsa.pub", "usr/lib/netrc.py", "run/secrets"],
)
def test_harmless_paths(path: str) -> None:
    assert not credentials.secret_path(path)


@pytest.mark.parametrize(
    ("path", "content", "found"),
    [
        ("etc/ssl/server.pem", KEY, "a private key"),
        ("bundle.pem", f"Bag Attributes\n{KEY}", "a private key"),
        ("account.json", '{"key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG\\n"}', "a private key"),
        ("etc/pip.conf", "[global]\nindex-url = https://me:abc@host/simple", "credentials in a URL"),
        ("root/.npmrc", "//host/:_authToken=abc", "a password in .npmrc"),
        ("root/.docker/config.json", '{"auths": {"h": {"auth": "YWJj"}}}', "a password in config.json"),
        ("etc/pip.conf", "[global]\nindex-url = https://host/simple", ""),
        ("lib/docs.py", "postgresql://me:abc@host/db", ""),
        ("lib/pem.py", 'BEGIN = "-----BEGIN PRIVATE KEY-----"', ""),
        ("certificate.pem", "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG\n", ""),
        ("public.pem", "-----BEGIN PUBLIC KEY-----\nMIIEvQIBADANBgkqhkiG\n", ""),
    ],
)  # fmt: skip
def test_contents(path: str, content: str, found: str) -> None:
    assert credentials.in_file(path, content.encode()) == found
