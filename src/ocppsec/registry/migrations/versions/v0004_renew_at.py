"""When the renewal of a certificate is due is settled when it is issued; older ones get two thirds of their life."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("certificates", sa.Column("renew_at", MOMENT, nullable=True))
    table = sa.table(
        "certificates",
        sa.column("number", sa.Integer()),
        sa.column("issued_at", MOMENT),
        sa.column("not_after", MOMENT),
        sa.column("renew_at", MOMENT),
    )
    connection = op.get_bind()
    for number, begin, end in connection.execute(
        sa.select(table.c.number, table.c.issued_at, table.c.not_after)
    ).all():
        due = begin + (end - begin) * 2 / 3
        connection.execute(sa.update(table).where(table.c.number == number).values(renew_at=due))
    op.drop_index("ix_certificates_state_not_after", "certificates")
    op.create_index("ix_certificates_state_renew_at", "certificates", ["state", "renew_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_certificates_state_renew_at", "certificates")
    op.create_index("ix_certificates_state_not_after", "certificates", ["state", "not_after"], unique=False)
    op.drop_column("certificates", "renew_at")
