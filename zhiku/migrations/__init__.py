"""Alembic migrations, from the first table on. `upgrade()` is all that the rest of zhiku calls."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine


def alembic_config() -> Config:
    """Alembic's configuration, made in code: a wheel has no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).resolve().parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database's schema to `revision`, all steps in one transaction."""
    config = alembic_config()
    with engine.connect().execution_options(is_writing=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database's schema back to `revision` ("base" removes every table)."""
    config = alembic_config()
    with engine.connect().execution_options(is_writing=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def is_newer(engine: Engine) -> bool:
    """Whether the database stands at a revision that this program does not know: a newer one made it."""
    script = ScriptDirectory.from_config(alembic_config())
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    return revision is not None and revision not in {known.revision for known in script.walk_revisions()}


def is_current(engine: Engine) -> bool:
    """Whether the database stands at the newest revision."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
