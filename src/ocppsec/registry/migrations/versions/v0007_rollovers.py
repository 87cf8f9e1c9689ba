"""Root rollovers, each station's part in them, and which roots stations have."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "rollovers",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=20), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_rollovers"),
        sa.UniqueConstraint("id", name="uq_rollovers_id"),
    )
    op.create_index(
        "uq_rollovers_open",
        "rollovers",
        ["open"],
        unique=True,
        sqlite_where=sa.text("open"),
        postgresql_where=sa.text("open"),
    )
    op.create_table(
        "rollover_stations",
        sa.Column("rollover", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("deadline", MOMENT, nullable=True),
        sa.Column("met_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["rollover"], ["rollovers.id"], name="fk_rollover_stations_rollover", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["identity"], ["stations.identity"], name="fk_rollover_stations_identity", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("rollover", "identity", name="pk_rollover_stations"),
    )
    op.create_index("ix_rollover_stations_identity", "rollover_stations", ["identity"], unique=False)
    op.create_table(
        "trust_reports",
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("roots", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["identity"], ["stations.identity"], name="fk_trust_reports_identity", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("identity", name="pk_trust_reports"),
    )


def downgrade() -> None:
    op.drop_table("trust_reports")
    op.drop_index("ix_rollover_stations_identity", "rollover_stations")
    op.drop_table("rollover_stations")
    op.drop_index("uq_rollovers_open", "rollovers")
    op.drop_table("rollovers")
