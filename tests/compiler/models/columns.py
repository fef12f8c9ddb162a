"""Imputers and encoders."""

from __future__ import annotations

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

from tests.compiler.models.data import (
    CATEGORIES,
    CODES,
    HOLES,
    VALUES,
    Y2,
    Y3,
    X,
    columns,
    listed,
)

LOGISTIC = LogisticRegression()
TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
SEX = CATEGORIES[["sex"]]
FILLED = SimpleImputer(strategy="most_frequent")
NONES = CATEGORIES.astype(object).where(CATEGORIES.notna(), None)
GAPPY = np.where(np.isnan(HOLES), -1, X)
EMPTY = np.column_stack([HOLES, np.full(len(X), np.nan)])
SOME = np.column_stack([HOLES[:, :2], X[:, 2]])

IMPUTERS = listed(
    "columns",
    ("SimpleImputer: mean", make_pipeline(SimpleImputer(), LOGISTIC), HOLES, Y2),
    ("SimpleImputer: median", make_pipeline(SimpleImputer(strategy="median"), TREE), HOLES, Y2),
    (
        "SimpleImputer: most frequent",
        make_pipeline(SimpleImputer(strategy="most_frequent"), TREE),
        HOLES,
        Y3,
    ),
    (
        "SimpleImputer: a constant",
        make_pipeline(SimpleImputer(strategy="constant", fill_value=-7.5), TREE),
        HOLES,
        Y2,
    ),
    (
        "SimpleImputer: indicators",
        make_pipeline(SimpleImputer(add_indicator=True), LOGISTIC),
        SOME,
        Y2,
    ),
    (
        "SimpleImputer: -1 is the gap",
        make_pipeline(SimpleImputer(missing_values=-1), TREE),
        GAPPY,
        Y2,
    ),
    ("SimpleImputer: an empty column", make_pipeline(SimpleImputer(), TREE), EMPTY, Y2),
    (
        "SimpleImputer: an empty column, kept",
        make_pipeline(SimpleImputer(keep_empty_features=True), LOGISTIC),
        EMPTY,
        Y2,
    ),
    (
        "SimpleImputer of text: most frequent",
        make_pipeline(FILLED, OneHotEncoder(handle_unknown="ignore"), LOGISTIC),
        CATEGORIES,
        Y2,
    ),
    (
        "SimpleImputer of text: a constant",
        make_pipeline(
            SimpleImputer(strategy="constant", fill_value="none"),
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            TREE,
        ),
        CATEGORIES,
        Y2,
    ),
)

ONE_HOT = listed(
    "columns",
    *[
        (f"OneHotEncoder: unknown, {handle}", make_pipeline(encoder, LOGISTIC), CATEGORIES, Y2)
        for handle in ("error", "ignore", "infrequent_if_exist")
        for encoder in [OneHotEncoder(handle_unknown=handle)]
    ],
    (
        "OneHotEncoder: unknown, warn",
        make_pipeline(OneHotEncoder(handle_unknown="warn", min_frequency=15), TREE),
        CATEGORIES,
        Y2,
    ),
    (
        "OneHotEncoder: infrequent by frequency",
        make_pipeline(
            OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=15), LOGISTIC
        ),
        CATEGORIES,
        Y2,
    ),
    (
        "OneHotEncoder: infrequent by number, first dropped",
        make_pipeline(
            OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3, drop="first"),
            LOGISTIC,
        ),
        CATEGORIES,
        Y3,
    ),
    (
        "OneHotEncoder: first dropped",
        make_pipeline(OneHotEncoder(drop="first"), LOGISTIC),
        CATEGORIES,
        Y2,
    ),
    (
        "OneHotEncoder: dropped where binary",
        make_pipeline(OneHotEncoder(drop="if_binary", handle_unknown="ignore"), LOGISTIC),
        CATEGORIES,
        Y2,
    ),
    (
        "OneHotEncoder: named ones dropped",
        make_pipeline(OneHotEncoder(drop=["male", "blue"], sparse_output=False), LOGISTIC),
        CATEGORIES,
        Y2,
    ),
    (
        "OneHotEncoder of numbers",
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), TREE),
        CODES,
        Y2,
    ),
)

OTHERS = listed(
    "columns",
    ("OrdinalEncoder: unknown refused", make_pipeline(OrdinalEncoder(), TREE), SEX, Y2),
    (
        "OrdinalEncoder: unknown is -1",
        make_pipeline(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), TREE),
        CODES,
        Y2,
    ),
    (
        "OrdinalEncoder: unknown and gaps are NaN",
        make_pipeline(
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), TREE
        ),
        CATEGORIES,
        Y2,
    ),
    (
        "OrdinalEncoder: gaps have a code, infrequent ones share one",
        make_pipeline(
            OrdinalEncoder(
                handle_unknown="use_encoded_value",
                unknown_value=-1,
                encoded_missing_value=-2,
                min_frequency=15,
            ),
            TREE,
        ),
        CATEGORIES,
        Y2,
    ),
    (
        "TargetEncoder: two classes",
        make_pipeline(TargetEncoder(random_state=0), LOGISTIC),
        CATEGORIES,
        Y2,
    ),
    (
        "TargetEncoder: three classes",
        make_pipeline(TargetEncoder(random_state=0), TREE),
        CATEGORIES,
        Y3,
    ),
    (
        "TargetEncoder: a number",
        make_pipeline(TargetEncoder(random_state=0, smooth=3.0), Ridge()),
        CATEGORIES,
        VALUES,
    ),
    (
        "OneHotEncoder: gaps are None",
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), LOGISTIC),
        NONES,
        Y2,
    ),
    (
        "SimpleImputer and OneHotEncoder in a ColumnTransformer",
        make_pipeline(columns((make_pipeline(FILLED, OneHotEncoder()), ["sex", "colour"])), TREE),
        CATEGORIES,
        Y2,
    ),
)

MODELS = [*IMPUTERS, *ONE_HOT, *OTHERS]
