"""Fitted models to write and read back: small, real, one of every kind that pickles differently."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn import ensemble, linear_model, naive_bayes, neighbors, svm, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, BisectingKMeans, KMeans
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest, chi2, f_regression
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    KFold,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.utils.validation import check_array

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 60
_random = np.random.RandomState(0)
X = np.abs(_random.randn(ROWS, 4))
SPARSE = sparse.csr_matrix(X)
LABELS = (X[:, 0] > np.median(X[:, 0])).astype(int)
THREE = np.arange(ROWS) % 3
WORDS = np.array(["low", "mid", "high"], dtype=object)[THREE]
TARGET = X[:, 0] * 2 + X[:, 1] + 1
PAIRS = np.c_[TARGET, TARGET * 2]
TEXTS = [f"ferry {'boat' if label else 'harbour'} number{label}" for label in LABELS]
FRAME = pd.DataFrame(
    {
        "fare": X[:, 0],
        "age": np.where(THREE == 1, np.nan, X[:, 1]),
        "deck": WORDS,
        "port": pd.Categorical(WORDS),
    }
)

Fitted = tuple[Any, Any]


def linear(estimator: Any) -> Fitted:
    return estimator.fit(X, LABELS), X


def three(estimator: Any) -> Fitted:
    return estimator.fit(X, THREE), X


def named(estimator: Any) -> Fitted:
    return estimator.fit(X, WORDS), X


def number(estimator: Any) -> Fitted:
    return estimator.fit(X, TARGET), X


def texts(vectorizer: Any) -> Fitted:
    model = make_pipeline(vectorizer, linear_model.LogisticRegression())
    return model.fit(TEXTS, LABELS), TEXTS


def before(step: Any) -> Fitted:
    return make_pipeline(step, linear_model.Ridge()).fit(X, TARGET), X


def columns() -> Fitted:
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    words = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2)
    split = ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include=np.number)),
            ("words", words, ["deck", "port"]),
        ]
    )
    model = Pipeline([("split", split), ("model", linear_model.LogisticRegression())])
    return model.fit(FRAME, LABELS), FRAME


def pandas_columns() -> Fitted:
    # Where pyarrow is installed, pandas 3 keeps texts in its arrays, whose pickles are not vouched for.
    storage = "mode.string_storage"
    with pd.option_context(storage, "python"):
        names, gaps = pd.Index([*FRAME.columns[2:]]), pd.Index(["fare", "age"])
    split = make_column_transformer(
        (OrdinalEncoder(), names), (KNNImputer(), gaps), verbose_feature_names_out=False
    )
    model = make_pipeline(split, ensemble.RandomForestClassifier(3, random_state=0))
    return model.set_output(transform="pandas").fit(FRAME, WORDS), FRAME


def categories() -> Fitted:
    model = ensemble.HistGradientBoostingClassifier(max_iter=3, categorical_features=["port"])
    return model.fit(FRAME[["fare", "port"]], LABELS), FRAME[["fare", "port"]]


def search() -> Fitted:
    found = GridSearchCV(
        make_pipeline(StandardScaler(), svm.SVC()),
        {"svc__C": [0.5, 2.0]},
        scoring=make_scorer(f1_score, average="macro"),
        cv=KFold(2, shuffle=True, random_state=np.random.RandomState(3)),
    )
    return found.fit(X, THREE), X


def wrapped_function() -> Fitted:
    return before(FunctionTransformer(partial(check_array, ensure_2d=True)))


MODELS: dict[str, Callable[[], Fitted]] = {
    "logistic": lambda: linear(linear_model.LogisticRegression()),
    "logistic of three": lambda: three(linear_model.LogisticRegression()),
    "logistic of words": lambda: named(linear_model.LogisticRegression()),
    "ridge of labels": lambda: linear(linear_model.RidgeClassifierCV()),
    "ridge": lambda: number(linear_model.Ridge()),
    "lasso": lambda: number(linear_model.LassoCV(cv=2)),
    "sgd": lambda: linear(linear_model.SGDClassifier(loss="log_loss", random_state=0)),
    "sgd, huber": lambda: number(linear_model.SGDRegressor(loss="huber", random_state=0)),
    "tweedie": lambda: number(linear_model.TweedieRegressor(power=1.5, link="log")),
    "poisson": lambda: number(linear_model.PoissonRegressor()),
    "gamma": lambda: number(linear_model.GammaRegressor()),
    "huber": lambda: number(linear_model.HuberRegressor()),
    "ransac": lambda: number(linear_model.RANSACRegressor(random_state=0)),
    "svc": lambda: three(svm.SVC()),
    "svc, sparse": lambda: (svm.SVC().fit(SPARSE, LABELS), SPARSE),
    "svr": lambda: number(svm.SVR(kernel="poly")),
    "svc with a kernel function": lambda: linear(svm.SVC(kernel=rbf_kernel)),
    "linear svc": lambda: three(svm.LinearSVC()),
    "tree": lambda: named(tree.DecisionTreeClassifier(random_state=0)),
    "forest": lambda: three(ensemble.RandomForestClassifier(4, random_state=0)),
    "forest of numbers": lambda: number(ensemble.RandomForestRegressor(4, random_state=0)),
    "extra trees": lambda: linear(
        ensemble.ExtraTreesClassifier(4, random_state=np.random.RandomState(1))
    ),
    "isolation": lambda: linear(ensemble.IsolationForest(n_estimators=4, random_state=0)),
    "boosting": lambda: three(ensemble.GradientBoostingClassifier(n_estimators=3)),
    "boosting, exponential": lambda: linear(
        ensemble.GradientBoostingClassifier(loss="exponential", n_estimators=3)
    ),
    "boosting, quantile": lambda: number(
        ensemble.GradientBoostingRegressor(loss="quantile", n_estimators=3)
    ),
    "histograms": lambda: linear(ensemble.HistGradientBoostingClassifier(max_iter=3)),
    "histograms of three": lambda: three(ensemble.HistGradientBoostingClassifier(max_iter=3)),
    "histograms of numbers": lambda: number(
        ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=3)
    ),
    "histograms with categories": categories,
    "adaboost": lambda: three(ensemble.AdaBoostClassifier(n_estimators=3, random_state=0)),
    "bagging": lambda: linear(ensemble.BaggingClassifier(n_estimators=3, random_state=0)),
    "voting": lambda: linear(
        ensemble.VotingClassifier(
            [("a", linear_model.LogisticRegression()), ("b", naive_bayes.GaussianNB())],
            voting="soft",
        )
    ),
    "stacking": lambda: number(
        ensemble.StackingRegressor([("a", linear_model.Ridge()), ("b", svm.SVR())], cv=2)
    ),
    "neighbours": lambda: three(neighbors.KNeighborsClassifier()),
    "neighbours, kd tree": lambda: three(neighbors.KNeighborsClassifier(algorithm="kd_tree", p=3)),
    "neighbours, ball tree": lambda: number(
        neighbors.KNeighborsRegressor(algorithm="ball_tree", metric="canberra")
    ),
    "neighbours, sparse": lambda: (
        neighbors.KNeighborsClassifier().fit(SPARSE, LABELS),
        SPARSE,
    ),
    "centroid": lambda: linear(neighbors.NearestCentroid()),
    "bayes": lambda: three(naive_bayes.GaussianNB()),
    "bayes of counts": lambda: three(naive_bayes.ComplementNB()),
    "lda": lambda: three(LinearDiscriminantAnalysis()),
    "qda": lambda: three(QuadraticDiscriminantAnalysis(reg_param=0.1)),
    "gaussian process": lambda: linear(GaussianProcessClassifier(RBF())),
    "gaussian process of numbers": lambda: number(GaussianProcessRegressor(RBF() + WhiteKernel())),
    "network": lambda: named(
        MLPClassifier(hidden_layer_sizes=(3,), solver="lbfgs", max_iter=500, random_state=0)
    ),
    "network, early": lambda: number(
        MLPRegressor(hidden_layer_sizes=(3,), early_stopping=True, tol=0.1, random_state=0)
    ),
    "isotonic": lambda: (IsotonicRegression().fit(X[:, 0], TARGET), X[5:20, 0]),
    "kmeans": lambda: linear(KMeans(2, random_state=0, n_init=2)),
    "bisecting kmeans": lambda: linear(BisectingKMeans(3, random_state=0)),
    "birch": lambda: linear(Birch(n_clusters=2)),
    "mixture": lambda: linear(GaussianMixture(2, random_state=0)),
    "calibrated": lambda: linear(CalibratedClassifierCV(svm.LinearSVC(), cv=2)),
    "calibrated, isotonic": lambda: three(
        CalibratedClassifierCV(naive_bayes.GaussianNB(), method="isotonic", cv=2)
    ),
    "threshold": lambda: linear(
        TunedThresholdClassifierCV(linear_model.LogisticRegression(), cv=2)
    ),
    "fixed threshold": lambda: linear(
        FixedThresholdClassifier(linear_model.LogisticRegression(), threshold=0.3)
    ),
    "one against the rest": lambda: three(OneVsRestClassifier(linear_model.LogisticRegression())),
    "one against one": lambda: three(OneVsOneClassifier(svm.LinearSVC())),
    "chain": lambda: (
        ClassifierChain(linear_model.LogisticRegression()).fit(X, np.c_[LABELS, 1 - LABELS]),
        X,
    ),
    "two targets": lambda: (MultiOutputRegressor(linear_model.Ridge()).fit(X, PAIRS), X),
    "transformed target": lambda: number(
        TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1)
    ),
    "grid search": search,
    "columns": columns,
    "columns by pandas": pandas_columns,
    "counts": lambda: texts(CountVectorizer()),
    "tf-idf": lambda: texts(TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 2))),
    "hashes": lambda: texts(HashingVectorizer(n_features=64)),
    "selected words": lambda: texts(make_pipeline(TfidfVectorizer(), SelectKBest(chi2, k=2))),
    "latent words": lambda: texts(make_pipeline(TfidfVectorizer(), TruncatedSVD(2))),
    "polynomial": lambda: before(PolynomialFeatures()),
    "splines": lambda: before(SplineTransformer(extrapolation="periodic")),
    "sparse splines": lambda: before(SplineTransformer(sparse_output=True)),
    "bins": lambda: before(KBinsDiscretizer(3, strategy="uniform")),
    "quantiles": lambda: before(QuantileTransformer(n_quantiles=5)),
    "power": lambda: before(PowerTransformer()),
    "target encoder": lambda: before(
        make_pipeline(KBinsDiscretizer(3, strategy="uniform", encode="ordinal"), TargetEncoder())
    ),
    "selected": lambda: before(SelectKBest(f_regression, k=2)),
    "selected by a model": lambda: before(SelectFromModel(linear_model.Lasso(alpha=0.01))),
    "union": lambda: before(FeatureUnion([("a", PCA(2)), ("b", "passthrough")])),
    "function": lambda: before(FunctionTransformer(np.log1p, feature_names_out="one-to-one")),
    "wrapped function": wrapped_function,
}


@cache
def made(kind: str) -> Fitted:
    """A model of this kind and rows for it, fitted once."""
    return MODELS[kind]()


def answers(model: Any, rows: Any) -> Any:
    """Everything that `model` says about `rows`, to be compared exactly."""
    said = [model.predict(rows)]
    said += [model.predict_proba(rows)] if hasattr(model, "predict_proba") else []
    return said
