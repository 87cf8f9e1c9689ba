"""Each time another CA is asked for a certificate, kept before it is asked."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "signing_orders",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("public_key_sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("revocation", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_signing_orders"),
        sa.UniqueConstraint("id", name="uq_signing_orders_id"),
    )
    op.create_index("ix_signing_orders_identity", "signing_orders", ["identity"], unique=False)
    op.create_index(
        "ix_signing_orders_public_key_sha256", "signing_orders", ["public_key_sha256"], unique=False
    )
    op.create_index(
        "ix_signing_orders_state_revocation", "signing_orders", ["state", "revocation"], unique=False
    )


def downgrade() -> None:
    op.drop_table("signing_orders")
