"""What is in a store."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from pilotboat.operations.store.query import Status, shown
from pilotboat.operations.store.tables import layouts, outcomes, predictions


def status(connection: Connection, schema: str, size: int) -> Status:
    """Count everything."""
    rows = connection.scalar(select(func.count()).select_from(predictions)) or 0
    said = connection.scalar(select(func.count()).select_from(outcomes)) or 0
    time = predictions.c.time
    oldest = connection.scalar(select(time).order_by(time).limit(1))
    newest = connection.scalar(select(time).order_by(time.desc()).limit(1))
    models: dict[str, list[str]] = {}
    pairs = select(layouts.c.model, layouts.c.version).distinct()
    for model, version in sorted(connection.execute(pairs).all()):
        models.setdefault(model, []).append(version)
    return Status(
        schema,
        rows,
        said,
        None if oldest is None else shown(oldest),
        None if newest is None else shown(newest),
        models,
        size,
    )
