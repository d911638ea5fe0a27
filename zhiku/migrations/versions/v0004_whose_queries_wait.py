"""Queries without an answer know of which division their asker was; confirmations by a liaison's own code are marked

Revision: 0004; follows: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("unanswered_queries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("division_prefix", sa.String(length=12), server_default="", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_unanswered_queries_normal"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_unanswered_queries_normal_division_prefix"), ["normal", "division_prefix"]
        )
    # Where there is one county, it was there that they were asked; of several nobody knows, and who sees all sees them.
    connection = op.get_bind()
    counties = connection.scalars(sa.text("SELECT code FROM divisions WHERE level = 'county'")).all()
    if len(counties) == 1:
        connection.execute(sa.text("UPDATE unanswered_queries SET division_prefix = :county"), {"county": counties[0]})
    with op.batch_alter_table("unanswered_queries", schema=None) as batch_op:
        batch_op.alter_column("division_prefix", server_default=None)
    with op.batch_alter_table("acts_on_behalf", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_by_own_code", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("acts_on_behalf", schema=None) as batch_op:
        batch_op.alter_column("is_by_own_code", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("acts_on_behalf", schema=None) as batch_op:
        batch_op.drop_column("is_by_own_code")
    # Of a query that several divisions asked the first row stays.
    op.execute(
        "DELETE FROM unanswered_queries WHERE id NOT IN (SELECT MIN(id) FROM unanswered_queries GROUP BY normal)"
    )
    with op.batch_alter_table("unanswered_queries", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_unanswered_queries_normal_division_prefix"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_unanswered_queries_normal"), ["normal"])
        batch_op.drop_column("division_prefix")
