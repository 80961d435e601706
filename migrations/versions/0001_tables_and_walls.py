"""
The tables of the main job, with their walls.

Row-level security is forced on every tenant table. The login may be a superuser or the owner, so
each transaction takes on one of two roles: `ledgerwire_app` sees one organization's rows,
`ledgerwire_door` the few columns that must be found across organizations.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "api_keys",
    "kept_answers",
    "companies",
    "integrations",
    "connections",
    "pending_authorizations",
    "lanes",
    "billing_records",
    "book_entries",
    "mappings",
    "links",
    "postings",
    "posting_events",
    "attempts",
    "strays",
    "jobs",
    "job_steps",
    "job_records",
)
# What the door may do: find a key by its prefix, an authorization by its hash, a realm's holder,
# a lane that is due; list and create organizations; count what waits. Nothing else.
DOOR_RIGHTS = {
    "organizations": "SELECT, INSERT",
    "api_keys": "SELECT, UPDATE (last_used_at)",
    "pending_authorizations": "SELECT",
    "companies": "SELECT (id, organization_id, provider, environment, realm_id, held)",
    "lanes": "SELECT, UPDATE (lease_owner, lease_until, fence, last_slice_at)",
    "jobs": "SELECT (status, queued_at)",
    "postings": "SELECT (state, first_sent_at)",
    "connections": "SELECT (status)",
}
TENANT = "NULLIF(current_setting('app.organization_id', true), '')::uuid"
CREATE_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        BEGIN
            GRANT {role} TO CURRENT_USER;
        EXCEPTION WHEN OTHERS THEN
            IF NOT pg_has_role(current_user, '{role}', 'MEMBER') THEN
                RAISE EXCEPTION 'The role {role} exists, and % is no member of it. As a superuser: GRANT {role} TO %', current_user, current_user;
            END IF;
        END;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'Creating the role {role} was refused. As a superuser: CREATE ROLE {role} NOLOGIN; GRANT {role} TO %', current_user;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
    )
    op.create_table(
        "api_keys",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("key_hash", sa.String(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_api_keys_organization_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_api_keys_organization_id_id")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    op.create_table(
        "companies",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("realm_id", sa.String(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column(
            "profile", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("profile_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_companies_organization_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_companies_organization_id_id")),
        sa.UniqueConstraint(
            "organization_id",
            "provider",
            "environment",
            "realm_id",
            name=op.f("uq_companies_organization_id_provider_environment_realm_id"),
        ),
    )
    op.create_index(
        "uq_companies_held_realm",
        "companies",
        ["provider", "environment", "realm_id"],
        unique=True,
        postgresql_where=sa.text("held"),
    )
    op.create_table(
        "kept_answers",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("content_type", sa.String(), nullable=True),
        sa.Column("location", sa.String(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_kept_answers_organization_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_answers")),
        sa.UniqueConstraint(
            "organization_id", "key", name=op.f("uq_kept_answers_organization_id_key")
        ),
    )
    op.create_index(
        op.f("ix_kept_answers_created_at"), "kept_answers", ["created_at"], unique=False
    )
    op.create_table(
        "book_entries",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column(
            "body", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("created_in_books_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_in_books_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_book_entries_organization_id_company_id_companies"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_entries")),
        sa.UniqueConstraint(
            "company_id",
            "kind",
            "external_id",
            name=op.f("uq_book_entries_company_id_kind_external_id"),
        ),
        sa.UniqueConstraint(
            "organization_id", "id", name=op.f("uq_book_entries_organization_id_id")
        ),
    )
    op.create_index(
        op.f("ix_book_entries_company_id_kind_name_key"),
        "book_entries",
        ["company_id", "kind", "name_key"],
        unique=False,
    )
    op.create_table(
        "integrations",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("source_system", sa.String(), nullable=False),
        sa.Column("master_customers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("allowed_return_urls", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column(
            "settings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_integrations_organization_id_company_id_companies"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_integrations_organization_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integrations")),
        sa.UniqueConstraint(
            "organization_id", "id", name=op.f("uq_integrations_organization_id_id")
        ),
    )
    op.create_index(
        "uq_integrations_live_company",
        "integrations",
        ["company_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND company_id IS NOT NULL"),
    )
    op.create_table(
        "lanes",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("last_slice_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("watermark_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_lanes_organization_id_company_id_companies"),
        ),
        sa.PrimaryKeyConstraint("company_id", name=op.f("pk_lanes")),
    )
    op.create_index(op.f("ix_lanes_due_at"), "lanes", ["due_at"], unique=False)
    op.create_table(
        "links",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("billing_id", sa.String(), nullable=False),
        sa.Column("source_system", sa.String(), nullable=False),
        sa.Column("marker", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("sync_token", sa.String(), nullable=True),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("content_hash", sa.String(), nullable=True),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.Column("total", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("tax", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("unapplied", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column(
            "details", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('absent', 'live', 'voided', 'missing', 'drifted')",
            name=op.f("ck_links_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_links_organization_id_company_id_companies"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
        sa.UniqueConstraint(
            "company_id", "kind", "billing_id", name=op.f("uq_links_company_id_kind_billing_id")
        ),
        sa.UniqueConstraint(
            "company_id", "kind", "external_id", name=op.f("uq_links_company_id_kind_external_id")
        ),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_links_organization_id_id")),
    )
    op.create_index(
        op.f("ix_links_company_id_marker"), "links", ["company_id", "marker"], unique=False
    )
    op.create_table(
        "mappings",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sa.Column("target_name", sa.String(), nullable=False),
        sa.Column(
            "extra", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "seen", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("confirmed_by", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_mappings_organization_id_company_id_companies"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mappings")),
        sa.UniqueConstraint(
            "company_id", "kind", "key", name=op.f("uq_mappings_company_id_kind_key")
        ),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_mappings_organization_id_id")),
    )
    op.create_table(
        "strays",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("marker", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("total", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column(
            "found_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_strays_organization_id_company_id_companies"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strays")),
        sa.UniqueConstraint(
            "company_id", "kind", "external_id", name=op.f("uq_strays_company_id_kind_external_id")
        ),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_strays_organization_id_id")),
    )
    op.create_index(
        op.f("ix_strays_company_id_marker"), "strays", ["company_id", "marker"], unique=False
    )
    op.create_table(
        "billing_records",
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("billing_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("customer_billing_id", sa.String(), nullable=True),
        sa.Column("record_date", sa.Date(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("tax", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column(
            "body", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "integration_id"],
            ["integrations.organization_id", "integrations.id"],
            name=op.f("fk_billing_records_organization_id_integration_id_integrations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_records")),
        sa.UniqueConstraint(
            "integration_id",
            "kind",
            "billing_id",
            name=op.f("uq_billing_records_integration_id_kind_billing_id"),
        ),
        sa.UniqueConstraint(
            "organization_id", "id", name=op.f("uq_billing_records_organization_id_id")
        ),
    )
    op.create_index(
        op.f("ix_billing_records_integration_id_kind_customer_billing_id"),
        "billing_records",
        ["integration_id", "kind", "customer_billing_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_billing_records_integration_id_kind_number"),
        "billing_records",
        ["integration_id", "kind", "number"],
        unique=False,
    )
    op.create_index(
        op.f("ix_billing_records_integration_id_kind_record_date"),
        "billing_records",
        ["integration_id", "kind", "record_date"],
        unique=False,
    )
    op.create_table(
        "connections",
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("access_token", sa.String(), nullable=True),
        sa.Column("refresh_token", sa.String(), nullable=True),
        sa.Column("access_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("refresh_lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_lease_owner", sa.String(), nullable=True),
        sa.Column(
            "connected_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disconnected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_connections_organization_id_company_id_companies"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "integration_id"],
            ["integrations.organization_id", "integrations.id"],
            name=op.f("fk_connections_organization_id_integration_id_integrations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
        sa.UniqueConstraint("integration_id", name=op.f("uq_connections_integration_id")),
        sa.UniqueConstraint(
            "organization_id", "id", name=op.f("uq_connections_organization_id_id")
        ),
    )
    op.create_table(
        "jobs",
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("operation_type", sa.String(), nullable=False),
        sa.Column("resources", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("range_from", sa.Date(), nullable=True),
        sa.Column("range_to", sa.Date(), nullable=True),
        sa.Column("range_basis", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("retry_of", sa.Uuid(), nullable=True),
        sa.Column(
            "selection", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("paused_reason", sa.String(), nullable=True),
        sa.Column("paused_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resume_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "queued_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "counts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("amounts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "quickbooks_calls",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=False,
        ),
        sa.Column(
            "failure", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_jobs_organization_id_company_id_companies"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "integration_id"],
            ["integrations.organization_id", "integrations.id"],
            name=op.f("fk_jobs_organization_id_integration_id_integrations"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "retry_of"],
            ["jobs.organization_id", "jobs.id"],
            name=op.f("fk_jobs_organization_id_retry_of_jobs"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_jobs_organization_id_id")),
    )
    op.create_index(
        op.f("ix_jobs_integration_id_id"), "jobs", ["integration_id", "id"], unique=False
    )
    op.create_index(
        "ix_jobs_open",
        "jobs",
        ["company_id", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'running', 'paused')"),
    )
    op.create_index(op.f("ix_jobs_status"), "jobs", ["status"], unique=False)
    op.create_table(
        "pending_authorizations",
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("page_hash", sa.String(), nullable=False),
        sa.Column("state_hash", sa.String(), nullable=True),
        sa.Column("browser_hash", sa.String(), nullable=True),
        sa.Column("return_url", sa.String(), nullable=False),
        sa.Column("allow_other_company", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "integration_id"],
            ["integrations.organization_id", "integrations.id"],
            name=op.f("fk_pending_authorizations_organization_id_integration_id_integrations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_authorizations")),
        sa.UniqueConstraint(
            "organization_id", "id", name=op.f("uq_pending_authorizations_organization_id_id")
        ),
        sa.UniqueConstraint("page_hash", name=op.f("uq_pending_authorizations_page_hash")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_pending_authorizations_state_hash")),
    )
    op.create_table(
        "postings",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("expected_total", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("expected_tax", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column(
            "hints", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column(
            "fault", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("posted_total", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("posted_tax", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'unknown', 'parked', 'conflict', 'posted', 'rejected', 'cancelled')",
            name=op.f("ck_postings_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_postings_organization_id_company_id_companies"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "link_id"],
            ["links.organization_id", "links.id"],
            name=op.f("fk_postings_organization_id_link_id_links"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_postings")),
        sa.UniqueConstraint(
            "company_id", "request_id", name=op.f("uq_postings_company_id_request_id")
        ),
        sa.UniqueConstraint(
            "link_id",
            "operation",
            "generation",
            name=op.f("uq_postings_link_id_operation_generation"),
        ),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_postings_organization_id_id")),
    )
    op.create_index(
        "ix_postings_unsettled",
        "postings",
        ["company_id", "next_look_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'sending', 'unknown', 'parked')"),
    )
    op.create_index(
        "uq_postings_open_link",
        "postings",
        ["link_id"],
        unique=True,
        postgresql_where=sa.text(
            "state IN ('pending', 'sending', 'unknown', 'parked', 'conflict')"
        ),
    )
    op.create_table(
        "attempts",
        sa.Column("posting_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("fault_code", sa.String(), nullable=True),
        sa.Column("trace_id", sa.String(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "posting_id"],
            ["postings.organization_id", "postings.id"],
            name=op.f("fk_attempts_organization_id_posting_id_postings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_attempts_organization_id_id")),
        sa.UniqueConstraint("posting_id", "number", name=op.f("uq_attempts_posting_id_number")),
    )
    op.create_table(
        "job_steps",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column(
            "cursor", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "counts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.id"],
            name=op.f("fk_job_steps_organization_id_job_id_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_steps")),
        sa.UniqueConstraint("job_id", "position", name=op.f("uq_job_steps_job_id_position")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_job_steps_organization_id_id")),
    )
    op.create_table(
        "posting_events",
        sa.Column("posting_id", sa.Uuid(), nullable=False),
        sa.Column("from_state", sa.String(), nullable=True),
        sa.Column("to_state", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column(
            "details", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "posting_id"],
            ["postings.organization_id", "postings.id"],
            name=op.f("fk_posting_events_organization_id_posting_id_postings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting_events")),
        sa.UniqueConstraint(
            "organization_id", "id", name=op.f("uq_posting_events_organization_id_id")
        ),
    )
    op.create_index(
        op.f("ix_posting_events_posting_id_id"),
        "posting_events",
        ["posting_id", "id"],
        unique=False,
    )
    op.create_table(
        "job_records",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("step_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("billing_id", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("billing_number", sa.String(), nullable=True),
        sa.Column("customer", sa.String(), nullable=True),
        sa.Column("record_date", sa.Date(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("tax", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=True),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("document_type", sa.String(), nullable=True),
        sa.Column("document_id", sa.String(), nullable=True),
        sa.Column("document_number", sa.String(), nullable=True),
        sa.Column("posted_amount", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("posted_tax", sa.Numeric(precision=19, scale=6), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("explanation", sa.String(), nullable=True),
        sa.Column("fixes", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column(
            "details", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.id"],
            name=op.f("fk_job_records_organization_id_job_id_jobs"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "posting_id"],
            ["postings.organization_id", "postings.id"],
            name=op.f("fk_job_records_organization_id_posting_id_postings"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "step_id"],
            ["job_steps.organization_id", "job_steps.id"],
            name=op.f("fk_job_records_organization_id_step_id_job_steps"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_records")),
        sa.UniqueConstraint(
            "organization_id", "id", name=op.f("uq_job_records_organization_id_id")
        ),
        sa.UniqueConstraint(
            "step_id",
            "kind",
            "billing_id",
            "operation",
            name=op.f("uq_job_records_step_id_kind_billing_id_operation"),
        ),
    )
    op.create_index(
        op.f("ix_job_records_job_id_state_action"),
        "job_records",
        ["job_id", "state", "action"],
        unique=False,
    )
    op.create_index(op.f("ix_job_records_posting_id"), "job_records", ["posting_id"], unique=False)
    op.create_index(
        op.f("ix_job_records_organization_id_kind_billing_id_id"),
        "job_records",
        ["organization_id", "kind", "billing_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_job_records_step_id_position"),
        "job_records",
        ["step_id", "position"],
        unique=False,
    )
    raise_walls()


def raise_walls() -> None:
    """Create the roles, give them their rights, and force row-level security."""
    for role in ("ledgerwire_app", "ledgerwire_door"):
        op.execute(CREATE_ROLE.format(role=role))
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    op.execute("ALTER TABLE organizations ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE organizations FORCE ROW LEVEL SECURITY")
    op.execute("GRANT SELECT ON organizations TO ledgerwire_app")
    op.execute(f"CREATE POLICY tenant ON organizations TO ledgerwire_app USING (id = {TENANT})")
    for table in TENANT_TABLES:
        wall_in(table)
    for table, rights in DOOR_RIGHTS.items():
        op.execute(f"GRANT {rights} ON {table} TO ledgerwire_door")
        op.execute(
            f"CREATE POLICY door ON {table} TO ledgerwire_door USING (true) WITH CHECK (true)"
        )


def wall_in(table: str) -> None:
    """Let the app role see and write only the rows of the organization in context."""
    rights = "SELECT, INSERT" if table == "posting_events" else "SELECT, INSERT, UPDATE, DELETE"
    op.execute(f"GRANT {rights} ON {table} TO ledgerwire_app")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {table} TO ledgerwire_app"
        f" USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT})"
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_job_records_step_id_position"), table_name="job_records")
    op.drop_index(
        op.f("ix_job_records_organization_id_kind_billing_id_id"), table_name="job_records"
    )
    op.drop_index(op.f("ix_job_records_posting_id"), table_name="job_records")
    op.drop_index(op.f("ix_job_records_job_id_state_action"), table_name="job_records")
    op.drop_table("job_records")
    op.drop_index(op.f("ix_posting_events_posting_id_id"), table_name="posting_events")
    op.drop_table("posting_events")
    op.drop_table("job_steps")
    op.drop_table("attempts")
    op.drop_index(
        "uq_postings_open_link",
        table_name="postings",
        postgresql_where=sa.text(
            "state IN ('pending', 'sending', 'unknown', 'parked', 'conflict')"
        ),
    )
    op.drop_index(
        "ix_postings_unsettled",
        table_name="postings",
        postgresql_where=sa.text("state IN ('pending', 'sending', 'unknown', 'parked')"),
    )
    op.drop_table("postings")
    op.drop_table("pending_authorizations")
    op.drop_index(op.f("ix_jobs_status"), table_name="jobs")
    op.drop_index(
        "ix_jobs_open",
        table_name="jobs",
        postgresql_where=sa.text("status IN ('queued', 'running', 'paused')"),
    )
    op.drop_index(op.f("ix_jobs_integration_id_id"), table_name="jobs")
    op.drop_table("jobs")
    op.drop_table("connections")
    op.drop_index(
        op.f("ix_billing_records_integration_id_kind_record_date"), table_name="billing_records"
    )
    op.drop_index(
        op.f("ix_billing_records_integration_id_kind_number"), table_name="billing_records"
    )
    op.drop_index(
        op.f("ix_billing_records_integration_id_kind_customer_billing_id"),
        table_name="billing_records",
    )
    op.drop_table("billing_records")
    op.drop_index(op.f("ix_strays_company_id_marker"), table_name="strays")
    op.drop_table("strays")
    op.drop_table("mappings")
    op.drop_index(op.f("ix_links_company_id_marker"), table_name="links")
    op.drop_table("links")
    op.drop_index(op.f("ix_lanes_due_at"), table_name="lanes")
    op.drop_table("lanes")
    op.drop_index(
        "uq_integrations_live_company",
        table_name="integrations",
        postgresql_where=sa.text("deleted_at IS NULL AND company_id IS NOT NULL"),
    )
    op.drop_table("integrations")
    op.drop_index(op.f("ix_book_entries_company_id_kind_name_key"), table_name="book_entries")
    op.drop_table("book_entries")
    op.drop_index(op.f("ix_kept_answers_created_at"), table_name="kept_answers")
    op.drop_table("kept_answers")
    op.drop_index(
        "uq_companies_held_realm", table_name="companies", postgresql_where=sa.text("held")
    )
    op.drop_table("companies")
    op.drop_table("api_keys")
    op.drop_table("organizations")
