"""What stays open above a station's target behind a step down."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", sa.Column("open_to", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("stations", "open_to")
