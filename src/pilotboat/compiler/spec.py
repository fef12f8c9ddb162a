"""What the compiler knows of one type: its translator, and every parameter that it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pilotboat.compiler.given import refuse

COMMON = frozenset({"n_features_in_", "feature_names_in_", "_sklearn_output_config"})
"""Attributes of any fitted estimator that change no answer by themselves."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One exact type.

    translate: the import string of its translator, called with (estimator, given, translate).
    read: the parameters that the translator reads. free: those that change no answer of a fitted
    estimator. fixed: those that must have one of some values.
    fitted: the attributes that fitting leaves. One that is not listed is refused.
    """

    translate: str
    read: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    fixed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    fitted: tuple[str, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        """Every constructor parameter that is known."""
        return frozenset((*self.read, *self.free, *self.fixed))


def check(estimator: Any, spec: Spec) -> None:
    """Raise `CompileError` for a parameter or an attribute that `spec` does not allow."""
    parameters = estimator.get_params(deep=False)
    for name in parameters:
        if name not in spec.parameters:
            raise refuse(f"its parameter '{name}' is not known")
    for name, allowed in spec.fixed.items():
        if name in parameters and not any(_same(parameters[name], one) for one in allowed):
            raise refuse(f"{name}={_shown(parameters[name])} is not compiled")
    for name in vars(estimator):
        if name not in parameters and name not in spec.fitted and name not in COMMON:
            raise refuse(f"its attribute '{name}' is not known")


def _same(given: Any, allowed: Any) -> bool:
    if isinstance(allowed, float) and allowed != allowed:  # noqa: PLR0124 - NaN
        return isinstance(given, float) and given != given  # noqa: PLR0124
    return type(given) is type(allowed) and bool(given == allowed)


def _shown(value: Any) -> str:
    plain = value is None or isinstance(value, str | int | float)
    return repr(value)[:40] if plain else f"a {type(value).__name__}"
