"""Every knob: its name, its default and its help."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pilotboat.http import origins
from pilotboat.operations import ring
from pilotboat.operations.secret import Unusable

PREFIX = "PILOTBOAT_"
STAND_INS = {"workers": "WEB_CONCURRENCY", "log_level": "LOG_LEVEL"}
"""setting -> the variable of others that is honoured where ours is not set"""
SCHEMES = {
    "database_url": ("postgresql", "postgres"),
    "redis_url": ("redis", "rediss", "unix"),
}
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
        description="directory for what the server remembers between starts",
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
    prediction_log: bool | None = Field(
        None,
        description="keep what was asked and answered, which may be personal data; "
        "default: where there is a database URL",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="PostgreSQL for the prediction log, as postgresql://USER:PASSWORD@HOST/NAME; "
        "none: SQLite in the state directory",
    )
    prediction_log_durability: Literal["buffered", "flushed", "synced"] = Field(
        "flushed",
        description="what of it is safe when an answer leaves: buffered (nothing for a moment), "
        "flushed (it survives the server), synced (it survives the machine)",
    )
    prediction_log_max_bytes: int = Field(
        512 * 2**20,
        ge=2**20,
        description="most bytes on disk that wait for the database",
    )
    prediction_log_when_full: Literal["drop_newest", "drop_oldest", "reject_503"] = Field(
        "drop_newest",
        description="what happens when they are used up: drop_newest, drop_oldest or reject_503",
    )
    prediction_log_sample: float = Field(
        1.0, ge=0, le=1, description="share of the requests that is kept"
    )
    prediction_log_redact: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="inputs that are not kept as they are: NAME=hash or NAME=drop, comma-separated",
    )
    prediction_log_redact_key: SecretStr = Field(
        SecretStr(""),
        description="secret that hashed inputs are keyed with; default: one made in the state "
        "directory",
    )
    retention_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="days after which 'pilotboat store prune' removes predictions; 0: ask for them",
    )
    trust_idempotency_key: bool = Field(
        False,
        description="a proxy of yours sets Idempotency-Key anew for each request: predictions with "
        "the same one are kept once",
    )
    redis_url: SecretStr = Field(
        SecretStr(""),
        description="Redis that replicas share rate limits and cached answers through; none: each "
        "server by itself",
    )
    cache_bytes: int = Field(
        16 * 2**20,
        ge=0,
        description="bytes of answers of slow models that a worker keeps; 0: none",
    )
    cache_seconds: int = Field(
        3600,
        ge=1,
        le=31_536_000,
        description="seconds that Redis keeps an answer",
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

    @field_validator("model", "prediction_log", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("trust", "cors_origins", "prediction_log_redact", mode="before")
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

    @field_validator("database_url", "redis_url")
    @classmethod
    def _is_url(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        schemes = SCHEMES[info.field_name or ""]
        text = value.get_secret_value()
        if text and not text.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError(f"expected a URL that begins with {schemes[0]}://")
        return value

    @field_validator("prediction_log_redact")
    @classmethod
    def _are_redactions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r".+=(hash|drop)", one) for one in value):
            raise ValueError("expected NAME=hash or NAME=drop for each input")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return value if value == ("*",) else tuple(origins.origin(one) for one in value)

    @property
    def remembers(self) -> bool:
        """Whether predictions are kept."""
        has_database = bool(self.database_url.get_secret_value())
        return has_database if self.prediction_log is None else self.prediction_log

    @property
    def store_url(self) -> str:
        """Where they are kept: PostgreSQL where that is set, else SQLite."""
        file = Path(self.state).absolute() / "predictions.db"
        return self.database_url.get_secret_value() or f"sqlite:///{file}"
