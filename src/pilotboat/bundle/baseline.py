"""`baseline.json`: what the training data looked like, column by column, and what was answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotboat.rows import Rows
from pilotboat.rows.cells import Column
from pilotboat.schema import Field, Value

BINS = 20
MOST_COMMON = 100


def describe(rows: Rows, predictions: NDArray[Any]) -> dict[str, Any]:
    """Counts, gaps and distributions of the inputs and of the predictions for `rows`."""
    fields = zip(rows.schema.inputs, rows.columns, strict=True)
    answers = predictions.reshape(rows.count, -1).T.tolist()
    targets = zip(rows.schema.outputs, answers, strict=True)
    return {
        "rows": rows.count,
        "inputs": {field.name: column(field, cells) for field, cells in fields},
        "outputs": {field.name: column(field, cells) for field, cells in targets},
    }


def column(field: Field, cells: Column) -> dict[str, Any]:
    """The distribution of one column.

    Numbers: mean, standard deviation, quantiles and a histogram over `BINS` bins between training's
    extremes. Text: the same of its length. Categories: how often each came, the commonest first.
    """
    present = [cell for cell in cells if cell is not None]
    told: dict[str, Any] = {"count": len(cells), "gaps": len(cells) - len(present)}
    if not present:
        return told
    if field.type == "text":
        return told | {"characters": _numbers([len(str(cell)) for cell in present])}
    if field.type == "number":
        return told | _numbers(present)
    counted = Counter(present).most_common(MOST_COMMON)
    return told | {"values": [[value, count] for value, count in counted]}


def _numbers(cells: Sequence[Value]) -> dict[str, Any]:
    values = np.asarray(cells, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    if low == high or not np.isfinite(high - low):
        edges, counts = [low, high], [len(values)]
    else:
        found = np.histogram(values, bins=BINS)
        counts, edges = found[0].tolist(), found[1].tolist()
    shares = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0]
    quantiles = np.quantile(values, shares, method="inverted_cdf").tolist()  # values that occurred
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(values.mean()), float(values.std())
    return {
        "mean": mean if np.isfinite(mean) else None,
        "deviation": deviation if np.isfinite(deviation) else None,
        "quantiles": dict(zip(map(str, shares), quantiles, strict=True)),
        "edges": edges,
        "counts": counts,
    }
