"""How new stations come in, and who may come with an expired certificate."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "onboarding",
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("way", sa.String(length=20), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("most_connections", sa.Integer(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("connections", sa.Integer(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("manufacturer", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_at", MOMENT, nullable=True),
        sa.Column("own_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("identity", name="pk_onboarding"),
        sa.ForeignKeyConstraint(
            ["identity"], ["stations.identity"], name="fk_onboarding_identity", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_onboarding_stage", "onboarding", ["stage"], unique=False)
    op.create_table(
        "allowances",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("how", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_allowances"),
        sa.UniqueConstraint("id", name="uq_allowances_id"),
    )
    op.create_index("ix_allowances_identity", "allowances", ["identity"], unique=False)
    op.create_index(
        "uq_allowances_open",
        "allowances",
        ["identity"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("allowances")
    op.drop_table("onboarding")
