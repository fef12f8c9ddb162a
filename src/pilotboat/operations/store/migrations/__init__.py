"""Brings the tables of a store up to date. `apply` runs Alembic; `versions` is what it runs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

HERE = Path(__file__).parent


def config() -> Config:
    """Alembic's configuration: where the migrations are."""
    made = Config()
    made.set_main_option("script_location", str(HERE).replace("%", "%%"))
    return made


def apply(connection: Connection) -> None:
    """Run what is missing within the transaction that `connection` is in."""
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, "head")
