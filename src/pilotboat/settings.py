"""Every knob: its name, its default and its help, read once from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pilotboat.errors import SettingsError
from pilotboat.http import origins
from pilotboat.operations import ring, secret
from pilotboat.operations.secret import Unusable

PREFIX = "PILOTBOAT_"
KUBERNETES = re.compile(r"PILOTBOAT_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_\w+)")
MADE_BY_KUBERNETES = re.compile(r"(tcp|udp|sctp)://")
STAND_INS = {"workers": "WEB_CONCURRENCY", "log_level": "LOG_LEVEL"}
"""setting -> the variable of others that is honoured where ours is not set"""
LEVELS = ("critical", "error", "warning", "info", "debug")


class Settings(BaseSettings):
    """What the server can be told. The environment variable of `x` is PILOTBOAT_X."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        case_sensitive=False,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    repository: str = Field(
        "models",
        min_length=1,
        description="directory of models: NAME/VERSION/ as 'pilotboat pack' writes it",
    )
    model: str | None = Field(
        None,
        description="the model that answers /predict; default: the only one there is",
    )
    state: str = Field(
        ".pilotboat",
        min_length=1,
        description="directory for what the server remembers between starts; empty so far",
    )
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = Field(
        "auto",
        validation_alias=AliasChoices("PILOTBOAT_WORKERS", STAND_INS["workers"]),
        description="worker processes; auto: as many as processors and memory allow; "
        "1: no supervisor either",
    )
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = Field(
        "auto",
        description="threads of the numeric libraries in each worker; auto: what the workers leave",
    )
    log_level: Literal["critical", "error", "warning", "info", "debug"] = Field(
        "info",
        validation_alias=AliasChoices("PILOTBOAT_LOG_LEVEL", STAND_INS["log_level"]),
        description=f"how much is logged: {', '.join(LEVELS)}",
    )
    max_body_bytes: int = Field(
        10 * 2**20,
        ge=1024,
        description="largest body of a request, in bytes",
    )
    max_rows: int = Field(10_000, ge=1, description="most rows of one request")
    max_text: int = Field(
        1_000_000,
        ge=1,
        description="longest text of one input, in characters",
    )
    max_pending: int = Field(
        512,
        ge=1,
        description="most predict requests that a worker holds at once; others get 503",
    )
    max_pending_bytes: int = Field(
        64 * 2**20,
        ge=1024,
        description="most bytes of their bodies that a worker holds at once; others get 503",
    )
    queue_ms: float = Field(
        250.0,
        gt=0,
        le=60_000,
        description="longest that a request may wait for the model, in milliseconds; then 503",
    )
    request_timeout_ms: int = Field(
        10_000,
        ge=1,
        le=3_600_000,
        description="longest that a prediction may take, in milliseconds; then 504. "
        "X-Request-Timeout-Ms may ask for less",
    )
    drain_seconds: float = Field(
        20.0,
        gt=0,
        le=3600,
        validate_default=True,
        description="longest that a worker which stops may finish what it has accepted, in seconds",
    )
    hang_seconds: int = Field(
        30,
        ge=1,
        le=3600,
        description="seconds after which a worker that does nothing any more is replaced",
    )
    boot_seconds: int = Field(
        60,
        ge=1,
        le=3600,
        description="seconds that a new worker may take to load its models and to be ready",
    )
    api_keys: SecretStr = Field(
        SecretStr(""),
        description="API keys, as 'pilotboat key' prints them, a line each; "
        "none: no request needs one",
    )
    require_keys: bool = Field(
        False,
        validate_default=True,
        description="do not start without API keys",
    )
    rate_limit: float = Field(
        0.0,
        ge=0,
        le=1_000_000_000,
        description="most requests a second of one API key; 0: any number",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="origins whose pages may call from a browser, comma-separated; *: any",
    )
    batch_rows: int = Field(
        64,
        ge=1,
        le=10_000,
        description="most rows of concurrent requests that are answered together; 1: never",
    )
    batch_wait_ms: float = Field(
        2.0,
        ge=0,
        le=1000,
        description="longest that a slow model's request waits for others, in milliseconds",
    )
    unknown_fields: Literal["refuse", "ignore"] = Field(
        "refuse",
        description="what happens to fields that the model does not know: refuse or ignore",
    )
    trust: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="digests of bundles whose own code and types you vouch for, comma-separated",
    )
    allow_version_skew: bool = Field(
        False,
        description="serve models although another scikit-learn packed them",
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("model", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return value or None

    @field_validator("trust", "cors_origins", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("trust")
    @classmethod
    def _are_digests(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[0-9a-f]{64}", one) for one in value):
            raise ValueError("expected SHA-256 digests of 64 hexadecimal digits")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _is_there(cls, value: Any) -> Any:
        if isinstance(value, Unusable):
            raise ValueError(value.reason)  # noqa: TRY004 - what pydantic gathers
        return value

    @field_validator("drain_seconds")
    @classmethod
    def _outlasts_a_request(cls, value: float, info: ValidationInfo) -> float:
        longest = info.data.get("request_timeout_ms", 0) / 1000
        if value <= longest:
            raise ValueError(
                f"expected more than the {longest:g} s of PILOTBOAT_REQUEST_TIMEOUT_MS, got "
                f"{value:g} s: what a worker has begun must be able to end before it stops"
            )
        return value

    @field_validator("api_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr) -> SecretStr:
        try:
            ring.parse(value.get_secret_value())
        except ValueError as error:
            raise ValueError(
                f"lines ID:SHA256 SCOPE…, as 'pilotboat key' prints them, but {error}"
            ) from None
        return value

    @field_validator("require_keys")
    @classmethod
    def _has_keys(cls, value: bool, info: ValidationInfo) -> bool:
        keys = info.data.get("api_keys")
        if value and keys is not None and not ring.parse(keys.get_secret_value()).keys:
            raise ValueError(
                "expected API keys, and there are none: make one with 'pilotboat key', and name the "
                "file of its line in PILOTBOAT_API_KEYS_FILE"
            )
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return value if value == ("*",) else tuple(origins.origin(one) for one in value)


SECRETS = tuple(
    name
    for name, field in Settings.model_fields.items()
    if SecretStr in (field.annotation, *get_args(field.annotation))
)
"""Settings that may be given in a file too, whose path is in PILOTBOAT_<NAME>_FILE."""


def read(**given: Any) -> Settings:
    """The settings from the environment; `given` ones (options; None where absent) win.

    Raises `SettingsError` that lists every fault at once.
    """
    for variable, value in list(os.environ.items()):
        if is_kubernetes(variable, value):
            del os.environ[variable]
    files = {name: _secret(name) for name in SECRETS if file_of(name) in os.environ}
    try:
        # Under the variable's name, so that it stands in the place of the variable.
        return Settings(
            **{_key(name): one for name, one in {**files, **given}.items() if one is not None}
        )
    except ValidationError as error:
        raise SettingsError(
            f"Settings that cannot be used: {_faults(error, given)}.",
            hint="'pilotboat serve --help' lists them all.",
        ) from error


def _key(name: str) -> str:
    return variable_of(name) if name in STAND_INS else name


def _secret(name: str) -> str | Unusable:
    """The secret whose file is named."""
    if os.environ.get(variable_of(name)):
        return Unusable(f"expected this or {variable_of(name)}, not both: choose one")
    return secret.read(os.environ[file_of(name)])


def _faults(error: ValidationError, given: Mapping[str, Any]) -> str:
    """Every setting at fault, where it was written and what is expected of it."""
    faults: dict[str, list[str]] = {}
    for one in error.errors():
        source = _source(str(one["loc"][0]).removeprefix(PREFIX).lower(), given)
        says = re.sub(r"^(Value error, |Input should be |String should )", "", one["msg"])
        faults.setdefault(source, []).append(says.removeprefix("expected "))
    return "; ".join(f"{source}: expected {' or '.join(says)}" for source, says in faults.items())


def _source(name: str, given: Mapping[str, Any]) -> str:
    """Where a value was written: an option, the variable, or the one that stands in for it."""
    if given.get(name) is not None:
        return f"--{name}"
    variable, other = variable_of(name), STAND_INS.get(name, "")
    if name in SECRETS and file_of(name) in os.environ:
        return f"{file_of(name)} ({os.environ[file_of(name)]!a})"
    return other if other in os.environ and variable not in os.environ else variable


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.removeprefix(PREFIX).upper()}"


def file_of(name: str) -> str:
    """The environment variable with the path of the file that a secret is in."""
    return f"{variable_of(name)}_FILE"


def is_kubernetes(variable: str, value: str) -> bool:
    """Whether Kubernetes made this variable, for a service that is called pilotboat."""
    if KUBERNETES.fullmatch(variable):
        return True
    return variable == "PILOTBOAT_PORT" and bool(MADE_BY_KUBERNETES.match(value))


def unknown(environ: Mapping[str, str]) -> list[str]:
    """A warning for every PILOTBOAT_ variable that is no setting, with the nearest name."""
    names = [name.upper() for name in Settings.model_fields]
    names += [file_of(name).removeprefix(PREFIX) for name in SECRETS]
    warnings = []
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable.removeprefix(PREFIX) in names:
            continue
        if is_kubernetes(variable, environ[variable]):
            continue
        near = get_close_matches(variable.removeprefix(PREFIX), names, n=1)
        meant = f"; did you mean {PREFIX}{near[0]}?" if near else ""
        warnings.append(f"{variable} is not a setting{meant}")
    return warnings


def renewed(settings: Settings) -> Settings:
    """`settings` with the secrets that are in their files now. Raises `SettingsError`."""
    given = settings.model_dump(exclude=set(SECRETS))
    return read(**{name: value for name, value in given.items() if value is not None})


def exported(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, for a process that reads them again.

    A secret that was read from a file stays there, and its path is handed on.
    """
    made = {}
    for name, value in settings.model_dump().items():
        if isinstance(value, SecretStr):
            in_file = os.environ.get(file_of(name))
            if in_file is not None:
                made[file_of(name)] = in_file
            elif value.get_secret_value():
                made[variable_of(name)] = value.get_secret_value()
        elif value is not None and value != ():
            made[variable_of(name)] = ",".join(value) if isinstance(value, tuple) else str(value)
    return made
