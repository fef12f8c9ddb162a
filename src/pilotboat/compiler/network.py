"""Multi-layer perceptrons."""

from __future__ import annotations

from typing import Any

from pilotboat.compiler.given import (
    Compiler,
    Given,
    Head,
    as_numbers,
    chained,
    doubles,
    float64,
    refuse,
)
from pilotboat.compiler.spec import Spec
from pilotboat.plan.links import Exponential, Sigmoid, Softmax
from pilotboat.plan.network import Network
from pilotboat.plan.step import Check, Step

HERE = "pilotboat.compiler.network"


def _scores(model: Any, given: Given, *links: Step) -> Step:
    if given.kind == "terms":
        raise refuse("it follows text")
    steps, given = as_numbers(given)
    doubles(given)
    weights = tuple(float64(one) for one in model.coefs_)
    biases = tuple(float64(one) for one in model.intercepts_)
    return chained([*steps, Check(), Network(weights, biases, model.activation), *links])


def classifier(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`MLPClassifier` for one target."""
    if model._label_binarizer.y_type_.startswith("multilabel"):  # noqa: SLF001
        raise refuse("several labels at once are not compiled")
    links: dict[str, Step] = {"logistic": Sigmoid(), "softmax": Softmax()}
    link = links.get(model.out_activation_)
    if link is None:
        raise refuse(f"its last activation {model.out_activation_} is not compiled")
    return Head(_scores(model, given), link, model.classes_, label="probabilities")


def regression(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`MLPRegressor`, of one target or several."""
    if model.out_activation_ == "exp":
        return Head(_scores(model, given, Exponential()))
    if model.out_activation_ != "identity":
        raise refuse(f"its last activation {model.out_activation_} is not compiled")
    return Head(_scores(model, given))


FIT = (
    "alpha", "batch_size", "beta_1", "beta_2", "early_stopping", "epsilon", "hidden_layer_sizes",
    "learning_rate", "learning_rate_init", "loss", "max_fun", "max_iter", "momentum",
    "n_iter_no_change", "nesterovs_momentum", "power_t", "random_state", "shuffle", "solver", "tol",
    "validation_fraction", "verbose", "warm_start",
)  # fmt: skip
FITTED = (
    "_best_coefs", "_best_intercepts", "_coef_indptr", "_intercept_indptr", "_no_improvement_count", "_optimizer", "_random_state",
    "best_loss_", "best_validation_score_", "coefs_", "intercepts_", "loss", "loss_", "loss_curve_",
    "n_iter_", "n_layers_", "n_outputs_", "out_activation_", "t_", "validation_scores_",
)  # fmt: skip
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")

SPECS = {
    "sklearn.neural_network._multilayer_perceptron:MLPClassifier": Spec(
        f"{HERE}:classifier",
        free=FIT,
        fixed={"activation": ACTIVATIONS},
        fitted=(*FITTED, "_label_binarizer", "classes_"),
    ),
    "sklearn.neural_network._multilayer_perceptron:MLPRegressor": Spec(
        f"{HERE}:regression", free=FIT, fixed={"activation": ACTIVATIONS}, fitted=FITTED
    ),
}
