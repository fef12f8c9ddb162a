"""Trees, forests, boosting and other ensembles of trees."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from tests.compiler.models.data import (
    COLOURS,
    HOLES,
    PAIRS,
    POSITIVE,
    SIZES,
    VALUES,
    Y2,
    Y3,
    X,
    listed,
)

SMALL: dict[str, Any] = {"n_estimators": 4, "random_state": 0}
HIST: dict[str, Any] = {"max_iter": 4, "min_samples_leaf": 3, "random_state": 0}
NAMED = pd.DataFrame({"a": X[:, 0], "colour": COLOURS, "size": SIZES})
TYPED = NAMED.astype({"colour": "category", "size": "category"})
SINGLE = X.astype("float32")
KINDS = pd.DataFrame({"a": SIZES.astype(int), "b": X[:, 0] > 0, "c": X[:, 1], "d": SINGLE[:, 2]})

TREES = listed(
    "trees",
    ("DecisionTreeClassifier", DecisionTreeClassifier(random_state=0), X, Y2),
    (
        "DecisionTreeClassifier: gaps",
        DecisionTreeClassifier(max_depth=5, random_state=0),
        HOLES,
        Y3,
    ),
    ("DecisionTreeRegressor", DecisionTreeRegressor(random_state=0), X, VALUES),
    ("DecisionTreeRegressor: two targets", DecisionTreeRegressor(random_state=0), X, PAIRS),
    ("ExtraTreeClassifier", ExtraTreeClassifier(random_state=0), X, Y3),
    ("ExtraTreeRegressor", ExtraTreeRegressor(random_state=0), X, VALUES),
    ("RandomForestClassifier", RandomForestClassifier(max_depth=4, **SMALL), X, Y2),
    ("RandomForestClassifier: grown out, gaps", RandomForestClassifier(**SMALL), HOLES, Y3),
    ("RandomForestClassifier: of float32", RandomForestClassifier(**SMALL), SINGLE, Y2),
    ("RandomForestClassifier: columns of four dtypes", RandomForestClassifier(**SMALL), KINDS, Y3),
    ("RandomForestRegressor", RandomForestRegressor(**SMALL), X, VALUES),
    ("RandomForestRegressor: two targets", RandomForestRegressor(**SMALL), HOLES, PAIRS),
    ("ExtraTreesClassifier", ExtraTreesClassifier(**SMALL), X, Y2),
    ("ExtraTreesRegressor", ExtraTreesRegressor(max_depth=4, **SMALL), X, VALUES),
)
BOOSTING = listed(
    "boosting",
    ("GradientBoostingClassifier: two classes", GradientBoostingClassifier(**SMALL), X, Y2),
    ("GradientBoostingClassifier: three classes", GradientBoostingClassifier(**SMALL), X, Y3),
    (
        "GradientBoostingClassifier: exponential",
        GradientBoostingClassifier(loss="exponential", **SMALL),
        X,
        Y2,
    ),
    ("GradientBoostingRegressor", GradientBoostingRegressor(**SMALL), X, VALUES),
    (
        "GradientBoostingRegressor: begins at 0",
        GradientBoostingRegressor(init="zero", **SMALL),
        X,
        VALUES,
    ),
    ("HistGradientBoostingClassifier: gaps", HistGradientBoostingClassifier(**HIST), HOLES, Y2),
    (
        "HistGradientBoostingClassifier: three classes",
        HistGradientBoostingClassifier(**HIST),
        X,
        Y3,
    ),
    (
        "HistGradientBoostingClassifier: categories by name",
        HistGradientBoostingClassifier(categorical_features=["colour", "size"], **HIST),
        NAMED,
        Y2,
    ),
    (
        "HistGradientBoostingClassifier: categories by dtype",
        HistGradientBoostingClassifier(**HIST),
        TYPED,
        Y3,
    ),
    ("HistGradientBoostingRegressor: gaps", HistGradientBoostingRegressor(**HIST), HOLES, VALUES),
    (
        "HistGradientBoostingRegressor: Poisson",
        HistGradientBoostingRegressor(loss="poisson", **HIST),
        X,
        POSITIVE[:, 0],
    ),
    (
        "HistGradientBoostingRegressor: of float32",
        HistGradientBoostingRegressor(**HIST),
        SINGLE,
        VALUES,
    ),
)
ENSEMBLES = listed(
    "ensembles",
    ("AdaBoostClassifier: two classes", AdaBoostClassifier(**SMALL), X, Y2),
    ("AdaBoostClassifier: three classes", AdaBoostClassifier(**SMALL), X, Y3),
    ("BaggingClassifier", BaggingClassifier(**SMALL), HOLES, Y3),
    ("BaggingRegressor", BaggingRegressor(max_features=2, **SMALL), X, VALUES),
    ("IsolationForest", IsolationForest(**SMALL), X, None),
)
MODELS = [*TREES, *BOOSTING, *ENSEMBLES]
