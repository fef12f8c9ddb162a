"""What a credential looks like: in a variable, in a line of text, in a file. Never its value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

HIDDEN = "•••"

PRIVATE_KEY = "a private key"
IN_A_URL = "credentials in a URL"
KNOWN_TOKEN = "an access token"  # noqa: S105 - what is said of one, not one
FOUND = (PRIVATE_KEY, IN_A_URL, KNOWN_TOKEN)

_NAME = re.compile(
    r"PASSW|SECRET|CREDENTIAL|(?:^|_)(?:API|ACCESS|AUTH|PRIVATE)?(?:TOKEN|KEY|PASSPHRASE|PASS)S?(?:_|$)"
)
_HARMLESS_NAME = re.compile(r"_(?:FILE|PATH|DIR|NAME|ID|URL)$|(?:^|_)(?:GPG_KEYS?|PUBLIC_KEY)$")
_HARMLESS_VALUE = re.compile(r"|/run/secrets/.*|\$.*")
_SETTING = re.compile(r"true|false|yes|no|on|off|none|null|\d{1,6}", re.IGNORECASE)

_URL = re.compile(r"(?<=://)[^\s/:@'\"<>$\[]*:[^\s/@'\"<>$]+(?=@)")
_TOKEN = re.compile(
    r"\b(?:gh[opsu]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|pypi-AgE[\w-]{30,}|AKIA[0-9A-Z]{16}"
    r"|xox[abprs]-[\w-]{10,}|hf_\w{30,}|npm_\w{36}|sk-[\w-]{32,})"
)
_KEY_TEXT = re.compile(
    r"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s+(?:Proc-Type:|[A-Za-z0-9+/=]{16,}\s)"
    r"|\"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\\n[A-Za-z0-9+/=]{16,}",
    re.MULTILINE,
)
_PAIR = re.compile(r"(?<![\w-])([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|[^\s;&|]+)")

_FILES = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example$|sample$|template$|dist$)[^/]+)?|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|\.pypirc|[._]netrc|\.git-credentials|\.pgpass|\.aws/credentials|\.kube/config"
    r"|\.config/pypoetry/auth\.toml|\.config/gcloud/application_default_credentials\.json)$"
    r"|^run/secrets/."
)
_CONFIGURATION = re.compile(
    r"(?:^|/)(?:pip\.(?:conf|ini)|\.npmrc|\.gitconfig|\.condarc|sources\.list"
    r"|sources\.list\.d/[^/]+|auth\.conf|\.docker/config\.json|\.config/pypoetry/config\.toml)$"
)
_AUTHORIZATION = re.compile(
    r"\"auth\"\s*:\s*\"[^\"]|_authToken\s*=\s*[^\s$]|^\s*password\s+\S", re.MULTILINE
)


def secret_name(name: str, value: str) -> bool:
    """Whether a variable of that name holds a secret: by its name, unless the value is harmless."""
    shouted = name.upper()
    if not _NAME.search(shouted) or _HARMLESS_NAME.search(shouted):
        return False
    bare = value.strip("'\"")
    setting = "PASSW" not in shouted and _SETTING.fullmatch(bare)
    return not (setting or _HARMLESS_VALUE.fullmatch(bare))


def in_text(text: str) -> Iterator[str]:
    """The kinds of credentials that a text contains."""
    patterns = (_KEY_TEXT, _URL, _TOKEN)
    return (kind for kind, pattern in zip(FOUND, patterns, strict=True) if pattern.search(text))


def in_environment(variables: Iterable[str]) -> Iterator[str]:
    """What is secret in `NAME=value`s: the name, and why where the name does not tell."""
    for variable in variables:
        name, _, value = variable.partition("=")
        if secret_name(name, value):
            yield name
        else:
            yield from (f"{name} ({kind})" for kind in in_text(value))


def in_command(line: str) -> Iterator[str]:
    """What is secret in a line of a build: names that are given values, and credentials."""
    yield from (name for name, value in _PAIR.findall(line) if secret_name(name, value))
    yield from in_text(line)


def redacted(text: str) -> str:
    """The text without the values of its secrets."""

    def hide(match: re.Match[str]) -> str:
        name, value = match.groups()
        return f"{name}={HIDDEN}" if secret_name(name, value) else match.group()

    return _TOKEN.sub(HIDDEN, _URL.sub(HIDDEN, _PAIR.sub(hide, text)))


def secret_path(path: str) -> bool:
    """Whether a file of that name holds credentials."""
    return bool(_FILES.search(path))


def in_file(path: str, content: bytes) -> str:
    """The kind of credential in a small file, or "". Addresses count in configuration files only."""
    if b"PRIVATE KEY" in content and _KEY_TEXT.search(content.decode("latin-1")):
        return PRIVATE_KEY
    if _CONFIGURATION.search(path):
        text = content.decode("latin-1")
        if _AUTHORIZATION.search(text):
            return f"a password in {PurePosixPath(path).name}"
        return next(in_text(text), "")
    return ""
