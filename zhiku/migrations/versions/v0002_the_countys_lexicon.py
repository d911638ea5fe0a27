"""The county's lexicon

Revision: 0002; follows: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "county_words",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("word", sa.String(length=40), nullable=False),
        sa.Column("added_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_county_words")),
        sa.UniqueConstraint("word", name=op.f("uq_county_words_word")),
    )
    op.create_table(
        "lexicon_revisions",
        sa.Column("name", sa.String(length=24), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lexicon_revisions")),
    )
    op.create_table(
        "synonym_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("added_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_synonym_groups")),
    )
    with op.batch_alter_table("synonym_groups", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_synonym_groups_updated_at"), ["updated_at"], unique=False)

    op.create_table(
        "synonym_members",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=40), nullable=False),
        sa.Column("normal", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["synonym_groups.id"],
            name=op.f("fk_synonym_members_group_id_synonym_groups"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_synonym_members")),
        sa.UniqueConstraint("group_id", "normal", name=op.f("uq_synonym_members_group_id_normal")),
    )
    with op.batch_alter_table("synonym_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_synonym_members_normal"), ["normal"], unique=False)

    op.create_table(
        "unanswered_queries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("normal", sa.String(length=200), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "answered_by",
            sa.Enum(
                "nothing",
                "nearest_field",
                "near",
                "meaning",
                name="AnsweredBy",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["synonym_groups.id"],
            name=op.f("fk_unanswered_queries_group_id_synonym_groups"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unanswered_queries")),
        sa.UniqueConstraint("normal", name=op.f("uq_unanswered_queries_normal")),
    )
    with op.batch_alter_table("unanswered_queries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unanswered_queries_group_id"), ["group_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_unanswered_queries_last_asked_at"), ["last_asked_at"], unique=False)
        batch_op.create_index("ix_unanswered_queries_list", ["resolved_at", "times", "last_asked_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("unanswered_queries", schema=None) as batch_op:
        batch_op.drop_index("ix_unanswered_queries_list")
        batch_op.drop_index(batch_op.f("ix_unanswered_queries_last_asked_at"))
        batch_op.drop_index(batch_op.f("ix_unanswered_queries_group_id"))

    op.drop_table("unanswered_queries")
    with op.batch_alter_table("synonym_members", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_synonym_members_normal"))

    op.drop_table("synonym_members")
    with op.batch_alter_table("synonym_groups", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_synonym_groups_updated_at"))

    op.drop_table("synonym_groups")
    op.drop_table("lexicon_revisions")
    op.drop_table("county_words")
