"""What Alembic runs around the migrations: on the connection that it is handed, in its transaction."""

from __future__ import annotations

from alembic import context

from pilotboat.operations.store.schema import VERSIONS
from pilotboat.operations.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSIONS,
    transactional_ddl=True,
)
context.run_migrations()
