"""What is not compiled, each for another reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    SplineTransformer,
    StandardScaler,
)

from tests.compiler.models.data import (
    CATEGORIES,
    HOLES,
    SEXES,
    TEXTS,
    VALUES,
    Y2,
    Y3,
    Model,
    X,
    columns,
)

LOGISTIC = LogisticRegression()
SINGLE = X.astype("float32")
MIXED = pd.DataFrame({"a": SINGLE[:, 0], "b": X[:, 1]})
CODED = pd.DataFrame({"a": X[:, 0], "sex": SEXES})
LABELS = np.stack([Y3 == 1, Y3 == 2], axis=1).astype(int)


class OwnRegression(LogisticRegression):  # type: ignore[misc]  # its package has no types
    """A subclass, whose answers could be any."""


def halved(table: Any) -> Any:
    """A function of a user's own."""
    return table / 2


def letters(text: str) -> list[str]:
    """A tokenizer of a user's own."""
    return list(text)


def _model(name: str, *steps: Any, data: Any = X, target: Any = Y2) -> Model:
    estimator = steps[0] if len(steps) == 1 else make_pipeline(*steps)
    return Model(name, "refused", estimator, data, target)


MODELS = [
    _model("GaussianProcessClassifier", GaussianProcessClassifier()),
    _model("a subclass of LogisticRegression", OwnRegression()),
    _model("FunctionTransformer: a user's function", FunctionTransformer(halved), LOGISTIC),
    _model("LogisticRegression: of float32", LOGISTIC, data=SINGLE),
    _model(
        "StandardScaler: of float32 beside float64",
        StandardScaler(),
        Ridge(),
        data=MIXED,
        target=VALUES,
    ),
    _model(
        "RandomForestClassifier: two targets",
        RandomForestClassifier(3, random_state=0),
        target=np.stack([Y3, Y3], axis=1),
    ),
    _model("RidgeClassifier: two labels at once", RidgeClassifier(), target=LABELS),
    _model(
        "GradientBoostingClassifier: begins with an estimator",
        GradientBoostingClassifier(init=GaussianNB(), n_estimators=3, random_state=0),
    ),
    _model(
        "HistGradientBoostingClassifier: of float16",
        HistGradientBoostingClassifier(max_iter=3, random_state=0),
        data=pd.DataFrame({"a": X[:, 0].astype("float16"), "b": X[:, 1]}),
    ),
    _model(
        "SimpleImputer: indicators beside an empty column",
        SimpleImputer(add_indicator=True),
        LOGISTIC,
        data=np.column_stack([HOLES, np.full(len(X), np.nan)]),
    ),
    _model(
        "SimpleImputer of text: indicators",
        SimpleImputer(strategy="most_frequent", add_indicator=True),
        OrdinalEncoder(),
        LOGISTIC,
        data=CATEGORIES[["colour"]],
    ),
    _model("OneHotEncoder: in float32", OneHotEncoder(dtype=np.float32), LOGISTIC, data=CATEGORIES),
    _model(
        "OrdinalEncoder: in integers", OrdinalEncoder(dtype=np.int64), LOGISTIC, data=CODED[["sex"]]
    ),
    _model(
        "ColumnTransformer: text unencoded beside numbers",
        columns((StandardScaler(), ["a"]), ("passthrough", ["sex"])),
        FunctionTransformer(lambda table: table[:, :1]),
        LOGISTIC,
        data=CODED,
    ),
    _model("SplineTransformer: degree 0", SplineTransformer(degree=0), LOGISTIC),
    _model(
        "CountVectorizer: own tokenizer", CountVectorizer(tokenizer=letters), LOGISTIC, data=TEXTS
    ),
    _model(
        "TfidfVectorizer: own preprocessor",
        TfidfVectorizer(preprocessor=str.upper),
        LOGISTIC,
        data=TEXTS,
    ),
    _model(
        "TfidfVectorizer: own analyzer", TfidfVectorizer(analyzer=letters), LOGISTIC, data=TEXTS
    ),
    _model("TfidfVectorizer: in float32", TfidfVectorizer(dtype=np.float32), LOGISTIC, data=TEXTS),
    _model(
        "HashingVectorizer: too wide to be centred",
        HashingVectorizer(n_features=2**16),
        FunctionTransformer(np.negative, accept_sparse=True),
        LOGISTIC,
        data=TEXTS,
    ),
]
