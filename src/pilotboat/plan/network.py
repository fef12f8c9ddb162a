"""Networks of layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pilotboat.plan.links import expits
from pilotboat.plan.step import Function, Numbers

Activation = Literal["identity", "logistic", "tanh", "relu"]


@dataclass(frozen=True, slots=True)
class Network:
    """Layers of x @ weights + biases, with an activation between them and none after the last.

    Shapes: weights (inputs, outputs) of each layer, biases (outputs,).
    """

    weights: tuple[Numbers, ...]
    biases: tuple[Numbers, ...]
    activation: Activation

    def one(self) -> Function:
        many = self.many()
        return lambda row: many(np.array([row]))[0].tolist()

    def many(self) -> Function:
        active = _ACTIVE[self.activation]
        layers = list(zip(self.weights, self.biases, strict=True))

        def call(table: Numbers) -> Numbers:
            for number, (weights, biases) in enumerate(layers):
                table = (active(table) if number else table) @ weights
                table += biases
            return table

        return call

    def terms(self, table: Any, terms: Numbers | None) -> Numbers:
        """The sum of the magnitudes that are added, from the first layer on.

        No activation moves by more than what it is given.
        """
        active = _ACTIVE[self.activation]
        sizes = np.abs(table) if terms is None else terms
        for number, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            if number:
                table = active(table)
                sizes = np.maximum(sizes, np.abs(table))
            table, sizes = table @ weights + biases, sizes @ np.abs(weights) + np.abs(biases)
        return np.asarray(sizes)


_ACTIVE: dict[str, Function] = {
    "identity": lambda table: table,
    "logistic": expits,
    "tanh": np.tanh,
    "relu": lambda table: np.maximum(table, 0),
}
