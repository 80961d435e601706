"""Dry runs: jobs that only plan, the plan's lines, and what preflight found before an export."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TENANT = "NULLIF(current_setting('app.organization_id', true), '')::uuid"
OBJECT = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
LIST = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.add_column(
        "jobs",
        sa.Column("dry_run", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("jobs", sa.Column("plan_expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("applies", sa.Uuid(), nullable=True))
    op.add_column("jobs", sa.Column("findings", OBJECT, nullable=True))
    op.add_column("companies", sa.Column("preflight", OBJECT, nullable=True))
    op.create_foreign_key(
        "fk_jobs_organization_id_applies_jobs",
        "jobs",
        "jobs",
        ["organization_id", "applies"],
        ["organization_id", "id"],
    )
    op.create_index("uq_jobs_applies", "jobs", ["applies"], unique=True)
    _plan_lines()
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON plan_lines TO ledgerwire_app")
    op.execute("ALTER TABLE plan_lines ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE plan_lines FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON plan_lines TO ledgerwire_app"
        f" USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT})"
    )


def _plan_lines() -> None:
    op.create_table(
        "plan_lines",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("billing_id", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("document_type", sa.String(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("content_hash", sa.String(), nullable=True),
        sa.Column("plan_hash", sa.String(), nullable=False),
        sa.Column("rests_on", OBJECT, nullable=False),
        sa.Column("needs", LIST, nullable=False),
        sa.Column("reads", LIST, nullable=False),
        sa.Column("effect", OBJECT, nullable=True),
        sa.Column("shown", OBJECT, nullable=False),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("total", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("tax", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("lane", sa.String(), nullable=True),
        sa.Column("read_calls", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.id"],
            name=op.f("fk_plan_lines_organization_id_job_id_jobs"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "record_id"],
            ["job_records.organization_id", "job_records.id"],
            name=op.f("fk_plan_lines_organization_id_record_id_job_records"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_lines")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_plan_lines_organization_id_id")),
        sa.UniqueConstraint(
            "job_id",
            "step",
            "kind",
            "billing_id",
            "operation",
            name=op.f("uq_plan_lines_job_id_step_kind_billing_id_operation"),
        ),
    )
    op.create_index(
        op.f("ix_plan_lines_job_id_position"), "plan_lines", ["job_id", "position"], unique=False
    )
    op.create_index(
        op.f("ix_plan_lines_job_id_subject"), "plan_lines", ["job_id", "subject"], unique=False
    )


def downgrade() -> None:
    op.drop_table("plan_lines")
    op.drop_column("companies", "preflight")
    op.drop_index("uq_jobs_applies", table_name="jobs")
    op.drop_constraint("fk_jobs_organization_id_applies_jobs", "jobs", type_="foreignkey")
    for column in ("findings", "applies", "plan_expires_at", "dry_run"):
        op.drop_column("jobs", column)
