"""Writes the fitted pipeline as an MLflow model that answers with probabilities."""

# ruff: noqa: INP001 - a script of its own environment
import os

import joblib
import mlflow.sklearn

mlflow.sklearn.save_model(
    joblib.load(os.environ["MODEL"]),
    os.environ["PREPARED"],
    serialization_format="cloudpickle",
    pyfunc_predict_fn="predict_proba",
    pip_requirements=["scikit-learn"],
)
