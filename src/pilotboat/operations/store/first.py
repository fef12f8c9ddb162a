"""Schema 0001, for good: whatever is to be otherwise is a migration of its own.

It stands outside of `migrations`, so that a new file of SQLite is made without Alembic.
"""

from __future__ import annotations

TABLES = """
CREATE TABLE events (
    event uuid NOT NULL PRIMARY KEY,
    time timestamptz NOT NULL
);
CREATE INDEX events_time ON events (time);

CREATE TABLE predictions (
    event uuid NOT NULL,
    row integer NOT NULL,
    time timestamptz NOT NULL,
    request text NOT NULL,
    key text,
    model text NOT NULL,
    version text NOT NULL,
    digest text NOT NULL,
    operation text NOT NULL,
    model_ms double precision,
    inputs jsonb NOT NULL,
    prediction jsonb NOT NULL,
    probabilities jsonb,
    reference text,
    PRIMARY KEY (time, event, row)
) PARTITION BY RANGE (time);
CREATE INDEX predictions_request ON predictions (request, row);
CREATE INDEX predictions_reference ON predictions (reference, time) WHERE reference IS NOT NULL;
CREATE INDEX predictions_model ON predictions (model, time);
CREATE INDEX predictions_version ON predictions (model, version, time);

CREATE TABLE outcomes (
    event uuid NOT NULL,
    item integer NOT NULL,
    time timestamptz NOT NULL,
    request text,
    row integer NOT NULL,
    reference text,
    model text,
    key text,
    actual jsonb NOT NULL,
    actual_time timestamptz,
    PRIMARY KEY (event, item)
);
CREATE INDEX outcomes_request ON outcomes (request, row) WHERE request IS NOT NULL;
CREATE INDEX outcomes_reference ON outcomes (reference) WHERE reference IS NOT NULL;
CREATE INDEX outcomes_time ON outcomes (time);

CREATE TABLE layouts (
    layout text NOT NULL PRIMARY KEY,
    model text NOT NULL,
    version text NOT NULL,
    digest text NOT NULL,
    inputs jsonb NOT NULL,
    classes jsonb
);
"""
SQLITE = {
    "uuid": "blob",
    "timestamptz": "bigint",
    "jsonb": "text",
    " PARTITION BY RANGE (time)": "",
}
"""There it is 16 bytes, milliseconds of Unix time, JSON as text, and no partitions."""


def statements(dialect: str) -> list[str]:
    """The statements that make the tables. dialect: "postgresql" or "sqlite"."""
    tables = TABLES
    if dialect == "sqlite":
        for theirs, ours in SQLITE.items():
            tables = tables.replace(theirs, ours)
    return [one.strip() for one in tables.split(";") if one.strip()]
