"""Text."""

from __future__ import annotations

from typing import Any

from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tests.compiler.models.data import REVIEWS, TEXTS, Y2, Y3, Model, columns

LOGISTIC = LogisticRegression()
PATTERN = {"token_pattern": r"\S+"}
TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
BAYES = MultinomialNB()
UNION = FeatureUnion([
    ("words", TfidfVectorizer()),
    ("letters", CountVectorizer(analyzer="char", ngram_range=(1, 2))),
])  # fmt: skip
MIXED = columns(
    (TfidfVectorizer(), "text"), (StandardScaler(), ["stars"]), (OneHotEncoder(), ["shop"])
)


def _model(name: str, *steps: Any, data: Any = TEXTS, target: Any = Y2) -> Model:
    return Model(name, "text", make_pipeline(*steps), data, target)


MODELS = [
    _model("CountVectorizer", CountVectorizer(), LOGISTIC),
    _model("CountVectorizer: a tree", CountVectorizer(), TREE),
    _model("CountVectorizer: binary", CountVectorizer(binary=True), BAYES, target=Y3),
    _model("CountVectorizer: pairs of words", CountVectorizer(ngram_range=(1, 2), min_df=2), BAYES),
    _model("CountVectorizer: English stop words", CountVectorizer(stop_words="english"), LOGISTIC),
    _model("CountVectorizer: own stop words", CountVectorizer(stop_words=["cat", "the"]), LOGISTIC),
    _model("CountVectorizer: accents to ASCII", CountVectorizer(strip_accents="ascii"), LOGISTIC),
    _model("CountVectorizer: accents off", CountVectorizer(strip_accents="unicode"), LOGISTIC),
    _model("CountVectorizer: case kept", CountVectorizer(lowercase=False), LOGISTIC),
    _model("CountVectorizer: own pattern", CountVectorizer(**PATTERN), LOGISTIC),
    _model(
        "CountVectorizer: given vocabulary", CountVectorizer(vocabulary=["cat", "dog"]), LOGISTIC
    ),
    _model("CountVectorizer: letters", CountVectorizer(analyzer="char", ngram_range=(1, 3)), BAYES),
    _model("TfidfVectorizer", TfidfVectorizer(), LOGISTIC, target=Y3),
    _model(
        "TfidfVectorizer: letters within words",
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)),
        LOGISTIC,
    ),
    _model(
        "TfidfVectorizer: sublinear, l1", TfidfVectorizer(sublinear_tf=True, norm="l1"), LOGISTIC
    ),
    _model("TfidfVectorizer: plain", TfidfVectorizer(use_idf=False, norm=None), BAYES),
    _model(
        "TfidfVectorizer: projected", TfidfVectorizer(), TruncatedSVD(2, random_state=0), LOGISTIC
    ),
    _model(
        "TfidfVectorizer: selected, scaled",
        TfidfVectorizer(),
        SelectKBest(k=5),
        MaxAbsScaler(),
        TREE,
    ),
    _model("HashingVectorizer", HashingVectorizer(n_features=64), LOGISTIC),
    _model(
        "HashingVectorizer: signs and norm off",
        HashingVectorizer(n_features=32, alternate_sign=False, norm=None, ngram_range=(1, 2)),
        BAYES,
    ),
    _model("TfidfTransformer", CountVectorizer(), TfidfTransformer(sublinear_tf=True), LOGISTIC),
    _model("FeatureUnion: words and letters", UNION, LOGISTIC),
    _model("ColumnTransformer: text beside columns", MIXED, LOGISTIC, data=REVIEWS),
]
