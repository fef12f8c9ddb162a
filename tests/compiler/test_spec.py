"""What the compiler knows of each type: all of it, and nothing is taken on trust."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from pilotboat.compiler import specs
from pilotboat.compiler.spec import COMMON, Spec, check
from pilotboat.errors import CompileError
from pilotboat.imports import resolve
from tests.compiler.models import MODELS, Model, fitted, holds, quiet
from tests.compiler.models.changes import (
    FEW,
    Place,
    agrees,
    alternatives,
    places,
    refusal,
    rows,
    translated,
)

SPECS = specs()


def _kind(name: str) -> Any:
    """A type, or None where this version of scikit-learn does not have it."""
    try:
        return resolve(name)
    except (ImportError, AttributeError):
        return None


KINDS = {name: kind for name in SPECS if (kind := _kind(name)) is not None}


def _short(name: str) -> str:
    return name.partition(":")[2]


def _signature(name: str) -> list[str]:
    return [one for one in inspect.signature(KINDS[name].__init__).parameters if one != "self"]


@pytest.mark.parametrize("name", KINDS, ids=_short)
def test_every_parameter_is_listed_once(name: str) -> None:
    spec = SPECS[name]
    assert [one for one in _signature(name) if one not in spec.parameters] == []
    listed = [*dict.fromkeys(spec.read), *dict.fromkeys(spec.free), *spec.fixed]
    assert sorted(one for one in set(listed) if listed.count(one) > 1) == []


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_every_attribute_is_listed(model: Model) -> None:
    with quiet():
        estimator = fitted(model)
    if refusal(estimator, model):
        return  # docs/coverage.md says why
    for one in holds(estimator):
        name = f"{type(one).__module__}:{type(one).__qualname__}"
        if name in SPECS:
            known = {*one.get_params(deep=False), *SPECS[name].fitted, *COMMON}
            assert sorted(set(vars(one)) - known) == [], name


@pytest.mark.parametrize("name", KINDS, ids=_short)
def test_what_is_put_into_a_model_by_hand_is_refused(name: str) -> None:
    """Of any type there is a model in which its own attributes are looked at."""
    for place in _places(name)[:1]:
        for attribute, value in (("extra_", 1), ("predict", len), ("transform", len)):
            estimator, inner = place.copies()
            vars(inner)[attribute] = value
            assert f"its attribute '{attribute}' is not known" in refusal(estimator, place.model)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, parameter) for name in KINDS for parameter in SPECS[name].fixed],
    ids=str,
)
def test_another_value_is_refused_by_name(name: str, parameter: str) -> None:
    for place in _places(name)[:1]:
        estimator, inner = place.copies()
        if parameter in inner.get_params(deep=False):
            vars(inner)[parameter] = "a value of the next version"
            assert f"{parameter}='a value of the next version' is not" in refusal(
                estimator, place.model
            )


def test_an_unknown_parameter_is_refused() -> None:
    class Next:
        def get_params(self, deep: bool = True) -> dict[str, Any]:
            return {"unheard": deep}

    with pytest.raises(CompileError, match="its parameter 'unheard' is not known"):
        check(Next(), Spec(""))


def _places(name: str) -> list[Place]:
    found = places(name)
    assert found or _only_refused(name), "no model of the catalogue is translated"
    return found


def _only_refused(name: str) -> bool:
    """Whether all models that hold the type are refused as they are."""
    with quiet():
        return all(
            refusal(fitted(model), model)
            for model in MODELS
            if KINDS[name] in {type(one) for one in holds(fitted(model))}
        )


def _parameters() -> Iterator[Any]:
    for name in KINDS:
        for parameter in sorted(set(_signature(name)) & SPECS[name].parameters):
            yield pytest.param(name, parameter, id=f"{_short(name)}.{parameter}")


@pytest.mark.parametrize(("name", "parameter"), list(_parameters()))
def test_a_changed_parameter_is_never_silently_wrong(name: str, parameter: str) -> None:
    """The plan follows, or nothing is compiled, or the proof sees it."""
    free = parameter in SPECS[name].free
    for place in _places(name)[: 1 if free else 2]:
        now = getattr(place.copies()[1], parameter)
        if hasattr(now, "fit") or parameter in HELD:
            continue
        values = alternatives(KINDS[name], parameter, now)
        for value in values[:FEW] if free else values:
            _hold(place, parameter, value)


HELD = ("steps", "transformers", "transformer_list", "estimators", "remainder")
"""They hold estimators: other ones would not be fitted."""


def _hold(place: Place, parameter: str, value: Any) -> None:
    estimator, inner = place.copies()
    setattr(inner, parameter, value)
    try:
        made = translated(estimator, rows(place.model))
    except CompileError:
        return
    if not agrees(made, place.model):
        with pytest.raises((CompileError, ValueError, LookupError)):
            made.prove()
