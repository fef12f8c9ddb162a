"""Fitted pipelines of every shape that people train: small, real, and the rows they were fitted on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

ROWS = 120
_random = np.random.default_rng(7)
TEXTS = [" ".join(_random.choice("boat ferry quay rope mast sail".split(), 6)) for _ in range(ROWS)]  # noqa: SIM905
LEVEL = _random.normal(0, 1, ROWS)
FRAME = pd.DataFrame(
    {
        "size": np.round(LEVEL * 3 + _random.normal(0, 1, ROWS), 3),
        "age": np.round(_random.uniform(1, 80, ROWS), 1),
        "rooms": _random.integers(1, 6, ROWS),
        "zone": _random.integers(10, 14, ROWS),
        "port": pd.Series(_random.choice(["Bergen", "Oslo", "Tromsø"], ROWS), dtype="str"),
        "deck": pd.Series(_random.choice(["A", "B", "C", "D"], ROWS), dtype=object),
        "paid": _random.integers(0, 2, ROWS).astype(bool),
        "note": pd.Series(TEXTS, dtype="str"),
        "useless": pd.Series(_random.choice(["x", "y"], ROWS), dtype=object),
    }
)
WORDS = np.where(LEVEL > 0, "yes", "no")
CODES = np.digitize(LEVEL, [-0.5, 0.5])
AMOUNT = np.round(LEVEL * 10 + FRAME["rooms"].to_numpy(), 3)
NUMBERS = ["size", "age"]

Fitted = tuple[Any, Any]


def gaps(
    name: str, stands: Any = np.nan, every: int = 7, frame: pd.DataFrame = FRAME
) -> pd.DataFrame:
    """`frame` with a gap in every seventh row of one column."""
    column = frame[name]
    if stands is None:
        column = column.astype(object)
    changed = column.copy()
    changed[np.arange(ROWS) % every == 3] = stands
    return frame.assign(**{name: changed})


def some(*names: str, frame: pd.DataFrame = FRAME) -> pd.DataFrame:
    return frame[list(names)]


def split(
    *parts: Any, head: Any = None, rows: Any = FRAME, y: Any = WORDS, **options: Any
) -> Fitted:
    """A ColumnTransformer of `parts` and a classifier behind it, fitted on `rows`."""
    named = [(str(number), *part) for number, part in enumerate(parts)]
    columns = ColumnTransformer(named, **options)
    return make_pipeline(columns, LogisticRegression() if head is None else head).fit(rows, y), rows


def plain(model: Any, rows: Any, y: Any = WORDS) -> Fitted:
    return model.fit(rows, y), rows


def one_hot(rows: Any, *names: str, **options: Any) -> Fitted:
    return split((StandardScaler(), NUMBERS), (OneHotEncoder(**options), list(names)), rows=rows)


def coded() -> Fitted:
    """Categories as codes in an array, by a mask, with gaps."""
    rows = FRAME[["size", "rooms"]].to_numpy(float)
    rows[::9, 1] = np.nan
    return plain(
        HistGradientBoostingClassifier(max_iter=5, categorical_features=[False, True]), rows
    )


def native_categories(column: Any) -> Fitted:
    rows = FRAME[["size"]].assign(deck=column)
    return plain(
        HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype"), rows
    )


def search() -> Fitted:
    columns = ColumnTransformer(
        [("n", StandardScaler(), NUMBERS), ("c", OneHotEncoder(handle_unknown="ignore"), ["port"])]
    )
    model = Pipeline([("columns", columns), ("head", LogisticRegression())])
    return plain(GridSearchCV(model, {"head__C": [0.5, 2.0]}, cv=2), FRAME)


def nested() -> Fitted:
    inner = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["age"]),
            ("c", OneHotEncoder(handle_unknown="ignore"), ["deck"]),
        ],
        remainder="passthrough",
    )
    outer = ColumnTransformer(
        [("inner", inner, ["age", "deck", "size"]), ("rest", OrdinalEncoder(), ["port"])]
    )
    rows = gaps("age")
    return plain(make_pipeline(outer, LogisticRegression(max_iter=500)), rows)


def union() -> Fitted:
    parts = FeatureUnion([("scaled", StandardScaler()), ("two", PCA(2)), ("gone", "drop")])
    return plain(make_pipeline(parts, LogisticRegression()), some("size", "age", "rooms"))


def union_of_columns() -> Fitted:
    parts = FeatureUnion(
        [
            ("n", ColumnTransformer([("n", StandardScaler(), ["size"])])),
            ("c", ColumnTransformer([("c", OneHotEncoder(), ["deck"])])),
        ]
    )
    return plain(make_pipeline(parts, LogisticRegression()), FRAME)


def texts(rows: Any, *steps: Any) -> Fitted:
    return plain(make_pipeline(*steps, LogisticRegression()), rows)


def object_array() -> Fitted:
    rows = FRAME[["size", "deck"]].to_numpy(dtype=object)
    return split((StandardScaler(), [0]), (OneHotEncoder(), [1]), rows=rows)


def gappy_objects() -> Fitted:
    rows = gaps("deck", None)[["size", "deck"]].to_numpy(dtype=object)
    return split((StandardScaler(), [0]), (OneHotEncoder(), [1]), rows=rows)


def pandas_output() -> Fitted:
    columns = make_column_transformer(
        (OrdinalEncoder(), ["deck", "port"]), (KNNImputer(), NUMBERS), remainder="drop"
    )
    model = make_pipeline(columns, RandomForestClassifier(4, random_state=0))
    return plain(model.set_output(transform="pandas"), gaps("age"))


def nullable(name: str, dtype: str) -> pd.DataFrame:
    """`FRAME` with one column of pandas' own nullable dtype, with gaps."""
    column = FRAME[name].astype(dtype)
    column[np.arange(ROWS) % 7 == 3] = pd.NA
    return FRAME.assign(**{name: column})


IMPUTED = make_pipeline(SimpleImputer(), StandardScaler())
WORDS_IMPUTED = make_pipeline(
    SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
)

MODELS: dict[str, Callable[[], Fitted]] = {
    "by names": lambda: split((StandardScaler(), NUMBERS), (OneHotEncoder(), ["port", "deck"])),
    "by one name": lambda: split((StandardScaler(), ["size"]), (CountVectorizer(), "note")),
    "by numbers": lambda: split((StandardScaler(), [0, 1]), (OneHotEncoder(), [-5])),
    "by a slice": lambda: split((StandardScaler(), slice(0, 3))),
    "by a slice of names": lambda: split((StandardScaler(), slice("size", "rooms"))),
    "by a slice from the end": lambda: split((OneHotEncoder(), slice(-5, -2))),
    "by a mask": lambda: split((StandardScaler(), [True, True] + [False] * 7)),
    "by an array of a mask": lambda: split((StandardScaler(), np.arange(9) < 3)),
    "by dtype": lambda: split(
        (StandardScaler(), make_column_selector(dtype_include=np.number)),
        (OneHotEncoder(), make_column_selector(pattern="^(port|deck)$")),
    ),
    "by an index": lambda: split((StandardScaler(), pd.Index(NUMBERS))),
    "passthrough": lambda: split(("passthrough", ["size", "rooms"]), (OneHotEncoder(), ["deck"])),
    "passed booleans as objects": lambda: split(
        ("passthrough", ["paid"]),
        rows=FRAME.assign(paid=FRAME["paid"].astype(object)),
        head=DecisionTreeClassifier(random_state=0),
    ),
    "passed words": lambda: split(
        (make_pipeline(FunctionTransformer(), OneHotEncoder()), ["deck"])
    ),
    "passed booleans": lambda: split(("passthrough", ["paid"]), (StandardScaler(), ["size"])),
    "dropped": lambda: split((StandardScaler(), ["size"]), ("drop", ["age"])),
    "the rest passes": lambda: split(
        (OneHotEncoder(), ["deck"]), rows=some("deck", "size", "paid"), remainder="passthrough"
    ),
    "the rest is scaled": lambda: split(
        (OneHotEncoder(), ["deck"]), rows=some("deck", "size", "age"), remainder=StandardScaler()
    ),
    "nested": nested,
    "union": union,
    "union of columns": union_of_columns,
    "pandas output": pandas_output,
    "encoder, error": lambda: one_hot(FRAME, "deck", "port", "zone"),
    "encoder, ignore": lambda: one_hot(FRAME, "deck", "zone", handle_unknown="ignore"),
    "encoder, infrequent": lambda: one_hot(
        FRAME, "deck", "port", handle_unknown="infrequent_if_exist", min_frequency=30
    ),
    "encoder, drop first": lambda: one_hot(FRAME, "deck", "paid", drop="first"),
    "encoder, drop if binary": lambda: one_hot(FRAME, "paid", "useless", drop="if_binary"),
    "encoder, stated categories": lambda: one_hot(
        FRAME, "rooms", categories=[[1, 2, 3, 4, 5, 6, 7]]
    ),
    "encoder, gaps as NaN": lambda: one_hot(gaps("deck"), "deck"),
    "encoder, gaps as None": lambda: one_hot(gaps("deck", None), "deck"),
    "encoder of floats with gaps": lambda: one_hot(gaps("rooms"), "rooms"),
    "encoder of a float": lambda: one_hot(FRAME.assign(zone=FRAME["zone"] / 2), "zone"),
    "encoder of booleans as objects": lambda: one_hot(
        FRAME.assign(paid=FRAME["paid"].astype(object)), "paid"
    ),
    "ordinal, unknown": lambda: split(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["deck", "zone"]),
        head=RandomForestClassifier(4, random_state=0),
    ),
    "ordinal, gaps": lambda: split(
        (OrdinalEncoder(encoded_missing_value=-2), ["deck"]), rows=gaps("deck", None)
    ),
    "ordinal, gaps stay": lambda: split(
        (OrdinalEncoder(), ["deck"]),
        rows=gaps("deck"),
        head=HistGradientBoostingClassifier(max_iter=5),
    ),
    "target encoder": lambda: split(
        (TargetEncoder(random_state=0), ["deck", "zone"]), (StandardScaler(), NUMBERS)
    ),
    "target encoder, three classes": lambda: split(
        (TargetEncoder(random_state=0), ["deck"]), y=CODES
    ),
    "imputed": lambda: split((IMPUTED, NUMBERS), (OneHotEncoder(), ["deck"]), rows=gaps("age")),
    "imputed by most frequent": lambda: split((WORDS_IMPUTED, ["deck"]), rows=gaps("deck")),
    "imputed None": lambda: split(
        (
            make_pipeline(
                SimpleImputer(missing_values=None, strategy="most_frequent"), OneHotEncoder()
            ),
            ["deck"],
        ),
        rows=gaps("deck", None),
    ),
    "imputed by a constant": lambda: split(
        (
            make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder()),
            ["deck"],
        ),
        rows=gaps("deck"),
    ),
    "imputed in a str column": lambda: split((WORDS_IMPUTED, ["port"]), rows=gaps("port")),
    "imputed minus ones": lambda: split(
        (make_pipeline(SimpleImputer(missing_values=-1), StandardScaler()), ["rooms"]),
        rows=gaps("rooms", -1),
    ),
    "imputed and indicated": lambda: split(
        (SimpleImputer(add_indicator=True), NUMBERS), rows=gaps("age")
    ),
    "indicated": lambda: split(
        (MissingIndicator(), ["age"]), (StandardScaler(), ["size"]), rows=gaps("age")
    ),
    "imputer, then all": lambda: plain(
        make_pipeline(KNNImputer(), RobustScaler(), LogisticRegression()),
        gaps("age")[["size", "age", "rooms"]],
    ),
    "scaled gaps": lambda: plain(
        make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=5)),
        gaps("age")[NUMBERS],
    ),
    "histograms with gaps": lambda: plain(
        HistGradientBoostingClassifier(max_iter=5), gaps("age")[NUMBERS]
    ),
    "histograms, codes by mask": coded,
    "histograms, categories": lambda: native_categories(FRAME["deck"].astype("category")),
    "histograms, categories with gaps": lambda: native_categories(
        gaps("deck")["deck"].astype("category")
    ),
    "histograms, str categories": lambda: native_categories(FRAME["port"].astype("category")),
    "histograms, integer categories": lambda: native_categories(FRAME["zone"].astype("category")),
    "histograms, boolean categories": lambda: native_categories(FRAME["paid"].astype("category")),
    "histograms, codes by name": lambda: plain(
        HistGradientBoostingRegressor(max_iter=5, categorical_features=["rooms"]),
        some("size", "rooms"),
        AMOUNT,
    ),
    "histograms, booleans": lambda: plain(
        HistGradientBoostingClassifier(max_iter=5), some("size", "paid")
    ),
    "forest": lambda: plain(
        RandomForestClassifier(5, random_state=0), some("size", "age", "rooms")
    ),
    "forest with gaps": lambda: plain(
        RandomForestClassifier(5, random_state=0), gaps("age")[NUMBERS]
    ),
    "forest of float32": lambda: plain(
        RandomForestClassifier(5, random_state=0), FRAME[NUMBERS].astype("float32")
    ),
    "tree after float32 scaling": lambda: plain(
        make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
        FRAME[NUMBERS].astype("float32"),
    ),
    "gradient boosting": lambda: plain(
        GradientBoostingClassifier(n_estimators=5, random_state=0),
        np.ascontiguousarray(FRAME[NUMBERS]),
    ),
    "array": lambda: plain(LogisticRegression(), np.ascontiguousarray(FRAME[NUMBERS])),
    "array of one column": lambda: plain(
        LogisticRegression(), np.ascontiguousarray(FRAME[["size"]])
    ),
    "array of float32": lambda: plain(
        make_pipeline(MinMaxScaler(), SVC(probability=False)),
        FRAME[NUMBERS].to_numpy(dtype="float32"),
    ),
    "array of integers": lambda: plain(GaussianNB(), FRAME[["rooms", "zone"]].to_numpy()),
    "array of booleans": lambda: plain(
        DecisionTreeClassifier(random_state=0), (FRAME[["paid"]] | False).to_numpy()
    ),
    "array of objects": object_array,
    "array of objects with gaps": gappy_objects,
    "array of words": lambda: plain(
        make_pipeline(OneHotEncoder(), LogisticRegression()),
        FRAME[["deck", "useless"]].to_numpy(dtype=str),
    ),
    "texts": lambda: texts(TEXTS, TfidfVectorizer()),
    "texts in a series": lambda: texts(FRAME["note"], CountVectorizer(ngram_range=(1, 2))),
    "texts, hashed": lambda: texts(TEXTS, HashingVectorizer(n_features=32)),
    "texts in an array": lambda: texts(np.array(TEXTS, dtype=object), TfidfVectorizer()),
    "texts, united": lambda: texts(
        TEXTS,
        FeatureUnion([("words", CountVectorizer()), ("letters", TfidfVectorizer(analyzer="char"))]),
    ),
    "a column of text": lambda: split(
        (TfidfVectorizer(), "note"), (StandardScaler(), NUMBERS), (OneHotEncoder(), ["deck"])
    ),
    "two columns of text": lambda: split((TfidfVectorizer(), "note"), (CountVectorizer(), "port")),
    "nullable integers": lambda: split((IMPUTED, ["rooms"]), rows=nullable("rooms", "Int64")),
    "nullable floats": lambda: split((IMPUTED, ["age"]), rows=nullable("age", "Float64")),
    "nullable booleans": lambda: split(
        (OneHotEncoder(), ["paid"]),
        (StandardScaler(), NUMBERS),
        rows=FRAME.assign(paid=FRAME["paid"].astype("boolean")),
    ),
    "nullable booleans with gaps": lambda: split(
        (SimpleImputer(strategy="most_frequent"), ["paid"]),
        (StandardScaler(), NUMBERS),
        rows=nullable("paid", "boolean"),
    ),
    "nullable strings": lambda: split(
        (OneHotEncoder(), ["deck"]), rows=FRAME.assign(deck=FRAME["deck"].astype("string"))
    ),
    "small integers": lambda: split(
        (StandardScaler(), ["rooms", "zone"]),
        rows=FRAME.astype({"rooms": "int8", "zone": "uint16"}),
    ),
    "an integer with a gap": lambda: split((IMPUTED, ["rooms", "size"]), rows=gaps("rooms")),
    "polynomials": lambda: plain(
        make_pipeline(PolynomialFeatures(2), StandardScaler(), LogisticRegression()), some(*NUMBERS)
    ),
    "quantiles": lambda: plain(
        make_pipeline(QuantileTransformer(n_quantiles=20), LogisticRegression()), some(*NUMBERS)
    ),
    "bins": lambda: plain(
        make_pipeline(KBinsDiscretizer(4, strategy="uniform"), LogisticRegression()), some(*NUMBERS)
    ),
    "logarithm": lambda: split(
        (FunctionTransformer(np.log1p), ["age"]), (StandardScaler(), ["size"])
    ),
    "grid search": search,
    "voting": lambda: plain(
        VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft"),
        some(*NUMBERS),
    ),
    "neighbours": lambda: plain(KNeighborsClassifier(), some(*NUMBERS)),
    "no probabilities": lambda: plain(LinearSVC(), some(*NUMBERS)),
    "ridge classifier": lambda: plain(RidgeClassifier(), some(*NUMBERS), CODES),
    "regression": lambda: split(
        (StandardScaler(), NUMBERS), (OneHotEncoder(), ["deck"]), head=Ridge(), y=AMOUNT
    ),
    "regression by trees": lambda: plain(
        RandomForestRegressor(5, random_state=0), some(*NUMBERS), AMOUNT
    ),
    "regression of a transformed target": lambda: plain(
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()), some(*NUMBERS), AMOUNT
    ),
    "regression of a column": lambda: plain(
        LinearRegression(), some(*NUMBERS), pd.DataFrame({"amount": AMOUNT})
    ),
    "two numbers": lambda: plain(
        ExtraTreesRegressor(4, random_state=0), some(*NUMBERS), np.c_[AMOUNT, LEVEL]
    ),
    "two numbers, linear": lambda: split(
        (StandardScaler(), NUMBERS), head=Ridge(), y=np.c_[AMOUNT, LEVEL]
    ),
    "two numbers, one by one": lambda: plain(
        MultiOutputRegressor(Ridge()), some(*NUMBERS), np.c_[AMOUNT, LEVEL]
    ),
    "two labels": lambda: plain(
        RandomForestClassifier(4, random_state=0), some(*NUMBERS), np.c_[WORDS, WORDS[::-1]]
    ),
    "two labels, one by one": lambda: plain(
        MultiOutputClassifier(LogisticRegression()), some(*NUMBERS), np.c_[CODES, CODES[::-1]]
    ),
    "clusters": lambda: plain(
        make_pipeline(StandardScaler(), KMeans(3, random_state=0, n_init=2)), some(*NUMBERS), None
    ),
    "outliers": lambda: plain(
        IsolationForest(n_estimators=5, random_state=0), some(*NUMBERS), None
    ),
    "outliers by a kernel": lambda: plain(
        make_pipeline(StandardScaler(), OneClassSVM()), some(*NUMBERS), None
    ),
    "labels of integers": lambda: plain(LogisticRegression(), some(*NUMBERS), CODES),
    "labels of booleans": lambda: plain(LogisticRegression(), some(*NUMBERS), LEVEL > 0),
    "labels of floats": lambda: plain(
        RandomForestClassifier(4, random_state=0), some(*NUMBERS), np.where(LEVEL > 0, 1.0, 2.0)
    ),
    "labels of negative integers": lambda: plain(
        LogisticRegression(), some(*NUMBERS), np.where(LEVEL > 0, -1, 5)
    ),
    "labels in a series": lambda: plain(
        LogisticRegression(), some(*NUMBERS), pd.Series(WORDS, dtype="category")
    ),
}
