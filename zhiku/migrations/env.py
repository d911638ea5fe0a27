"""Run by Alembic. The connection comes from `zhiku.migrations.upgrade`, or from `alembic -x url=…` when developing."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, create_engine

from zhiku.domain.base import UtcDateTime
from zhiku.domain.encryption import Encrypted
from zhiku.domain.schema import metadata


def render_item(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Migrations outlive our types: they name the plain one beneath."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return "sa.Text()" if kind == "type" and isinstance(item, Encrypted) else False


def run(connection: Connection) -> None:
    # SQLite cannot ALTER most things: batch mode copies the table instead.
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with create_engine(context.get_x_argument(as_dictionary=True)["url"]).begin() as opened:
        run(opened)
