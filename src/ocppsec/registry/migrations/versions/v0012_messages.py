"""What was said at a step of an upgrade."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("upgrade_steps", sa.Column("messages", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("upgrade_steps", "messages")
