"""A model's own code, as a user brings it: it answers some rows and breaks on others."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class Brittle(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Answers x twice; fails below 0, refuses more than 1000, and answers NaN between."""

    def fit(self, rows: Any, _target: Any = None) -> Self:
        self.feature_names_in_ = np.array(rows.columns, dtype=object)
        self.n_features_in_ = len(rows.columns)
        self.is_fitted_ = True
        return self

    def predict(self, rows: Any) -> Any:
        x = np.asarray(rows, dtype=float)[:, 0]
        if (x < 0).any():
            raise RuntimeError(f"the library's own words about {x} in {__file__}")
        if (x > 1000).any():
            raise ValueError(f"the library's own words about {x} in {__file__}")
        return np.where(x < 100, 2 * x, np.nan)
