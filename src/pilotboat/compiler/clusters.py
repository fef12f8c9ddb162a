"""Clusters: the nearest centre is the label."""

from __future__ import annotations

from typing import Any

import numpy as np

from pilotboat.compiler.given import (
    Compiler,
    Given,
    Head,
    as_numbers,
    chained,
    doubles,
    float64,
    refuse,
)
from pilotboat.compiler.spec import Spec
from pilotboat.plan.clusters import Centres
from pilotboat.plan.step import Check

HERE = "pilotboat.compiler.clusters"


def k_means(model: Any, given: Given, _compiler: Compiler, _where: str) -> Head:
    """`KMeans` and `MiniBatchKMeans`: what `predict` answers."""
    if given.kind == "terms":
        raise refuse("it follows text")
    centres = float64(model.cluster_centers_)
    steps, given = as_numbers(given)
    doubles(given)
    classes = np.arange(len(centres), dtype=np.int32)
    return Head(chained([*steps, Check(), Centres(centres)]), None, classes)


FIT = (
    "algorithm", "batch_size", "compute_labels", "copy_x", "init", "init_size", "max_iter",
    "max_no_improvement", "n_clusters", "n_init", "random_state", "reassignment_ratio", "tol",
    "verbose",
)  # fmt: skip
FITTED = (
    "_algorithm", "_n_features_out", "_n_init", "_n_threads", "_tol", "cluster_centers_",
    "inertia_", "labels_", "n_iter_", "_batch_size", "_counts", "_ewa_inertia", "_ewa_inertia_min",
    "_init_size", "_n_since_last_reassign", "_no_improvement", "n_steps_", "_random_state",
)  # fmt: skip

SPECS = {
    "sklearn.cluster._kmeans:KMeans": Spec(f"{HERE}:k_means", free=FIT, fitted=FITTED),
    "sklearn.cluster._kmeans:MiniBatchKMeans": Spec(f"{HERE}:k_means", free=FIT, fitted=FITTED),
}
