"""Renewals of station certificates, and the ways they and serial numbers are looked up."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "renewals",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deadline", MOMENT, nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_renewals"),
        sa.UniqueConstraint("id", name="uq_renewals_id"),
    )
    op.create_index("ix_renewals_identity", "renewals", ["identity"], unique=False)
    op.create_index(
        "uq_renewals_open",
        "renewals",
        ["identity"],
        unique=True,
        sqlite_where=sa.text("open"),
        postgresql_where=sa.text("open"),
    )
    op.create_index("ix_certificates_state_not_after", "certificates", ["state", "not_after"], unique=False)
    op.create_index("ix_certificates_serial_number", "certificates", ["serial_number"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_certificates_serial_number", "certificates")
    op.drop_index("ix_certificates_state_not_after", "certificates")
    op.drop_table("renewals")
