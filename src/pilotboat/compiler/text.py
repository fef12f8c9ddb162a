"""Vectorizers of text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pilotboat.compiler.given import (
    Built,
    Compiler,
    Given,
    as_numbers,
    chained,
    doubles,
    float64,
    refuse,
)
from pilotboat.compiler.spec import Spec, check
from pilotboat.plan.step import Check, Step
from pilotboat.plan.terms import Reweigh, Sparse
from pilotboat.plan.text import Count, Hash, Tokens

HERE = "pilotboat.compiler.text"


def count(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`CountVectorizer`."""
    return _counted(model, given)


def tfidf(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`TfidfVectorizer`, which holds a transformer with the parameters as they were at fit."""
    check(model._tfidf, SPECS["sklearn.feature_extraction.text:TfidfTransformer"])  # noqa: SLF001
    return _counted(model, given, _weights(model._tfidf))  # noqa: SLF001


def hashing(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`HashingVectorizer`."""
    width = int(model.n_features)
    steps: list[Step] = [_tokens(model, given)]
    steps.append(Hash(width, bool(model.alternate_sign), bool(model.binary)))
    if model.norm is not None:
        steps.append(Reweigh(None, norm=model.norm))
    return chained(steps), Given("terms", width)


def transformer(model: Any, given: Given, _compiler: Compiler, _where: str) -> Built:
    """`TfidfTransformer`, of terms or of numbers."""
    steps, given = as_numbers(given)
    doubles(given)
    width = given.width
    made = chained([*steps, Check(), Sparse(width), _weights(model)])
    return made, Given("terms", width)


def _counted(model: Any, given: Given, *after: Step) -> Built:
    vocabulary = _vocabulary(model)
    counts = Count(vocabulary, bool(model.binary))
    return chained([_tokens(model, given), counts, *after]), Given("terms", len(vocabulary))


def _vocabulary(model: Any) -> tuple[str, ...]:
    places = getattr(model, "vocabulary_", None)
    if not places:
        raise refuse("it was not fitted")
    words = sorted(places, key=places.__getitem__)
    if [int(places[word]) for word in words] != list(range(len(words))):
        raise refuse("its vocabulary has gaps")
    return tuple(_writable(word) for word in words)


def _writable(word: Any) -> str:
    """A word that `plan.json` can hold, which is UTF-8."""
    if not isinstance(word, str):
        raise refuse(f"a word of type {type(word).__name__} is not compiled")
    try:
        word.encode()
    except UnicodeEncodeError:
        raise refuse("a word with half a surrogate pair is not compiled") from None
    return str(word)


def _tokens(model: Any, given: Given) -> Tokens:
    if given.kind != "columns" or given.width != 1:
        raise refuse("it is given something else than one column of text")
    low, high = map(int, model.ngram_range)
    if low < 1:
        raise refuse(f"ngram_range=({low}, {high}) is not compiled")
    place, _ = given.columns[0]
    tokens = Tokens(place, model.analyzer, (low, high), bool(model.lowercase), model.strip_accents)
    if model.analyzer != "word":
        return tokens
    stop = tuple(sorted(_writable(word) for word in model.get_stop_words() or ()))
    return replace(tokens, pattern=_writable(model.token_pattern), stop=stop)


def _weights(model: Any) -> Reweigh:
    # scikit-learn, too, asks for the attribute and not for use_idf.
    factors = float64(model.idf_) if hasattr(model, "idf_") else None
    return Reweigh(factors, bool(model.sublinear_tf), model.norm)


FREE = ("encoding", "decode_error")
"""They are about bytes, and a text is never bytes here."""
READ = ("lowercase", "stop_words", "token_pattern", "ngram_range", "binary")
FIXED: dict[str, tuple[Any, ...]] = {
    "analyzer": ("word", "char", "char_wb"),
    "input": ("content",),
    "preprocessor": (None,),
    "strip_accents": (None, "ascii", "unicode"),
    "tokenizer": (None,),
}
NORMS = (None, "l1", "l2")
FITTING = ("max_df", "min_df", "max_features", "vocabulary")
FITTED = ("vocabulary_", "fixed_vocabulary_", "stop_words_", "_stop_words_id")

SPECS = {
    "sklearn.feature_extraction.text:CountVectorizer": Spec(
        f"{HERE}:count",
        read=READ,
        free=(*FREE, *FITTING),
        fixed=FIXED | {"dtype": (np.int64, np.float64, int, float)},
        fitted=FITTED,
    ),
    "sklearn.feature_extraction.text:TfidfVectorizer": Spec(
        f"{HERE}:tfidf",
        read=READ,
        # What they did, or do, is in the transformer.
        free=(*FREE, *FITTING, "norm", "use_idf", "smooth_idf", "sublinear_tf"),
        fixed=FIXED | {"dtype": (np.float64, float)},
        fitted=(*FITTED, "_tfidf"),
    ),
    "sklearn.feature_extraction.text:HashingVectorizer": Spec(
        f"{HERE}:hashing",
        read=(*READ, "n_features", "alternate_sign"),
        free=FREE,
        fixed=FIXED | {"dtype": (np.float64, float), "norm": NORMS},
        fitted=("_stop_words_id",),
    ),
    "sklearn.feature_extraction.text:TfidfTransformer": Spec(
        f"{HERE}:transformer",
        read=("sublinear_tf",),
        free=("use_idf", "smooth_idf"),
        fixed={"norm": NORMS},
        fitted=("idf_",),
    ),
}
