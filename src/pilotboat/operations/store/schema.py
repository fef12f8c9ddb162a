"""The version of the tables, for whoever does not need to know more of them."""

FIRST = SCHEMA = "0001"
"""The first schema that there was, and the newest: what this release reads and writes."""
VERSIONS = "pilotboat_schema"
"""The table in which Alembic notes what schema there is."""
