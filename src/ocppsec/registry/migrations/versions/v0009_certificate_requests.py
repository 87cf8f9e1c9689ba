"""Certificate requests of stations, and what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "certificate_requests",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("csr", sa.Text(), nullable=False),
        sa.Column("public_key_sha256", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("repeated_at", MOMENT, nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_certificate_requests"),
        sa.UniqueConstraint("id", name="uq_certificate_requests_id"),
    )
    op.create_index(
        "ix_certificate_requests_identity_public_key_sha256",
        "certificate_requests",
        ["identity", "public_key_sha256"],
        unique=False,
    )
    op.create_index("ix_certificate_requests_state", "certificate_requests", ["state"], unique=False)


def downgrade() -> None:
    op.drop_table("certificate_requests")
