"""The ledger, predictions, outcomes and layouts."""

from __future__ import annotations

from alembic import op

from pilotboat.operations.store import first

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in first.statements(op.get_bind().dialect.name):
        op.execute(statement)
