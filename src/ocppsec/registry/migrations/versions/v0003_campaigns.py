"""Labels of stations; campaigns with their stations and their history."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("stations", sa.Column("labels", sa.Text(), server_default="{}", nullable=False))
    op.create_table(
        "campaigns",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_campaigns"),
        sa.UniqueConstraint("id", name="uq_campaigns_id"),
    )
    op.create_table(
        "campaign_members",
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.id"], name="fk_campaign_members_campaign", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("campaign", "position", name="pk_campaign_members"),
    )
    op.create_table(
        "campaign_lines",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.id"], name="fk_campaign_lines_campaign", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_campaign_lines"),
    )
    op.create_index("ix_campaign_lines_campaign", "campaign_lines", ["campaign"], unique=False)


def downgrade() -> None:
    for table in ("campaign_lines", "campaign_members", "campaigns"):
        op.drop_table(table)
    op.drop_column("stations", "labels")
