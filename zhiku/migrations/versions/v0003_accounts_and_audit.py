"""Accounts, the audit, consents, sensitive data in tables of their own, and contact data encrypted

Revision: 0003; follows: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from zhiku.domain.encryption import keyring_of, place_of

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: Events and the head count on for ever; on SQLite only INTEGER is the number of the row itself.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: The audit is only ever appended to; the database itself refuses anything else, whoever asks it. What drops these
#: triggers first can change an event, and is found by `zhiku audit verify`. Whoever makes the table anew in a later
#: migration must make them again.
_REFUSAL = "audit events are never changed or deleted"

#: SQLite has no trigger for several things at once. INSERT OR REPLACE deletes without asking the trigger for DELETE,
#: so a number that is taken is refused before it comes to that.
_ON_SQLITE = {
    "audit_events_no_update": "BEFORE UPDATE ON audit_events",
    "audit_events_no_delete": "BEFORE DELETE ON audit_events",
    "audit_events_no_replace": "BEFORE INSERT ON audit_events WHEN NEW.id <= (SELECT max(id) FROM audit_events)",
    "audit_head_no_delete": "BEFORE DELETE ON audit_head",
    "audit_head_no_replace": "BEFORE INSERT ON audit_head WHEN EXISTS (SELECT 1 FROM audit_head)",
    "audit_head_no_way_back": "BEFORE UPDATE ON audit_head WHEN NEW.id <> OLD.id OR NEW.last_id < OLD.last_id",
}
_ON_POSTGRESQL = {
    "audit_events_no_change": ("audit_events", "BEFORE UPDATE OR DELETE OR TRUNCATE", "FOR EACH STATEMENT"),
    "audit_head_no_delete": ("audit_head", "BEFORE DELETE OR TRUNCATE", "FOR EACH STATEMENT"),
    "audit_head_no_way_back": (
        "audit_head",
        "BEFORE UPDATE",
        "FOR EACH ROW WHEN (NEW.id <> OLD.id OR NEW.last_id < OLD.last_id)",
    ),
}
_FUNCTION = "FUNCTION refuse_audit_change()"
#: Triggers that ask before they refuse, which PostgreSQL allows in their functions only: name -> table, condition.
_ASKING_ON_POSTGRESQL = {
    "audit_events_no_replace": ("audit_events", "NEW.id <= (SELECT max(id) FROM audit_events)"),
    "audit_head_no_replace": ("audit_head", "EXISTS (SELECT 1 FROM audit_head)"),
}

#: Dialect -> what there is to drop, and the statement that makes it, in the order of making.
_GUARDS = {
    "sqlite": [
        (f"TRIGGER {name}", f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END")
        for name, when in _ON_SQLITE.items()
    ],
    "postgresql": [
        (
            _FUNCTION,
            f"CREATE {_FUNCTION} RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        ),
        *(
            (f"TRIGGER {name} ON {table}", f"CREATE TRIGGER {name} {when} ON {table} {each} EXECUTE {_FUNCTION}")
            for name, (table, when, each) in _ON_POSTGRESQL.items()
        ),
        *(
            one
            for name, (table, condition) in _ASKING_ON_POSTGRESQL.items()
            for one in (
                (
                    f"FUNCTION refuse_{name}()",
                    f"CREATE FUNCTION refuse_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    f"IF {condition} THEN RAISE EXCEPTION '{_REFUSAL}'; END IF; RETURN NEW; END $$",
                ),
                (
                    f"TRIGGER {name} ON {table}",
                    f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_{name}()",
                ),
            )
        ),
    ],
}


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(length=60), nullable=False),
        sa.Column("actor_role", sa.String(length=24), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("action", sa.String(length=24), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column("on_behalf_of", sa.Integer(), nullable=True),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index("ix_audit_events_action", ["action", "at"], unique=False)
        batch_op.create_index("ix_audit_events_actor", ["actor_name", "at"], unique=False)
        batch_op.create_index("ix_audit_events_at", ["at", "id"], unique=False)
        batch_op.create_index(
            "ix_audit_events_on_behalf",
            ["on_behalf_of", "at"],
            unique=False,
            sqlite_where=sa.text("on_behalf_of IS NOT NULL"),
            postgresql_where=sa.text("on_behalf_of IS NOT NULL"),
        )
        batch_op.create_index("ix_audit_events_subject", ["subject_kind", "subject_id", "at"], unique=False)

    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_id", _NUMBER, nullable=False),
        sa.Column("last_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "data_keys",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("check", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_keys")),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sign_in_name", sa.String(length=40), nullable=True),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "department",
                "retiree",
                "liaison",
                "bureau",
                "leader",
                "administrator",
                name="Role",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("division_prefix", sa.String(length=12), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("expert_id", sa.Integer(), nullable=True),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("password_set_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("submission_key", sa.String(length=64), nullable=True),
        sa.Column("totp_secret", sa.Text(), nullable=True),
        sa.Column("totp_pending", sa.Text(), nullable=True),
        sa.Column("totp_last_step", sa.Integer(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name=op.f("fk_accounts_department_id_departments")
        ),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_accounts_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("expert_id", name=op.f("uq_accounts_expert_id")),
        sa.UniqueConstraint("sign_in_name", name=op.f("uq_accounts_sign_in_name")),
        sa.UniqueConstraint("submission_key", name=op.f("uq_accounts_submission_key")),
    )
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_accounts_role"), ["role"], unique=False)

    op.create_table(
        "consents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "profile",
                "contact",
                "identity",
                "care",
                "publicity",
                name="ConsentPurpose",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "form",
            sa.Enum(
                "paper", "online", "oral", name="ConsentForm", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("granted_on", sa.Date(), nullable=False),
        sa.Column("withdrawn_on", sa.Date(), nullable=True),
        sa.Column("recorded_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_consents_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.create_index("ix_consents_person", ["expert_id", "purpose"], unique=False)

    op.create_table(
        "expert_photos",
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("large", sa.LargeBinary(), nullable=False),
        sa.Column("small", sa.LargeBinary(), nullable=False),
        sa.Column("mark", sa.String(length=16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_expert_photos_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("expert_id", name=op.f("pk_expert_photos")),
    )
    op.create_table(
        "hardship_notes",
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_hardship_notes_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("expert_id", name=op.f("pk_hardship_notes")),
    )
    op.create_table(
        "health_notes",
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_health_notes_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("expert_id", name=op.f("pk_health_notes")),
    )
    op.create_table(
        "identity_numbers",
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_identity_numbers_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("expert_id", name=op.f("pk_identity_numbers")),
    )
    op.create_table(
        "acts_on_behalf",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("liaison_name", sa.String(length=40), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.Column("subject_kind", sa.String(length=24), nullable=False),
        sa.Column("subject_id", sa.String(length=24), nullable=False),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column(
            "channel",
            sa.Enum("phone", "paper", "visit", name="Channel", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("objected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("objection", sa.String(length=400), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.String(length=40), nullable=False),
        sa.Column("settlement", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_acts_on_behalf_account_id_accounts"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_acts_on_behalf_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acts_on_behalf")),
    )
    with op.batch_alter_table("acts_on_behalf", schema=None) as batch_op:
        batch_op.create_index("ix_acts_on_behalf_person", ["expert_id", "acted_at"], unique=False)

    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("hint", sa.String(length=12), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("permissions", sa.String(length=400), nullable=False),
        sa.Column("division_prefix", sa.String(length=12), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["accounts.id"], name=op.f("fk_api_tokens_created_by_id_accounts"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_table(
        "entry_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("issued_by_id", sa.Integer(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("spent_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_entry_codes_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["issued_by_id"], ["accounts.id"], name=op.f("fk_entry_codes_issued_by_id_accounts"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_entry_codes_code_hash")),
    )
    with op.batch_alter_table("entry_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_entry_codes_account_id"), ["account_id"], unique=False)

    op.create_table(
        "liaison_assignments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_liaison_assignments_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["expert_id"], ["experts.id"], name=op.f("fk_liaison_assignments_expert_id_experts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_liaison_assignments")),
    )
    with op.batch_alter_table("liaison_assignments", schema=None) as batch_op:
        batch_op.create_index("ix_liaison_assignments_current", ["account_id", "ended_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_liaison_assignments_expert_id"), ["expert_id"], unique=False)
        batch_op.create_index(
            "uq_liaison_assignments_one_current",
            ["expert_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_recovery_codes_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_recovery_codes_code_hash")),
    )
    with op.batch_alter_table("recovery_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recovery_codes_account_id"), ["account_id"], unique=False)

    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("password", "device", name="SignInKind", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("device", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_sign_ins_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_ins_token_hash")),
    )
    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.create_index("ix_sign_ins_account", ["account_id", "ended_at"], unique=False)

    with op.batch_alter_table("contact_details", schema=None) as batch_op:
        batch_op.alter_column("value", existing_type=sa.VARCHAR(length=200), type_=sa.Text(), existing_nullable=False)

    op.execute(
        sa.text("INSERT INTO audit_head (id, last_id, last_hash) VALUES (1, 0, :genesis)").bindparams(genesis="0" * 64)
    )
    _guard_the_audit()
    _rewrite_contacts(encrypt=True)


def downgrade() -> None:
    _rewrite_contacts(encrypt=False)
    _unguard_the_audit()
    with op.batch_alter_table("contact_details", schema=None) as batch_op:
        batch_op.alter_column("value", existing_type=sa.Text(), type_=sa.VARCHAR(length=200), existing_nullable=False)

    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.drop_index("ix_sign_ins_account")

    op.drop_table("sign_ins")
    with op.batch_alter_table("recovery_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_recovery_codes_account_id"))

    op.drop_table("recovery_codes")
    with op.batch_alter_table("liaison_assignments", schema=None) as batch_op:
        batch_op.drop_index("uq_liaison_assignments_one_current")
        batch_op.drop_index(batch_op.f("ix_liaison_assignments_expert_id"))
        batch_op.drop_index("ix_liaison_assignments_current")

    op.drop_table("liaison_assignments")
    with op.batch_alter_table("entry_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_entry_codes_account_id"))

    op.drop_table("entry_codes")
    op.drop_table("api_tokens")
    with op.batch_alter_table("acts_on_behalf", schema=None) as batch_op:
        batch_op.drop_index("ix_acts_on_behalf_person")

    op.drop_table("acts_on_behalf")
    op.drop_table("identity_numbers")
    op.drop_table("health_notes")
    op.drop_table("hardship_notes")
    op.drop_table("expert_photos")
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.drop_index("ix_consents_person")

    op.drop_table("consents")
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_role"))

    op.drop_table("accounts")
    op.drop_table("data_keys")
    op.drop_table("audit_head")
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_events_subject")
        batch_op.drop_index("ix_audit_events_on_behalf")
        batch_op.drop_index("ix_audit_events_at")
        batch_op.drop_index("ix_audit_events_actor")
        batch_op.drop_index("ix_audit_events_action")

    op.drop_table("audit_events")


def _guard_the_audit() -> None:
    dialect = op.get_bind().dialect.name
    for _, statement in _GUARDS[dialect if dialect == "sqlite" else "postgresql"]:
        op.execute(sa.text(statement))


def _unguard_the_audit() -> None:
    dialect = op.get_bind().dialect.name
    for name, _ in reversed(_GUARDS[dialect if dialect == "sqlite" else "postgresql"]):
        op.execute(sa.text(f"DROP {name}"))


def _rewrite_contacts(encrypt: bool) -> None:
    """Contact data that is there already, by the key that the engine was opened with. Raises `KeysUnusable`."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, subject, subject_id, value FROM contact_details")).all()
    if not rows:
        return
    keyring = keyring_of(connection.dialect)
    change = keyring.encrypt if encrypt else keyring.decrypt
    connection.execute(
        sa.text("UPDATE contact_details SET value = :value WHERE id = :id"),
        [
            {"id": row.id, "value": change(row.value, place_of("contact_details.value", (row.subject, row.subject_id)))}
            for row in rows
        ],
    )
