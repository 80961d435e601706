"""Summarized journal entries, and which component of which record is in which of their lines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TENANT = "NULLIF(current_setting('app.organization_id', true), '')::uuid"
TABLES = ("journal_entries", "journal_members")


def upgrade() -> None:
    op.create_table(
        "journal_entries",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("period_from", sa.Date(), nullable=False),
        sa.Column("period_to", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("billing_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("txn_date", sa.Date(), nullable=True),
        sa.Column("memo", sa.String(), nullable=True),
        sa.Column("exchange_rate", sa.Numeric(28, 12), nullable=True),
        sa.Column(
            "lines", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_journal_entries_organization_id_company_id_companies"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "integration_id"],
            ["integrations.organization_id", "integrations.id"],
            name=op.f("fk_journal_entries_organization_id_integration_id_integrations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_entries")),
        sa.UniqueConstraint(
            "organization_id", "id", name=op.f("uq_journal_entries_organization_id_id")
        ),
        sa.UniqueConstraint(
            "company_id", "billing_id", name=op.f("uq_journal_entries_company_id_billing_id")
        ),
        sa.UniqueConstraint(
            "company_id",
            "period",
            "kind",
            "currency",
            "sequence",
            name=op.f("uq_journal_entries_company_id_period_kind_currency_sequence"),
        ),
    )
    op.create_index(
        op.f("ix_journal_entries_integration_id_period_from"),
        "journal_entries",
        ["integration_id", "period_from"],
    )
    op.create_table(
        "journal_members",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("billing_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sign", sa.Integer(), nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("amount", sa.Numeric(19, 6), nullable=False),
        sa.Column("rate", sa.Numeric(28, 12), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("customer", sa.String(), nullable=True),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("sign IN (-1, 1)", name=op.f("ck_journal_members_sign")),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_journal_members_amount")),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_journal_members_organization_id_company_id_companies"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "entry_id"],
            ["journal_entries.organization_id", "journal_entries.id"],
            name=op.f("fk_journal_members_organization_id_entry_id_journal_entries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_members")),
        sa.UniqueConstraint(
            "organization_id", "id", name=op.f("uq_journal_members_organization_id_id")
        ),
        sa.UniqueConstraint(
            "company_id",
            "kind",
            "billing_id",
            "revision",
            "component",
            "sign",
            name="uq_journal_members_once",
        ),
    )
    op.create_index(
        op.f("ix_journal_members_entry_id_line_id"), "journal_members", ["entry_id", "line", "id"]
    )
    op.create_index(
        op.f("ix_journal_members_company_id_day"), "journal_members", ["company_id", "day"]
    )
    for table in TABLES:
        wall_in(table)


def wall_in(table: str) -> None:
    """Let the app role see and write only the rows of the organization in context."""
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO ledgerwire_app")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {table} TO ledgerwire_app"
        f" USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT})"
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
