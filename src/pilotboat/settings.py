"""Every knob: its name, its default and its help, read once from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pilotboat.errors import SettingsError

PREFIX = "PILOTBOAT_"
KUBERNETES = re.compile(r"PILOTBOAT_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_\w+)")
MADE_BY_KUBERNETES = re.compile(r"(tcp|udp|sctp)://")
STAND_INS = {"workers": "WEB_CONCURRENCY", "log_level": "LOG_LEVEL"}
"""setting -> the variable of others that is honoured where ours is not set"""
LEVELS = ("critical", "error", "warning", "info", "debug")


class Settings(BaseSettings):
    """What the server can be told. The environment variable of `x` is PILOTBOAT_X."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, case_sensitive=False, extra="ignore", populate_by_name=True
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
    workers: int = Field(
        1,
        ge=1,
        le=256,
        validation_alias=AliasChoices("PILOTBOAT_WORKERS", STAND_INS["workers"]),
        description="worker processes; more than one needs gunicorn (not on Windows)",
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

    @field_validator("trust", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("trust")
    @classmethod
    def _are_digests(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[0-9a-f]{64}", one) for one in value):
            raise ValueError("SHA-256 digests of 64 hexadecimal digits")
        return value


def read(**given: Any) -> Settings:
    """The settings from the environment; `given` ones (options; None where absent) win.

    Raises `SettingsError` that lists every fault at once.
    """
    for variable, value in list(os.environ.items()):
        if is_kubernetes(variable, value):
            del os.environ[variable]
    try:
        # Under the variable's name, so that it stands in the place of the variable.
        return Settings(**{_key(name): value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = "; ".join(_fault(one["loc"][0], one["msg"], given) for one in error.errors())
        raise SettingsError(
            f"Settings that cannot be used: {faults}.",
            hint="'pilotboat serve --help' lists them all.",
        ) from error


def _key(name: str) -> str:
    return variable_of(name) if name in STAND_INS else name


def _fault(where: Any, message: str, given: Mapping[str, Any]) -> str:
    name = str(where).removeprefix(PREFIX).lower()
    says = re.sub(r"^(Value error, |Input should be |String should )", "", message)
    return f"{_source(name, given)}: expected {says}"


def _source(name: str, given: Mapping[str, Any]) -> str:
    """Where a value was written: an option, the variable, or the one that stands in for it."""
    if given.get(name) is not None:
        return f"--{name}"
    variable, other = variable_of(name), STAND_INS.get(name, "")
    return other if other in os.environ and variable not in os.environ else variable


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.removeprefix(PREFIX).upper()}"


def is_kubernetes(variable: str, value: str) -> bool:
    """Whether Kubernetes made this variable, for a service that is called pilotboat."""
    if KUBERNETES.fullmatch(variable):
        return True
    return variable == "PILOTBOAT_PORT" and bool(MADE_BY_KUBERNETES.match(value))


def unknown(environ: Mapping[str, str]) -> list[str]:
    """A warning for every PILOTBOAT_ variable that is no setting, with the nearest name."""
    names = [name.upper() for name in Settings.model_fields]
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


def exported(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, for a process that reads them again."""
    made = {}
    for name, value in settings.model_dump().items():
        if value is not None and value != ():
            made[variable_of(name)] = ",".join(value) if isinstance(value, tuple) else str(value)
    return made
