"""Looking predictions up, with what has become of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    any_,
    func,
    literal,
    select,
    tuple_,
)

from pilotboat.operations.store.query import Page, Query, cursor_of, place_of, shown
from pilotboat.operations.store.tables import Event, Moment, layouts, outcomes, predictions

PLACE = (predictions.c.time, predictions.c.event, predictions.c.row)
"""The order of predictions, which is that of their primary key."""
Found = Row[Any]
Item = dict[str, Any]
Order = tuple[dict[str, None], dict[str, None]]


def page(connection: Connection, query: Query) -> Page:
    """The newest predictions that fit, and a cursor where there are more."""
    found = connection.execute(newest(query)).all()
    rows = found[: query.limit]
    last = rows[-1] if len(found) > len(rows) and rows else None
    cursor = None if last is None else cursor_of(last.time, last.event, last.row)
    return Page(items(connection, rows), cursor)


def newest(query: Query) -> Select[Any]:
    """The statement for a page, with one row more than it has."""
    table: Any = predictions
    if query.id is not None or query.reference is not None:
        # Few rows have either. OFFSET 0 keeps planners from looking through all, from the newest on,
        # until they have a page of them.
        table = matching(query).offset(0).subquery("predictions")
    place = (table.c.time, table.c.event, table.c.row)
    wanted = select(table) if table is not predictions else matching(query)
    if query.cursor is not None:
        time, event, row = place_of(query.cursor)
        before = tuple_(literal(time, Moment), literal(event, Event), literal(row))
        wanted = wanted.where(place[0] <= time, tuple_(*place) < before)
    return wanted.order_by(*(column.desc() for column in place)).limit(query.limit + 1)


def matching(query: Query) -> Select[Any]:
    """The predictions that fit, in no order."""
    columns = predictions.c
    wanted = select(predictions)
    for column, value in (
        (columns.request, query.id),
        (columns.row, query.row),
        (columns.reference, query.reference),
        (columns.model, query.model),
        (columns.version, query.version),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    if query.since is not None:
        wanted = wanted.where(columns.time >= query.since)
    if query.until is not None:
        wanted = wanted.where(columns.time < query.until)
    return wanted


def items(connection: Connection, rows: Sequence[Found]) -> list[Item]:
    """What is told of predictions, in their order."""
    orders = _orders(connection, {row.model for row in rows})
    latest = Outcomes(connection, rows)
    return [_item(row, orders[row.model, row.version, row.digest], latest.of(row)) for row in rows]


def _item(row: Found, order: Order, outcome: Found | None) -> Item:
    inputs, classes = order
    known = None if outcome is None else outcome.actual_time or outcome.time
    return {
        "id": row.request,
        "row": row.row,
        "time": shown(row.time),
        "model": row.model,
        "version": row.version,
        "digest": row.digest,
        "operation": row.operation,
        "model_ms": row.model_ms,
        "key": row.key,
        "inputs": _ordered(row.inputs, inputs),
        "prediction": row.prediction,
        "probabilities": None
        if row.probabilities is None
        else _ordered(row.probabilities, classes),
        "reference": row.reference,
        "actual": None if outcome is None else outcome.actual,
        "actual_time": None if known is None else shown(known),
    }


def _orders(connection: Connection, models: set[str]) -> defaultdict[Any, Order]:
    """(model, version, digest) -> its inputs and classes in their order, which jsonb forgets."""
    orders: defaultdict[Any, Order] = defaultdict(lambda: ({}, {}))
    wanted = select(layouts).where(_is_one_of(connection, layouts.c.model, models))
    for row in connection.execute(wanted):
        inputs, classes = orders[row.model, row.version, row.digest]
        inputs |= dict.fromkeys(row.inputs)
        classes |= dict.fromkeys(row.classes or ())
    return orders


def _ordered(told: dict[str, Any], order: dict[str, None]) -> dict[str, Any]:
    made = {name: told[name] for name in order if name in told}
    return made if len(made) == len(told) else made | told


class Outcomes:
    """What has become of some predictions: of all that was said of each, what was said last.

    An outcome is of a prediction if it names its request and row, or its reference, and, where it names
    a model, that one.
    """

    def __init__(self, connection: Connection, rows: Sequence[Found]) -> None:
        self._named: defaultdict[Any, list[Found]] = defaultdict(list)
        for row in _said(connection, outcomes.c.request, {row.request for row in rows}):
            self._named[row.request, row.row].append(row)
        references = {row.reference for row in rows if row.reference is not None}
        for row in _said(connection, outcomes.c.reference, references):
            self._named[row.reference].append(row)

    def of(self, row: Found) -> Found | None:
        """The outcome of a prediction, if there is one."""
        if not self._named:
            return None
        said = [*self._named.get((row.request, row.row), ()), *self._named.get(row.reference, ())]
        fitting = [one for one in said if one.model in (None, row.model)]
        return max(fitting, key=lambda one: (one.time, one.event.bytes, one.item), default=None)


def _said(connection: Connection, column: Any, values: set[str]) -> Sequence[Found]:
    return connection.execute(select(outcomes).where(_is_one_of(connection, column, values))).all()


def _is_one_of(connection: Connection, column: Any, values: set[str]) -> ColumnElement[bool]:
    """As one parameter: a list of thousands takes longer to write than to look up."""
    if connection.dialect.name == "postgresql":
        return column == any_(literal(sorted(values), ARRAY(Text)))  # type: ignore[no-any-return]
    listed = func.json_each(literal(orjson.dumps(sorted(values)).decode(), Text))
    return column.in_(select(listed.table_valued("value").c.value))  # type: ignore[no-any-return]
