"""Linear models and naive Bayes."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.svm import LinearSVC

from tests.compiler.models.data import COUNTS, PAIRS, VALUES, Y2, Y3, X, listed

BOOLEANS = Y2 == "yes"
OBJECTS = np.where(Y3 == 1, "one", "other").astype(object)

LINEAR = listed(
    "linear",
    ("LogisticRegression: two classes", LogisticRegression(), X, Y2),
    ("LogisticRegression: three classes", LogisticRegression(), X, Y3),
    ("LogisticRegression: true and false", LogisticRegression(C=9.0), X, BOOLEANS),
    ("LogisticRegression: labels are objects", LogisticRegression(fit_intercept=False), X, OBJECTS),
    ("LogisticRegression: liblinear", LogisticRegression(solver="liblinear"), X, Y2),
    ("LinearSVC: two classes", LinearSVC(random_state=0), X, Y2),
    ("LinearSVC: three classes", LinearSVC(random_state=0), X, Y3),
    ("SGDClassifier: hinge", SGDClassifier(random_state=0), X, Y2),
    ("SGDClassifier: logistic, two", SGDClassifier("log_loss", random_state=0), X, Y2),
    (
        "SGDClassifier: logistic, each against the rest",
        SGDClassifier(loss="log_loss", random_state=0),
        X,
        Y3,
    ),
    ("SGDClassifier: Huber, two", SGDClassifier("modified_huber", random_state=0), X, Y2),
    ("SGDClassifier: Huber, three", SGDClassifier("modified_huber", random_state=0), X, Y3),
    ("RidgeClassifier: two classes", RidgeClassifier(), X, Y2),
    ("RidgeClassifier: three classes", RidgeClassifier(), X, Y3),
    ("Ridge", Ridge(), X, VALUES),
    ("Ridge: two targets", Ridge(), X, PAIRS),
    ("LinearRegression", LinearRegression(), X, VALUES),
    ("LinearRegression: no intercept", LinearRegression(fit_intercept=False), X, VALUES),
    ("Lasso", Lasso(0.1), X, VALUES),
    ("ElasticNet", ElasticNet(0.1), X, VALUES),
)
BAYES = listed(
    "bayes",
    ("GaussianNB: two classes", GaussianNB(), X, Y2),
    ("GaussianNB: three classes", GaussianNB(), X, Y3),
    ("MultinomialNB", MultinomialNB(), COUNTS, Y3),
    ("ComplementNB", ComplementNB(), COUNTS, Y2),
    ("ComplementNB: norm", ComplementNB(norm=True), COUNTS, Y3),
    ("BernoulliNB", BernoulliNB(), X, Y3),
    ("BernoulliNB: zeros and ones", BernoulliNB(binarize=None), (COUNTS > 1).astype(float), Y2),
)
MODELS = [*LINEAR, *BAYES]
