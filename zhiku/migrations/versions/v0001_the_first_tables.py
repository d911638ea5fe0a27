"""The first tables

Revision: 0001; the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact_details",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "subject",
            sa.Enum(
                "expert", "suggestion", name="ContactSubject", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_details")),
    )
    with op.batch_alter_table("contact_details", schema=None) as batch_op:
        batch_op.create_index("ix_contact_details_subject", ["subject", "subject_id"], unique=False)

    op.create_table(
        "divisions",
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column(
            "level",
            sa.Enum(
                "province",
                "prefecture",
                "county",
                "township",
                "village",
                name="DivisionLevel",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("parent_code", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(["parent_code"], ["divisions.code"], name=op.f("fk_divisions_parent_code_divisions")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_divisions")),
    )
    with op.batch_alter_table("divisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_divisions_name"), ["name"], unique=False)

    op.create_table(
        "fields_of_expertise",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("everyday_words", sa.String(length=400), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["fields_of_expertise.id"], name=op.f("fk_fields_of_expertise_parent_id_fields_of_expertise")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fields_of_expertise")),
        sa.UniqueConstraint("name", name=op.f("uq_fields_of_expertise_name")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("entity_id", sa.String(length=24), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drained_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_drained_at", ["drained_at"], unique=False)

    op.create_table(
        "departments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("short_name", sa.String(length=30), nullable=False),
        sa.Column("duties", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["division_code"], ["divisions.code"], name=op.f("fk_departments_division_code_divisions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departments")),
        sa.UniqueConstraint("division_code", "name", name=op.f("uq_departments_division_code_name")),
    )
    op.create_table(
        "experts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column(
            "sex",
            sa.Enum("male", "female", name="Sex", native_enum=False, create_constraint=True, length=24),
            nullable=True,
        ),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column(
            "birth_precision",
            sa.Enum("year", "month", "day", name="DatePrecision", native_enum=False, create_constraint=True, length=24),
            nullable=True,
        ),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("former_unit", sa.String(length=120), nullable=False),
        sa.Column("last_post", sa.String(length=120), nullable=False),
        sa.Column("professional_title", sa.String(length=60), nullable=False),
        sa.Column("keywords", sa.JSON(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("ways_of_helping", sa.JSON(), nullable=False),
        sa.Column(
            "availability",
            sa.Enum(
                "available",
                "phone_only",
                "unavailable",
                "withdrawn",
                name="Availability",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("liaison_name", sa.String(length=40), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "under_review",
                "published",
                "withdrawn",
                "deceased",
                name="ExpertStatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["division_code"], ["divisions.code"], name=op.f("fk_experts_division_code_divisions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experts")),
    )
    with op.batch_alter_table("experts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_experts_division_code"), ["division_code"], unique=False)
        batch_op.create_index("ix_experts_identity", ["name", "birth_date", "former_unit"], unique=False)
        batch_op.create_index(batch_op.f("ix_experts_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_experts_status"), ["status"], unique=False)

    op.create_table(
        "career_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("began", sa.String(length=10), nullable=False),
        sa.Column("ended", sa.String(length=10), nullable=False),
        sa.Column("description", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_career_entries_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_career_entries")),
    )
    with op.batch_alter_table("career_entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_career_entries_expert_id"), ["expert_id"], unique=False)

    op.create_table(
        "expert_fields",
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_expert_fields_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["field_id"], ["fields_of_expertise.id"], name=op.f("fk_expert_fields_field_id_fields_of_expertise")
        ),
        sa.PrimaryKeyConstraint("expert_id", "field_id", name=op.f("pk_expert_fields")),
    )
    op.create_table(
        "honours",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("title", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_honours_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_honours")),
    )
    with op.batch_alter_table("honours", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_honours_expert_id"), ["expert_id"], unique=False)

    op.create_table(
        "service_records",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("served_on", sa.Date(), nullable=False),
        sa.Column(
            "way",
            sa.Enum(
                "advice",
                "talk",
                "on_site",
                "mediation",
                "review",
                "teaching",
                name="WayOfHelping",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("requested_by", sa.String(length=120), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("division_code", sa.String(length=12), nullable=True),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name=op.f("fk_service_records_department_id_departments")
        ),
        sa.ForeignKeyConstraint(
            ["division_code"], ["divisions.code"], name=op.f("fk_service_records_division_code_divisions")
        ),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_service_records_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_records")),
    )
    with op.batch_alter_table("service_records", schema=None) as batch_op:
        batch_op.create_index("ix_service_records_identity", ["expert_id", "served_on", "subject"], unique=False)

    op.create_table(
        "suggestions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("situation", sa.Text(), nullable=False),
        sa.Column("proposal", sa.Text(), nullable=False),
        sa.Column("field_id", sa.Integer(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "submitted",
                "accepted",
                "assigned",
                "in_hand",
                "replied",
                "closed",
                "not_accepted",
                "withdrawn",
                name="SuggestionStatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("lead_department_id", sa.Integer(), nullable=True),
        sa.Column(
            "result_class",
            sa.Enum("A", "B", "C", name="ResultClass", native_enum=False, create_constraint=True, length=24),
            nullable=True,
        ),
        sa.Column("submitted_on", sa.Date(), nullable=False),
        sa.Column("replied_on", sa.Date(), nullable=True),
        sa.Column("access_code_hash", sa.String(length=200), nullable=True),
        sa.Column("submission_key", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["division_code"], ["divisions.code"], name=op.f("fk_suggestions_division_code_divisions")
        ),
        sa.ForeignKeyConstraint(
            ["field_id"], ["fields_of_expertise.id"], name=op.f("fk_suggestions_field_id_fields_of_expertise")
        ),
        sa.ForeignKeyConstraint(
            ["lead_department_id"], ["departments.id"], name=op.f("fk_suggestions_lead_department_id_departments")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestions")),
        sa.UniqueConstraint("number", name=op.f("uq_suggestions_number")),
        sa.UniqueConstraint("submission_key", name=op.f("uq_suggestions_submission_key")),
        sa.UniqueConstraint("year", "serial", name=op.f("uq_suggestions_year_serial")),
    )
    with op.batch_alter_table("suggestions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_suggestions_status"), ["status"], unique=False)
        batch_op.create_index(batch_op.f("ix_suggestions_submitted_on"), ["submitted_on"], unique=False)

    op.create_table(
        "suggestion_authors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("suggestion_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_suggestion_authors_expert_id_experts"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["suggestion_id"],
            ["suggestions.id"],
            name=op.f("fk_suggestion_authors_suggestion_id_suggestions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestion_authors")),
        sa.UniqueConstraint("suggestion_id", "position", name=op.f("uq_suggestion_authors_suggestion_id_position")),
    )
    with op.batch_alter_table("suggestion_authors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_suggestion_authors_expert_id"), ["expert_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_suggestion_authors_suggestion_id"), ["suggestion_id"], unique=False)

    op.create_table(
        "suggestion_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("suggestion_id", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "submitted",
                "accepted",
                "assigned",
                "in_hand",
                "replied",
                "closed",
                "not_accepted",
                "withdrawn",
                name="SuggestionStatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("note", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(
            ["suggestion_id"],
            ["suggestions.id"],
            name=op.f("fk_suggestion_steps_suggestion_id_suggestions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestion_steps")),
    )
    with op.batch_alter_table("suggestion_steps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_suggestion_steps_suggestion_id"), ["suggestion_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("suggestion_steps", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_suggestion_steps_suggestion_id"))

    op.drop_table("suggestion_steps")
    with op.batch_alter_table("suggestion_authors", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_suggestion_authors_suggestion_id"))
        batch_op.drop_index(batch_op.f("ix_suggestion_authors_expert_id"))

    op.drop_table("suggestion_authors")
    with op.batch_alter_table("suggestions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_suggestions_submitted_on"))
        batch_op.drop_index(batch_op.f("ix_suggestions_status"))

    op.drop_table("suggestions")
    with op.batch_alter_table("service_records", schema=None) as batch_op:
        batch_op.drop_index("ix_service_records_identity")

    op.drop_table("service_records")
    with op.batch_alter_table("honours", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_honours_expert_id"))

    op.drop_table("honours")
    op.drop_table("expert_fields")
    with op.batch_alter_table("career_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_career_entries_expert_id"))

    op.drop_table("career_entries")
    with op.batch_alter_table("experts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_experts_status"))
        batch_op.drop_index(batch_op.f("ix_experts_name"))
        batch_op.drop_index("ix_experts_identity")
        batch_op.drop_index(batch_op.f("ix_experts_division_code"))

    op.drop_table("experts")
    op.drop_table("departments")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_drained_at")

    op.drop_table("outbox")
    op.drop_table("fields_of_expertise")
    with op.batch_alter_table("divisions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_divisions_name"))

    op.drop_table("divisions")
    with op.batch_alter_table("contact_details", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_details_subject")

    op.drop_table("contact_details")
