"""Further types: of those that are written down here, the ones that the compiler has."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from pilotboat.compiler import specs
from tests.compiler.models.data import (
    CODES,
    COUNTS,
    HOLES,
    PAIRS,
    POSITIVE,
    VALUES,
    Y2,
    Y3,
    Model,
    X,
)

LOGISTIC = LogisticRegression()
TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
FIRM = DecisionTreeRegressor(max_depth=3, random_state=0)
SEEDED = {"random_state": 0}
TWO = [("a", LOGISTIC), ("b", TREE)]
NUMBERS = [("a", Ridge()), ("b", FIRM)]
LABELS = np.stack([Y3, Y3 % 2], axis=1)
GAINS = POSITIVE[:, 0]

STEPS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("preprocessing:KBinsDiscretizer", {"n_bins": 4, "encode": "ordinal"}, TREE, X),
    ("preprocessing:KBinsDiscretizer", {"n_bins": 4, "strategy": "uniform"}, LOGISTIC, X),
    ("preprocessing:QuantileTransformer", {"n_quantiles": 20}, TREE, HOLES),
    ("preprocessing:QuantileTransformer", {"n_quantiles": 20, "output_distribution": "normal"}, LOGISTIC, X),
    ("preprocessing:PowerTransformer", {}, LOGISTIC, X),
    ("preprocessing:PowerTransformer", {"method": "box-cox", "standardize": False}, TREE, POSITIVE),
    ("preprocessing:Normalizer", {}, LOGISTIC, X),
    ("preprocessing:Normalizer", {"norm": "max"}, TREE, X),
    ("preprocessing:Binarizer", {"threshold": 0.5}, LOGISTIC, X),
    ("preprocessing:FunctionTransformer", {"func": np.tanh}, LOGISTIC, X),
    ("preprocessing:SplineTransformer", {"n_knots": 4}, LOGISTIC, X),
    ("preprocessing:SplineTransformer", {"extrapolation": "linear", "degree": 2}, LOGISTIC, X),
    ("preprocessing:KernelCenterer", {}, LOGISTIC, X),
    ("impute:MissingIndicator", {}, TREE, HOLES),
    ("impute:MissingIndicator", {"features": "all"}, TREE, HOLES),
    ("impute:KNNImputer", {"n_neighbors": 3}, TREE, HOLES),
    ("impute:KNNImputer", {"n_neighbors": 3, "weights": "distance"}, LOGISTIC, HOLES),
    ("impute:IterativeImputer", {"max_iter": 3, **SEEDED}, LOGISTIC, HOLES),
    ("feature_selection:SequentialFeatureSelector", {"estimator": TREE, "cv": 2}, LOGISTIC, X),
    ("decomposition:IncrementalPCA", {"n_components": 2}, LOGISTIC, X),
    ("decomposition:FastICA", {"n_components": 2, **SEEDED}, LOGISTIC, X),
    ("decomposition:FactorAnalysis", {"n_components": 2}, LOGISTIC, X),
    ("decomposition:KernelPCA", {"n_components": 2, "kernel": "rbf"}, LOGISTIC, X),
    ("decomposition:NMF", {"n_components": 2, **SEEDED}, LOGISTIC, POSITIVE),
    ("decomposition:SparsePCA", {"n_components": 2, **SEEDED}, LOGISTIC, X),
    ("random_projection:GaussianRandomProjection", {"n_components": 2, **SEEDED}, LOGISTIC, X),
    ("random_projection:SparseRandomProjection", {"n_components": 2, **SEEDED}, LOGISTIC, X),
    ("kernel_approximation:Nystroem", {"n_components": 9, **SEEDED}, LOGISTIC, X),
    ("kernel_approximation:RBFSampler", {"n_components": 9, **SEEDED}, LOGISTIC, X),
    ("kernel_approximation:AdditiveChi2Sampler", {}, LOGISTIC, POSITIVE),
    ("kernel_approximation:SkewedChi2Sampler", {"n_components": 9, **SEEDED}, LOGISTIC, POSITIVE),
    ("kernel_approximation:PolynomialCountSketch", {"n_components": 9, **SEEDED}, LOGISTIC, X),
    ("ensemble:RandomTreesEmbedding", {"n_estimators": 3, "max_depth": 3, **SEEDED}, LOGISTIC, X),
    ("neighbors:NeighborhoodComponentsAnalysis", SEEDED, LOGISTIC, X),
    ("cluster:FeatureAgglomeration", {"n_clusters": 2}, LOGISTIC, X),
    ("cluster:KMeans", {"n_clusters": 3, **SEEDED}, LOGISTIC, X),
    ("discriminant_analysis:LinearDiscriminantAnalysis", {}, LOGISTIC, X),
]  # fmt: skip
"""(type, parameters, the model after it, data)"""

REGRESSIONS: list[tuple[str, dict[str, Any], Any, Any]] = [
    *[
        (f"linear_model:{name}", {}, X, VALUES)
        for name in (
            "BayesianRidge", "ARDRegression", "LassoCV", "ElasticNetCV", "Lars", "LarsCV",
            "LassoLarsCV", "LassoLarsIC", "OrthogonalMatchingPursuit", "RidgeCV", "HuberRegressor",
            "OrthogonalMatchingPursuitCV", "QuantileRegressor",
        )
    ],
    ("linear_model:LassoLars", {"alpha": 0.1}, X, VALUES),
    ("linear_model:MultiTaskLasso", {}, X, PAIRS),
    ("linear_model:MultiTaskElasticNet", {}, X, PAIRS),
    ("linear_model:MultiTaskLassoCV", {"cv": 2}, X, PAIRS),
    ("linear_model:MultiTaskElasticNetCV", {"cv": 2}, X, PAIRS),
    ("linear_model:TheilSenRegressor", SEEDED, X, VALUES),
    ("linear_model:SGDRegressor", SEEDED, X, VALUES),
    ("linear_model:PassiveAggressiveRegressor", SEEDED, X, VALUES),
    ("linear_model:PoissonRegressor", {}, X, GAINS),
    ("linear_model:GammaRegressor", {}, X, GAINS),
    ("linear_model:TweedieRegressor", {"power": 1.5}, X, GAINS),
    ("linear_model:TweedieRegressor", {"link": "identity"}, X, VALUES),
    ("linear_model:RANSACRegressor", SEEDED, X, VALUES),
    ("svm:LinearSVR", SEEDED, X, VALUES),
    ("svm:SVR", {}, X, VALUES),
    ("svm:SVR", {"kernel": "poly", "degree": 2}, X, VALUES),
    ("svm:NuSVR", {}, X, VALUES),
    ("neural_network:MLPRegressor", {"hidden_layer_sizes": (5,), "max_iter": 9, **SEEDED}, X, VALUES),
    ("neural_network:MLPRegressor", {"hidden_layer_sizes": (4, 3), "activation": "tanh", "max_iter": 9, **SEEDED}, X, PAIRS),
    ("neighbors:KNeighborsRegressor", {}, X, VALUES),
    ("neighbors:KNeighborsRegressor", {"weights": "distance", "n_neighbors": 3}, X, PAIRS),
    ("neighbors:RadiusNeighborsRegressor", {}, X, VALUES),
    ("kernel_ridge:KernelRidge", {"kernel": "rbf"}, X, VALUES),
    ("cross_decomposition:PLSRegression", {}, X, VALUES),
    ("ensemble:AdaBoostRegressor", {"n_estimators": 4, **SEEDED}, X, VALUES),
    ("ensemble:VotingRegressor", {"estimators": NUMBERS, "weights": [1, 2]}, X, VALUES),
    ("ensemble:StackingRegressor", {"estimators": NUMBERS, "cv": 2, "final_estimator": Ridge()}, X, VALUES),
    ("ensemble:BaggingRegressor", {"estimator": Ridge(), "n_estimators": 3, **SEEDED}, X, VALUES),
    ("multioutput:MultiOutputRegressor", {"estimator": Ridge()}, X, PAIRS),
    ("multioutput:RegressorChain", {"estimator": Ridge()}, X, PAIRS),
    ("compose:TransformedTargetRegressor", {"regressor": LinearRegression(), "func": np.log, "inverse_func": np.exp}, X, GAINS),
    ("compose:TransformedTargetRegressor", {"regressor": FIRM, "transformer": StandardScaler()}, X, VALUES),
    ("dummy:DummyRegressor", {}, X, VALUES),
    ("isotonic:IsotonicRegression", {"out_of_bounds": "clip"}, X[:, :1], VALUES),
    ("frozen:FrozenEstimator", {"estimator": LinearRegression().fit(X, VALUES)}, X, VALUES),
]  # fmt: skip

CLASSIFIERS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("linear_model:RidgeClassifierCV", {}, X, Y3),
    ("linear_model:LogisticRegressionCV", {"cv": 2, "Cs": 2}, X, Y3),
    ("linear_model:PassiveAggressiveClassifier", SEEDED, X, Y2),
    ("linear_model:Perceptron", SEEDED, X, Y3),
    ("discriminant_analysis:LinearDiscriminantAnalysis", {}, X, Y2),
    ("discriminant_analysis:LinearDiscriminantAnalysis", {"solver": "lsqr"}, X, Y3),
    ("discriminant_analysis:QuadraticDiscriminantAnalysis", {}, X, Y2),
    ("discriminant_analysis:QuadraticDiscriminantAnalysis", {}, X, Y3),
    ("neighbors:NearestCentroid", {}, X, Y3),
    ("neighbors:NearestCentroid", {"metric": "manhattan"}, X, Y2),
    ("neighbors:KNeighborsClassifier", {}, X, Y3),
    ("neighbors:KNeighborsClassifier", {"weights": "distance", "p": 1}, X, Y2),
    ("neighbors:RadiusNeighborsClassifier", {"outlier_label": "most_frequent"}, X, Y2),
    ("svm:SVC", {}, X, Y2),
    ("svm:SVC", {"kernel": "linear"}, X, Y3),
    ("svm:SVC", {"kernel": "poly", "decision_function_shape": "ovo"}, X, Y3),
    ("svm:SVC", {"kernel": "sigmoid", "break_ties": True}, X, Y3),
    ("svm:SVC", {"probability": True, **SEEDED}, X, Y3),
    ("svm:NuSVC", {}, X, Y2),
    ("svm:OneClassSVM", {}, X, None),
    ("neural_network:MLPClassifier", {"hidden_layer_sizes": (5,), "max_iter": 9, **SEEDED}, X, Y2),
    ("neural_network:MLPClassifier", {"hidden_layer_sizes": (4, 3), "activation": "logistic", "max_iter": 9, **SEEDED}, X, Y3),
    ("naive_bayes:CategoricalNB", {}, CODES.to_numpy(), Y2),
    ("ensemble:VotingClassifier", {"estimators": TWO}, X, Y2),
    ("ensemble:VotingClassifier", {"estimators": TWO, "voting": "soft", "weights": [1, 2]}, X, Y3),
    ("ensemble:StackingClassifier", {"estimators": TWO, "cv": 2}, X, Y2),
    ("ensemble:StackingClassifier", {"estimators": TWO, "cv": 2, "passthrough": True}, X, Y3),
    ("ensemble:BaggingClassifier", {"estimator": LOGISTIC, "n_estimators": 3, **SEEDED}, X, Y3),
    ("multiclass:OneVsRestClassifier", {"estimator": LOGISTIC}, X, Y3),
    ("multiclass:OneVsRestClassifier", {"estimator": LOGISTIC}, X, Y2),
    ("multiclass:OneVsOneClassifier", {"estimator": LOGISTIC}, X, Y3),
    ("multiclass:OutputCodeClassifier", {"estimator": LOGISTIC, **SEEDED}, X, Y3),
    ("multioutput:MultiOutputClassifier", {"estimator": LOGISTIC}, X, LABELS),
    ("multioutput:ClassifierChain", {"estimator": LOGISTIC}, X, LABELS % 2),
    ("calibration:CalibratedClassifierCV", {"estimator": GaussianNB(), "cv": 2}, X, Y2),
    ("calibration:CalibratedClassifierCV", {"estimator": TREE, "cv": 2, "method": "isotonic"}, X, Y3),
    ("calibration:CalibratedClassifierCV", {"estimator": LOGISTIC, "cv": 2, "ensemble": False}, X, Y3),
    ("model_selection:FixedThresholdClassifier", {"estimator": LOGISTIC, "threshold": 0.3, "pos_label": "yes"}, X, Y2),
    ("model_selection:TunedThresholdClassifierCV", {"estimator": LOGISTIC, "cv": 2, "scoring": "accuracy"}, X, Y2),
    ("semi_supervised:SelfTrainingClassifier", {"estimator": LOGISTIC}, X, Y3),
    ("frozen:FrozenEstimator", {"estimator": RandomForestClassifier(3, random_state=0).fit(X, Y2)}, X, Y2),
    ("dummy:DummyClassifier", {}, X, Y2),
    ("dummy:DummyClassifier", {"strategy": "prior"}, COUNTS, Y3),
    ("mixture:GaussianMixture", {"n_components": 2, **SEEDED}, X, None),
    ("mixture:BayesianGaussianMixture", {"n_components": 2, **SEEDED}, X, None),
    ("cluster:KMeans", {"n_clusters": 3, **SEEDED}, X, None),
    ("cluster:MiniBatchKMeans", {"n_clusters": 3, **SEEDED}, X, None),
    ("cluster:BisectingKMeans", {"n_clusters": 3, **SEEDED}, X, None),
    ("cluster:MeanShift", {}, X, None),
    ("cluster:Birch", {}, X, None),
    ("covariance:EllipticEnvelope", SEEDED, X, None),
    ("neighbors:LocalOutlierFactor", {"novelty": True}, X, None),
    ("linear_model:SGDOneClassSVM", SEEDED, X, None),
]  # fmt: skip
"""(type, parameters, data, target)"""


def _kind(name: str) -> Any:
    """A type by its public name, or None where this scikit-learn has none of that name."""
    module, _, kind = name.partition(":")
    try:
        return getattr(import_module(f"sklearn.{module}"), kind, None)
    except ImportError:
        return None


def _models() -> list[Model]:
    known, made = specs(), []
    rows: list[tuple[str, dict[str, Any], Any, Any, Any]]
    rows = [(name, some, data, target, None) for name, some, data, target in REGRESSIONS]
    rows += [(name, some, data, target, None) for name, some, data, target in CLASSIFIERS]
    rows += [(name, some, data, Y2, after) for name, some, after, data in STEPS]
    for name, parameters, data, target, after in rows:
        kind = _kind(name)
        spec = known.get(f"{kind.__module__}:{kind.__qualname__}") if kind else None
        if spec is None:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some are to be removed
            estimator = _made(kind, **parameters)
        if after is not None:
            estimator = make_pipeline(estimator, after)
        family = spec.translate.partition(":")[0].rpartition(".")[2]
        made.append(Model(_named(name, parameters, after, target), family, estimator, data, target))
    return sorted(made, key=lambda one: (one.family, one.name))


def _made(kind: Any, estimator: Any = None, **parameters: Any) -> Any:
    """An object of the type; versions call the estimator within it by several names."""
    return kind(**parameters) if estimator is None else kind(estimator, **parameters)


def _named(name: str, parameters: dict[str, Any], after: Any, target: Any) -> str:
    said = [
        f"{key}={getattr(value, '__name__', None) or _said(value)}"
        for key, value in parameters.items()
        if key not in ("random_state", "estimators", "max_iter", "cv")
    ]
    if after is None and target is Y3:
        said.append("three classes")
    if target is PAIRS:
        said.append("two targets")
    kind = name.partition(":")[2]
    made = f"{kind}: {', '.join(said)}" if said else kind
    return f"{made}, then {type(after).__name__}" if after is not None else made


def _said(value: Any) -> str:
    plain = value is None or isinstance(value, str | int | float | tuple | list)
    return str(value) if plain else type(value).__name__


MODELS = _models()
