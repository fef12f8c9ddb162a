"""A fitted scikit-learn estimator -> a plan. A closed list of exact types; no other is guessed at.

Each family's module has a table `SPECS`: type -> what the compiler knows of it.
"""

from __future__ import annotations

from typing import Any

from pilotboat.compiler.given import Built, Given, Head, Part, plan_of, refuse
from pilotboat.compiler.spec import Spec, check
from pilotboat.errors import CompileError
from pilotboat.imports import resolve
from pilotboat.plan import Plan
from pilotboat.schema import Schema

FAMILIES = (
    "pilotboat.compiler.assembly:SPECS",
    "pilotboat.compiler.columns:SPECS",
    "pilotboat.compiler.numbers:SPECS",
    "pilotboat.compiler.curves:SPECS",
    "pilotboat.compiler.splines:SPECS",
    "pilotboat.compiler.gaps:SPECS",
    "pilotboat.compiler.regressions:SPECS",
    "pilotboat.compiler.discriminant:SPECS",
    "pilotboat.compiler.network:SPECS",
    "pilotboat.compiler.clusters:SPECS",
    "pilotboat.compiler.votes:SPECS",
    "pilotboat.compiler.calibration:SPECS",
    "pilotboat.compiler.multiclass:SPECS",
    "pilotboat.compiler.targets:SPECS",
    "pilotboat.compiler.svm:SPECS",
    "pilotboat.compiler.linear:SPECS",
    "pilotboat.compiler.trees:SPECS",
    "pilotboat.compiler.boosting:SPECS",
    "pilotboat.compiler.ensembles:SPECS",
    "pilotboat.compiler.text:SPECS",
    "pilotboat.compiler.bayes:SPECS",
)


def specs() -> dict[str, Spec]:
    """Every type that is compiled, as `"module:Class"` with the module that it is imported from."""
    return {name: spec for family in FAMILIES for name, spec in resolve(family).items()}


def compile_plan(estimator: Any, schema: Schema) -> Plan:
    """The plan that answers rows of `schema` as `estimator` does.

    Raises `CompileError` naming the step that is not compiled, and why.
    """
    return compile_parts(estimator, schema)[0]


def compile_parts(estimator: Any, schema: Schema) -> tuple[Plan, list[Part]]:
    """The plan, and the models in it beside the estimators that they were made of."""
    compiler = Compiler()
    named = schema.layout == "frame"
    given = Given("columns", len(schema.inputs), tuple(enumerate(schema.inputs)), named)
    return plan_of(compiler.head(estimator, given, "")), compiler.parts


class Compiler:
    """Finds the translator of a type and holds it to its spec."""

    def __init__(self) -> None:
        self.specs = specs()
        self.parts: list[Part] = []

    def step(self, estimator: Any, given: Given, where: str) -> Built:
        made = self._translated(estimator, given, where)
        if isinstance(made, Head):
            raise refuse("a model in the place of a transformer is not compiled")
        built: Built = made
        return built

    def head(self, estimator: Any, given: Given, where: str) -> Head:
        made = self._translated(estimator, given, where)
        if not isinstance(made, Head):
            raise refuse(f"{_named(estimator, where)} does not predict")
        if not hasattr(estimator, "steps") and given.kind != "terms":
            self.parts.append(Part(estimator, made, given.kind == "numbers"))
        return made

    def _translated(self, estimator: Any, given: Given, where: str) -> Any:
        kind = type(estimator)
        name = f"{kind.__module__}:{kind.__qualname__}"
        try:
            if name not in self.specs or resolve(name) is not kind:
                raise refuse("this type is not on the list")
            check(estimator, self.specs[name])
            return resolve(self.specs[name].translate)(estimator, given, self, where)
        except CompileError as error:
            if error.facts:
                raise
            detail = f"{_named(estimator, where)}: {error.detail}"
            raise CompileError(detail, step=where, type=kind.__name__) from None
        except Exception as error:
            # An attribute that another version of scikit-learn names otherwise, most likely.
            detail = f"{_named(estimator, where)}: the compiler failed with {type(error).__name__}"
            raise CompileError(detail, step=where, type=kind.__name__) from error


def _named(estimator: Any, where: str) -> str:
    kind = type(estimator).__name__
    return f"{kind} ('{where}')" if where else kind
