"""Steps that hold steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import make_column_selector
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tests.compiler.models.data import FRAME, HOLES, VALUES, Y2, Y3, X, columns, listed

LOGISTIC = LogisticRegression()
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
ONE_HOT = OneHotEncoder(handle_unknown="ignore")
NUMERIC = FRAME[["age", "fare"]].fillna(0.0)
TUNED = {"cv": 2, "error_score": "raise"}
GRID = {"max_depth": [2, 3]}
UNION = FeatureUnion(
    [("a", StandardScaler()), ("b", "drop"), ("c", "passthrough"), ("d", MinMaxScaler())],
    transformer_weights={"a": 0.3, "c": 2.0},
)


def _split(first: Any, second: Any, **kwargs: Any) -> Any:
    """Gaps filled and scaled in the first columns, the second encoded."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return columns((numbers, first), (ONE_HOT, second), **kwargs)


MODELS = listed(
    "assembly",
    ("Pipeline: a step passed through", Pipeline([("a", "passthrough"), ("b", TREE)]), X, Y2),
    (
        "Pipeline: within a pipeline",
        make_pipeline(make_pipeline(SimpleImputer(), MinMaxScaler()), LOGISTIC),
        HOLES,
        Y3,
    ),
    (
        "ColumnTransformer: by name",
        make_pipeline(_split(["age", "fare"], ["sex", "colour"]), LOGISTIC),
        FRAME,
        Y2,
    ),
    ("ColumnTransformer: by place", make_pipeline(_split([0, 2], [1, 3]), TREE), FRAME, Y2),
    (
        "ColumnTransformer: by slice",
        make_pipeline(columns((StandardScaler(), slice(0, 2)), remainder="drop"), LOGISTIC),
        X,
        Y2,
    ),
    (
        "ColumnTransformer: by slice of names",
        make_pipeline(columns((StandardScaler(), slice("age", "fare"))), LOGISTIC),
        NUMERIC,
        Y2,
    ),
    (
        "ColumnTransformer: by mask",
        make_pipeline(columns((MinMaxScaler(), np.array([True, False, True]))), TREE),
        X,
        Y2,
    ),
    (
        "ColumnTransformer: by dtype",
        make_pipeline(_split(make_column_selector(dtype_include="number"), ["sex"]), LOGISTIC),
        FRAME,
        Y2,
    ),
    (
        "ColumnTransformer: passed through and dropped",
        make_pipeline(
            columns(("passthrough", [2]), ("drop", [0]), (StandardScaler(), [1])), LOGISTIC
        ),
        X,
        Y2,
    ),
    (
        "ColumnTransformer: remainder passed through, weights",
        make_pipeline(
            columns(
                (StandardScaler(), [1]), remainder="passthrough", transformer_weights={"a": 0.1}
            ),
            LOGISTIC,
        ),
        X,
        Y2,
    ),
    (
        "ColumnTransformer: remainder scaled",
        make_pipeline(
            columns((ONE_HOT, ["sex", "colour"]), remainder=SimpleImputer(), sparse_threshold=0),
            TREE,
        ),
        FRAME,
        Y2,
    ),
    (
        "ColumnTransformer: within a ColumnTransformer",
        make_pipeline(
            columns((columns((StandardScaler(), [1]), remainder="passthrough"), [0, 2])), Ridge()
        ),
        X,
        VALUES,
    ),
    ("FeatureUnion: weights, passed through, dropped", make_pipeline(UNION, LOGISTIC), X, Y2),
    ("GridSearchCV", GridSearchCV(TREE, GRID, **TUNED), X, Y2),
    (
        "GridSearchCV within a pipeline",
        make_pipeline(StandardScaler(), GridSearchCV(LOGISTIC, {"C": [0.1, 1.0]}, **TUNED)),
        X,
        Y2,
    ),
    (
        "RandomizedSearchCV",
        RandomizedSearchCV(TREE, GRID, n_iter=2, random_state=0, **TUNED),
        X,
        Y3,
    ),
    ("HalvingGridSearchCV", HalvingGridSearchCV(TREE, GRID, random_state=0, **TUNED), X, Y2),
    ("HalvingRandomSearchCV", HalvingRandomSearchCV(TREE, GRID, random_state=0, **TUNED), X, Y2),
)
