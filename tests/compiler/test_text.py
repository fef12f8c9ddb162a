"""Vectorizers of text, compiled, and what follows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from pilotboat.compiler import compile_plan
from pilotboat.compiler.suspects import TEXTS
from pilotboat.errors import CompileError
from pilotboat.plan.step import Chain
from pilotboat.plan.text import Count
from pilotboat.schema import Value
from tests.compiler.proving import EXACT, NEAR, named, pair

RANDOM = np.random.default_rng(0)
WORDS = [
    "the", "a", "of", "good", "bad", "fine", "awful", "film", "movie", "plot", "actor", "x_1", "22",
    "1", "don't", "I", "caf\u00e9", "na\u00efve", "stra\u00dfe", "\u0130stanbul", "\u01c5", "e\u0301clair",
    "\ud55c\uad6d\uc5b4", "\u4e2d\u6587", "\u05d0\u05d1\u05d2", "\u0661\u0662", "\U0001f600", "\ufb01sh",
    "\uff21\uff22", "a\u200bb",
]  # fmt: skip
ODD = [
    *(text for text in TEXTS if text is not None),
    "\u0130\u0131I\u0307 \u1e9e\u00df SS", "e\u0301 \u00e9 a\u0308\u0323", "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600\U0001f3fd",
    "\u202eabc\u202c \u05d0\u05d1\u05d2 \u0627\u0644\u0639\u0631\u0628\u064a\u0629", "a\u200bb\u200d\ufeffc", "the a of the", "the",
    "good\t\tbad\n\nfine \r\n  film", "\u00a0\u2003good\u3000bad", "\x1cgood\x1f bad\x85fine",
    "g", "g o o d", "_ __ _a 1_2", "0 00 1 22 333", " leading and trailing ", "GOOD Bad fINE",
]  # fmt: skip
TEXT = [" ".join(RANDOM.choice(WORDS, RANDOM.integers(0, 30))) for _ in range(150)] + ODD
Y3 = np.array(["no", "so", "yes"])[RANDOM.integers(0, 3, len(TEXT))]
Y2 = RANDOM.integers(0, 2, len(TEXT))
VECTORIZERS = [
    CountVectorizer(),
    CountVectorizer(binary=True, dtype=np.float64),
    CountVectorizer(ngram_range=(1, 2), min_df=2, max_df=0.9, max_features=60),
    CountVectorizer(vocabulary=["film", "good", "\u00e9", "plot", "bad film"], ngram_range=(1, 2)),
    TfidfVectorizer(ngram_range=(2, 3), stop_words=["the", "a", "of"]),
    TfidfVectorizer(stop_words="english", sublinear_tf=True, smooth_idf=False),
    TfidfVectorizer(norm="l1", use_idf=False, lowercase=False),
    TfidfVectorizer(norm=None, strip_accents="ascii", binary=True),
    TfidfVectorizer(strip_accents="unicode", lowercase=False),
    TfidfVectorizer(token_pattern=r"(?u)\b(\w)\w*\b"),  # noqa: S106
    TfidfVectorizer(token_pattern=r"[^\s]+", ngram_range=(1, 3)),  # noqa: S106
    TfidfVectorizer(analyzer="char"),
    TfidfVectorizer(analyzer="char", ngram_range=(2, 4), strip_accents="unicode"),
    TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3)),
    TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)),
    CountVectorizer(analyzer="char_wb", ngram_range=(8, 9)),
    HashingVectorizer(n_features=2**10),
    HashingVectorizer(n_features=2**4, norm=None),
    HashingVectorizer(n_features=2**4, binary=True, norm="l1"),
    HashingVectorizer(n_features=2**10, alternate_sign=False, ngram_range=(1, 2)),
    HashingVectorizer(n_features=2**15, analyzer="char_wb", ngram_range=(2, 3)),
]
UNION = FeatureUnion(
    [
        ("words", TfidfVectorizer()),
        ("pieces", make_pipeline(CountVectorizer(analyzer="char", ngram_range=(1, 2)), MaxAbsScaler())),
    ],
    transformer_weights={"words": 2.0, "pieces": 0.3},
)  # fmt: skip
HEADS = [
    LogisticRegression(),
    LinearSVC(),
    SGDClassifier(loss="modified_huber", random_state=0),
    BernoulliNB(),
]
FRAME = pd.DataFrame(
    {
        "title": TEXT,
        "size": RANDOM.normal(size=len(TEXT)),
        "age": np.where(RANDOM.random(len(TEXT)) < 0.2, np.nan, RANDOM.normal(size=len(TEXT))),
        "kind": RANDOM.choice(["a", "b", "c"], len(TEXT)),
        "body": TEXT[::-1],
    }
)


def _columns(**options: Any) -> ColumnTransformer:
    parts = [
        ("title", TfidfVectorizer(), "title"),
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["size", "age"]),
        ("kind", OneHotEncoder(handle_unknown="ignore"), ["kind"]),
        ("body", make_pipeline(CountVectorizer(), TfidfTransformer(sublinear_tf=True)), "body"),
    ]
    return ColumnTransformer(parts, **options)


@pytest.mark.parametrize("labels", [Y2, Y3], ids=["two", "three"])
@pytest.mark.parametrize("vectorizer", VECTORIZERS, ids=str)
def test_vectorizers(vectorizer: Any, labels: Any) -> None:
    model = make_pipeline(vectorizer, LogisticRegression()).fit(TEXT, labels)
    assert pair(model, TEXT).largest_difference(singles=200) <= EXACT


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_heads(head: Any) -> None:
    model = make_pipeline(TfidfVectorizer(), head)
    assert pair(model.fit(TEXT, Y3), TEXT).largest_difference() <= EXACT
    assert pair(model.fit(TEXT, Y2), TEXT).largest_difference() <= EXACT


def test_regression() -> None:
    model = make_pipeline(TfidfVectorizer(), Ridge()).fit(TEXT, RANDOM.normal(size=len(TEXT)))
    assert pair(model, TEXT).largest_difference() <= EXACT


def test_many_classes() -> None:
    labels = RANDOM.integers(0, 9, len(TEXT))
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(TEXT, labels)
    assert pair(model, TEXT).largest_difference() <= NEAR


@pytest.mark.parametrize(
    "steps",
    [
        (CountVectorizer(), TfidfTransformer(), MultinomialNB()),
        (CountVectorizer(), TfidfTransformer(norm="l1", use_idf=False), ComplementNB()),
        (HashingVectorizer(n_features=64), TfidfTransformer(), LinearSVC()),
        (CountVectorizer(), StandardScaler(with_mean=False), LogisticRegression()),
        (CountVectorizer(), MaxAbsScaler(), LogisticRegression()),
        (CountVectorizer(), SelectKBest(chi2, k=9), TfidfTransformer(), LogisticRegression()),
        (UNION, LogisticRegression()),
    ],
    ids=named,
)
def test_steps_on_terms(steps: Any) -> None:
    assert pair(make_pipeline(*steps).fit(TEXT, Y3), TEXT).largest_difference() <= EXACT


@pytest.mark.parametrize(
    "steps",
    [
        (TfidfVectorizer(), TruncatedSVD(5, random_state=0), LogisticRegression()),
        (CountVectorizer(max_features=6), PolynomialFeatures(2), LogisticRegression()),
        (
            FeatureUnion([("a", TfidfVectorizer()), ("b", make_pipeline(TfidfVectorizer(), TruncatedSVD(3)))]),
            LogisticRegression(),
        ),
    ],
    ids=named,
)  # fmt: skip
def test_text_becomes_numbers(steps: Any) -> None:
    assert pair(make_pipeline(*steps).fit(TEXT, Y3), TEXT).largest_difference() < 1e-14


def test_tf_idf_of_numbers() -> None:
    table = np.where(RANDOM.random((80, 6)) < 0.5, RANDOM.integers(0, 5, (80, 6)), 0).astype(float)
    model = make_pipeline(TfidfTransformer(), MultinomialNB()).fit(table, np.arange(80) % 3)
    assert pair(model, table).largest_difference() <= EXACT


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_text_beside_numbers_and_categories(threshold: float) -> None:
    joined = _columns(sparse_threshold=threshold, transformer_weights={"title": 3.0, "body": 0.5})
    model = make_pipeline(joined, LogisticRegression()).fit(FRAME, Y3)
    assert joined.sparse_output_ == bool(threshold)
    assert pair(model, FRAME).largest_difference() <= NEAR


def test_text_beside_numbers_of_another_type() -> None:
    scaled = make_pipeline(CountVectorizer(), MaxAbsScaler())
    parts = [("t", scaled, "title"), ("n", MinMaxScaler(), ["size"])]
    model = make_pipeline(ColumnTransformer(parts), MultinomialNB()).fit(FRAME, Y3)
    assert pair(model, FRAME).largest_difference() < 1e-12


def test_unseen_and_very_long_texts() -> None:
    known = pair(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXT, Y3), TEXT)
    long: list[Value] = [
        " ".join(RANDOM.choice(WORDS, 20_000)),
        "x" * 100_000,
        "unheard of",
        "x " * 50_000,
    ]
    rows = replace(known.rows, columns=(long,), count=len(long))
    assert known.largest_difference(rows) <= EXACT
    for vectorizer in VECTORIZERS[-6:]:
        model = make_pipeline(vectorizer, LogisticRegression()).fit(TEXT, Y2)
        assert pair(model, TEXT).largest_difference(rows) <= EXACT


def test_a_word_that_is_dropped_is_seen() -> None:
    known = pair(make_pipeline(CountVectorizer(), LogisticRegression()).fit(TEXT, Y3), TEXT)
    assert isinstance(known.plan.scores, Chain)
    steps = [
        replace(step, vocabulary=tuple("-" if word == "film" else word for word in step.vocabulary))
        if isinstance(step, Count)
        else step
        for step in known.plan.scores.steps
    ]
    poorer = replace(known, plan=replace(known.plan, scores=Chain(tuple(steps)), label="scores"))
    with pytest.raises(AssertionError):
        assert poorer.largest_difference() <= EXACT


@pytest.mark.parametrize(
    ("vectorizer", "why"),
    [
        (TfidfVectorizer(tokenizer=str.split, token_pattern=None), "tokenizer"),
        (TfidfVectorizer(preprocessor=str.upper), "preprocessor"),
        (TfidfVectorizer(analyzer=str.split), "analyzer"),
        (TfidfVectorizer(strip_accents=str.upper), "strip_accents"),
        (TfidfVectorizer(dtype=np.float32), "dtype"),
        (TfidfVectorizer(ngram_range=(0, 2)), "ngram_range"),
        (HashingVectorizer(n_features=8, dtype=np.float32), "dtype"),
        (TfidfVectorizer(vocabulary=["a\ud800", "film"]), "surrogate"),
    ],
)
def test_what_is_refused(vectorizer: Any, why: str) -> None:
    model = make_pipeline(vectorizer, LogisticRegression()).fit(TEXT, Y2)
    with pytest.raises(CompileError, match=f"Vectorizer.*{why}"):
        pair(model, TEXT)


def test_files_are_refused() -> None:
    known = pair(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXT, Y2), TEXT)
    known.estimator[0].set_params(input="filename")
    with pytest.raises(CompileError, match="input='filename'"):
        compile_plan(known.estimator, known.rows.schema)


def test_too_many_terms_are_not_spread_out() -> None:
    wide = make_pipeline(HashingVectorizer(n_features=2**16), PolynomialFeatures(1), LinearSVC())
    with pytest.raises(CompileError, match=r"65536 terms"):
        pair(wide.fit(TEXT[:20], Y2[:20]), TEXT)
