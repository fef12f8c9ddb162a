"""Asks a server: the standard library alone, one connection, and patience where it says so."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from pilotboat.errors import EnvironmentFault, UsageError

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before it is asked again, where the server does not say."""
LONGEST = 60.0
LATER = frozenset({429, 502, 503, 504})
"""Statuses of a server that could answer, but not now."""
TIMEOUT = 30.0
LARGEST = 2**26
"""Bytes of an answer."""


class Caller:
    """Asks the server at `url`. key: the API key to show, or "". ca_file: certificates to trust.

    Raises `UsageError` for what is no such URL, and for certificates that cannot be read.
    """

    def __init__(self, url: str, key: str = "", ca_file: str | None = None) -> None:
        self.url = url.rstrip("/")
        parts = _parts(url)
        self.path = parts.path.rstrip("/")
        self.headers = {"accept": "application/json", "content-type": "application/json"}
        if key:
            self.headers["x-api-key"] = _fit(key)
        host, port = str(parts.hostname), parts.port
        self.connection = (
            http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=_trust(ca_file))
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        )
        self.has_answered = False

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def found(self, path: str) -> dict[str, Any] | None:
        """What is at a path; None where nothing is. Raises `EnvironmentFault`."""
        status, answer = self.asked("GET", path)
        if status == http.client.NOT_FOUND:
            return None
        if status != http.client.OK:
            raise EnvironmentFault(f"{self.url} says {status}: {answer.get('detail', '')}")
        return answer

    def post(self, path: str, document: Any) -> tuple[int, dict[str, Any]]:
        """The status and the document that answer one."""
        return self.asked("POST", path, json.dumps(document, allow_nan=False).encode())

    def asked(
        self, method: str, path: str, body: bytes | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the document of an answer. What may be asked again is, where that may help.

        Raises `EnvironmentFault` where there is none, or none for too long.
        """
        for wait in (*WAITS, None):
            try:
                status, after, answer = self._once(method, path, body)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.connection.close()
                if wait is None or not self.has_answered or isinstance(error, ValueError):
                    raise self._absent(error) from error
                time.sleep(wait)
                continue
            self.has_answered = True
            if status not in LATER or wait is None:
                return status, answer
            time.sleep(wait if after is None else min(after, LONGEST))
        raise AssertionError("the last try ends it")  # pragma: no cover

    def _once(
        self, method: str, path: str, body: bytes | None
    ) -> tuple[int, float | None, dict[str, Any]]:
        self.connection.request(method, self.path + path, body, self.headers)
        response = self.connection.getresponse()
        raw = response.read(LARGEST)
        said = response.getheader("retry-after", "")
        after = float(said) if said.isdecimal() else None
        try:
            answer = json.loads(raw)
        except ValueError:
            if response.status not in LATER:  # a proxy's page says as much
                raise
            answer = {}
        if not isinstance(answer, dict):
            raise ValueError(path)  # noqa: TRY004 - as what is no JSON
        return response.status, after, answer

    def _absent(self, error: Exception) -> EnvironmentFault:
        """Why there is no answer."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return EnvironmentFault(
                f"The certificate of {self.url} is not trusted: {error.verify_message}.",
                hint="Name the certificate of who signed it with --ca-file.",
            )
        if isinstance(error, OSError):
            reason = error.strerror or str(error) or type(error).__name__
            return EnvironmentFault(f"No server answers at {self.url}: {reason}.")
        return EnvironmentFault(f"What answers at {self.url} is not Pilotboat.")


def _parts(url: str) -> Any:
    try:
        parts = urlsplit(url)
        is_fit = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.query or parts.fragment or parts.username or parts.password)
            and re.fullmatch(r"[!-~]+", url) is not None
        )
    except ValueError:
        is_fit = False
    if not is_fit:
        raise UsageError(
            "--url is no address of a server.", hint="Expected one like https://models.example.com."
        )
    return parts


def _fit(key: str) -> str:
    if not re.fullmatch(r"[!-~]+", key):
        raise UsageError("--key-file holds something else than one API key.")
    return key


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or "no certificates in it"
        raise UsageError(f"--ca-file {ca_file}: {reason}.") from error
