"""Linear models by other roads: generalised, robust, stepwise, searched, online."""

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
from pilotboat.plan.linear import Linear
from pilotboat.plan.links import Exponential, Shares, Sigmoid, Softmax
from pilotboat.plan.step import Check, Step

HERE = "pilotboat.compiler.regressions"


def _scores(model: Any, given: Given, *links: Step) -> Step:
    """X @ coef_.T + intercept_, refusing what is not finite."""
    steps, given = as_numbers(given)
    doubles(given)
    coef, intercept = float64(model.coef_), float64(model.intercept_)
    if coef.ndim == 1 and intercept.ndim == 1:
        intercept = intercept.reshape(())
    return chained([*steps, Check(), Linear(coef, intercept), *links])


def regression(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """A linear regression of any penalty and loss."""
    return Head(_scores(model, given))


def generalised(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """A linear regression through the link that its loss has."""
    link = type(model._base_loss.link).__name__  # noqa: SLF001
    if link == "IdentityLink":
        return Head(_scores(model, given))
    if link != "LogLink":
        raise refuse(f"its link {link} is not compiled")
    if given.kind == "terms":
        raise refuse("it follows text")
    return Head(_scores(model, given, Exponential()))


def classifier(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """A linear classifier without probabilities."""
    binarizer = getattr(model, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        raise refuse("several labels at once are not compiled")
    return Head(_scores(model, given), None, model.classes_, decides=True)


def logistic(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`LogisticRegressionCV`."""
    # Until 1.8 there was multi_class, and liblinear answered several classes one against the others.
    asked = getattr(model, "multi_class", "deprecated")
    apart = asked == "ovr" or (asked in ("auto", "deprecated") and model.solver == "liblinear")
    link: Step = Softmax()
    if len(model.classes_) <= 2:  # noqa: PLR2004
        link = Sigmoid(2.0 if asked == "multinomial" else 1.0)
    elif apart:
        link = Shares("expit")
    return Head(_scores(model, given), link, model.classes_, decides=True)


def ransac(model: Any, given: Given, compiler: Compiler, where: str) -> Head:
    """`RANSACRegressor`: the regression of the rows that it kept."""
    if given.kind == "terms":
        raise refuse("it follows text")
    steps, given = as_numbers(given)
    doubles(given)
    path = f"{where}.estimator_" if where else "estimator_"
    head = compiler.head(model.estimator_, given, path)
    return Head(chained([*steps, head.scores]))


SOLVED = ("coef_", "intercept_", "n_iter_")
BAYES = ("alpha_1", "alpha_2", "compute_score", "copy_X", "fit_intercept", "lambda_1", "lambda_2",
         "max_iter", "tol", "verbose", "n_iter")  # fmt: skip
BAYES_FITTED = (*SOLVED, "X_offset_", "X_scale_", "alpha_", "lambda_", "scores_", "sigma_")
SEARCH = (
    "alphas", "copy_X", "cv", "eps", "fit_intercept", "max_iter", "n_jobs", "n_alphas", "positive",
    "precompute", "random_state", "selection", "tol", "verbose", "l1_ratio",
)  # fmt: skip
SEARCH_FITTED = (*SOLVED, "alpha_", "alphas_", "dual_gap_", "mse_path_", "l1_ratio_")
LARS = (
    "alpha", "copy_X", "criterion", "cv", "eps", "fit_intercept", "fit_path", "jitter", "max_iter",
    "max_n_alphas", "method", "n_jobs", "n_nonzero_coefs", "noise_variance", "positive",
    "precompute", "random_state", "verbose",
)  # fmt: skip
LARS_FITTED = (
    *SOLVED, "active_", "alpha_", "alphas_", "coef_path_", "criterion_", "cv_alphas_", "fit_path",
    "jitter", "method", "mse_path_", "n_nonzero_coefs", "noise_variance_", "random_state", "alpha",
    "precompute", "eps", "positive",
)  # fmt: skip
ONLINE = (
    "C", "alpha", "average", "class_weight", "early_stopping", "epsilon", "eta0", "fit_intercept",
    "l1_ratio", "learning_rate", "loss", "max_iter", "n_iter_no_change", "n_jobs", "penalty",
    "power_t", "random_state", "shuffle", "tol", "validation_fraction", "verbose", "warm_start",
)  # fmt: skip
"""Parameters of training: what they did is in the coefficients."""
ONLINE_FITTED = (
    *SOLVED, "C", "PA", "_expanded_class_weight", "_loss_function_", "alpha", "average", "classes_",
    "epsilon", "eta0", "l1_ratio", "learning_rate", "loss", "penalty", "power_t", "t_",
    "_standard_coef", "_standard_intercept", "_average_coef", "_average_intercept",
)  # fmt: skip
RIDGES = ("alphas", "fit_intercept", "scoring", "cv", "gcv_mode", "store_cv_results",
          "store_cv_values", "alpha_per_target", "class_weight")  # fmt: skip
RIDGES_FITTED = (
    "coef_", "intercept_", "alpha_", "best_score_", "cv_results_", "cv_values_", "_label_binarizer",
    "classes_", "alpha_per_target", "gcv_mode", "_store_cv_results", "_store_cv_values",
)  # fmt: skip
GLM = ("alpha", "fit_intercept", "max_iter", "solver", "tol", "verbose", "warm_start")
TASKS = ("alpha", "copy_X", "fit_intercept", "max_iter", "random_state", "selection", "tol",
         "warm_start", "l1_ratio", "alphas", "cv", "eps", "n_alphas", "n_jobs", "verbose")  # fmt: skip


def _regression(free: tuple[str, ...], fitted: tuple[str, ...] = SOLVED) -> Spec:
    return Spec(f"{HERE}:regression", free=free, fitted=fitted)


def _classifier(free: tuple[str, ...], fitted: tuple[str, ...]) -> Spec:
    return Spec(f"{HERE}:classifier", free=free, fitted=fitted)


def _generalised(*read: str) -> Spec:
    fitted = (*SOLVED, "_base_loss")
    return Spec(f"{HERE}:generalised", read=read, free=GLM, fitted=fitted)


LINEAR = "sklearn.linear_model"

SPECS = {
    f"{LINEAR}._bayes:BayesianRidge": _regression(
        (*BAYES, "alpha_init", "lambda_init"), BAYES_FITTED
    ),
    f"{LINEAR}._bayes:ARDRegression": _regression((*BAYES, "threshold_lambda"), BAYES_FITTED),
    f"{LINEAR}._coordinate_descent:LassoCV": _regression(SEARCH, SEARCH_FITTED),
    f"{LINEAR}._coordinate_descent:ElasticNetCV": _regression(SEARCH, SEARCH_FITTED),
    f"{LINEAR}._coordinate_descent:MultiTaskLasso": _regression(
        TASKS, (*SOLVED, "dual_gap_", "eps_", "l1_ratio")
    ),
    f"{LINEAR}._coordinate_descent:MultiTaskElasticNet": _regression(
        TASKS, (*SOLVED, "dual_gap_", "eps_")
    ),
    f"{LINEAR}._least_angle:Lars": _regression(LARS, LARS_FITTED),
    f"{LINEAR}._least_angle:LarsCV": _regression(LARS, LARS_FITTED),
    f"{LINEAR}._least_angle:LassoLars": _regression(LARS, LARS_FITTED),
    f"{LINEAR}._least_angle:LassoLarsCV": _regression(LARS, LARS_FITTED),
    f"{LINEAR}._least_angle:LassoLarsIC": _regression(LARS, LARS_FITTED),
    f"{LINEAR}._omp:OrthogonalMatchingPursuit": _regression(
        ("fit_intercept", "n_nonzero_coefs", "precompute", "tol"), (*SOLVED, "n_nonzero_coefs_")
    ),
    f"{LINEAR}._omp:OrthogonalMatchingPursuitCV": _regression(
        ("copy", "cv", "fit_intercept", "max_iter", "n_jobs", "verbose"),
        (*SOLVED, "n_nonzero_coefs_"),
    ),
    f"{LINEAR}._huber:HuberRegressor": _regression(
        ("alpha", "epsilon", "fit_intercept", "max_iter", "tol", "warm_start"),
        (*SOLVED, "outliers_", "scale_"),
    ),
    f"{LINEAR}._theil_sen:TheilSenRegressor": _regression(
        ("copy_X", "fit_intercept", "max_iter", "max_subpopulation", "n_jobs", "n_subsamples",
         "random_state", "tol", "verbose"),
        (*SOLVED, "breakdown_", "n_subpopulation_"),
    ),
    f"{LINEAR}._quantile:QuantileRegressor": _regression(
        ("alpha", "fit_intercept", "quantile", "solver", "solver_options")
    ),
    f"{LINEAR}._ridge:RidgeCV": _regression(RIDGES, RIDGES_FITTED),
    f"{LINEAR}._ridge:RidgeClassifierCV": _classifier(RIDGES, RIDGES_FITTED),
    f"{LINEAR}._stochastic_gradient:SGDRegressor": _regression(ONLINE, ONLINE_FITTED),
    f"{LINEAR}._passive_aggressive:PassiveAggressiveRegressor": _regression(ONLINE, ONLINE_FITTED),
    f"{LINEAR}._passive_aggressive:PassiveAggressiveClassifier": _classifier(ONLINE, ONLINE_FITTED),
    f"{LINEAR}._perceptron:Perceptron": _classifier(ONLINE, ONLINE_FITTED),
    "sklearn.svm._classes:LinearSVR": _regression(
        ("C", "dual", "epsilon", "fit_intercept", "intercept_scaling", "loss", "max_iter",
         "random_state", "tol", "verbose")
    ),
    f"{LINEAR}._glm.glm:PoissonRegressor": _generalised(),
    f"{LINEAR}._glm.glm:GammaRegressor": _generalised(),
    f"{LINEAR}._glm.glm:TweedieRegressor": _generalised("link", "power"),
    f"{LINEAR}._logistic:LogisticRegressionCV": Spec(
        f"{HERE}:logistic",
        read=("solver",),
        free=("Cs", "class_weight", "cv", "dual", "fit_intercept", "intercept_scaling", "l1_ratios",
              "max_iter", "n_jobs", "penalty", "random_state", "refit", "scoring", "tol",
              "use_legacy_attributes", "verbose"),
        fixed={"multi_class": ("auto", "deprecated", "ovr", "multinomial")},
        fitted=(*SOLVED, "C_", "Cs_", "classes_", "coefs_paths_", "l1_ratio_", "l1_ratios_",
                "scores_"),
    ),
    f"{LINEAR}._ransac:RANSACRegressor": Spec(
        f"{HERE}:ransac",
        free=("estimator", "is_data_valid", "is_model_valid", "loss", "max_skips", "max_trials",
              "min_samples", "random_state", "residual_threshold", "stop_n_inliers",
              "stop_probability", "stop_score"),
        fitted=("estimator_", "inlier_mask_", "n_skips_invalid_data_", "n_skips_invalid_model_",
                "n_skips_no_inliers_", "n_trials_"),
    ),
}  # fmt: skip
