"""Every setting, read once from the environment. The knobs themselves stand in `knobs`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import SecretStr, ValidationError

from pilotboat.errors import SettingsError
from pilotboat.operations import secret
from pilotboat.operations.secret import Unusable
from pilotboat.settings.knobs import PREFIX, STAND_INS, Settings

__all__ = [
    "SECRETS",
    "STAND_INS",
    "Settings",
    "exported",
    "file_of",
    "is_kubernetes",
    "read",
    "renewed",
    "unknown",
    "variable_of",
]

KUBERNETES = re.compile(r"PILOTBOAT_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_\w+)")
MADE_BY_KUBERNETES = re.compile(r"(tcp|udp|sctp)://")
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
