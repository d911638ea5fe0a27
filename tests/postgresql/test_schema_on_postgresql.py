"""The migrations on PostgreSQL: up, down and up again, and the tables that the models say."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, select, text

from tests.migrations.test_migrations import counts, revisions, store_one_of_each
from zhiku import migrations
from zhiku.domain.contacts import ContactDetail
from zhiku.domain.schema import metadata
from zhiku.persistence.session import make_sessions


def test_every_step_goes_up_down_and_up_again(empty: Engine) -> None:
    for position, revision in enumerate(revisions()):
        migrations.upgrade(empty, revision)
        migrations.downgrade(empty, revisions()[position - 1] if position else "base")
        migrations.upgrade(empty, revision)
    assert migrations.is_current(empty)
    migrations.downgrade(empty, "base")
    assert set(inspect(empty).get_table_names()) <= {"alembic_version"}
    with empty.connect() as connection:
        left = connection.scalar(text("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"))
    assert left == 0, "the functions of the triggers went with them"


def test_migrations_make_exactly_the_tables_of_the_models(database: Engine) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_contact_data_goes_down_and_up_with_its_rows(database: Engine) -> None:
    """Encrypted on the way up, readable on the way down."""
    store_one_of_each(database)
    before = counts(database)
    migrations.downgrade(database, "0002")
    migrations.upgrade(database)
    after = counts(database)
    assert {name: after[name] for name in ("experts", "suggestions", "contact_details")} == {
        name: before[name] for name in ("experts", "suggestions", "contact_details")
    }
    with make_sessions(database)() as session:
        assert session.scalars(select(ContactDetail)).one().value == "见字条"
