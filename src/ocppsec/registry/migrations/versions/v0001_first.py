"""The first schema: stations, passwords, certificates, attempts, security events, upgrades with their steps."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("share", sa.String(length=80), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("identity", sa.String(length=48), nullable=True),
        sa.Column("profile", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("presented", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_attempts"),
    )
    op.create_index("ix_attempts_address_number", "attempts", ["address", "number"], unique=False)
    op.create_index("ix_attempts_identity_number", "attempts", ["identity", "number"], unique=False)
    op.create_index("ix_attempts_share_number", "attempts", ["share", "number"], unique=False)
    op.create_table(
        "certificates",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("serial_number", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("public_key_sha256", sa.String(length=64), nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("not_after", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("activated_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("revocation_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_certificates"),
        sa.UniqueConstraint("fingerprint", name="uq_certificates_fingerprint"),
        sa.UniqueConstraint("public_key_sha256", name="uq_certificates_public_key_sha256"),
    )
    op.create_index("ix_certificates_identity", "certificates", ["identity"], unique=False)
    op.create_table(
        "security_events",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("timestamp", MOMENT, nullable=False),
        sa.Column("tech_info", sa.Text(), nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_security_events"),
    )
    op.create_index(
        "ix_security_events_identity_number", "security_events", ["identity", "number"], unique=False
    )
    op.create_table(
        "stations",
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("serial_number", sa.String(length=64), nullable=False),
        sa.Column("floor", sa.Integer(), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("observed", sa.Integer(), nullable=True),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("registered_at", MOMENT, nullable=True),
        sa.Column("last_seen_at", MOMENT, nullable=True),
        sa.Column("vendor", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("firmware_version", sa.Text(), nullable=True),
        sa.Column("reported_serial_number", sa.Text(), nullable=True),
        sa.Column("boot_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "floor BETWEEN 0 AND 3 AND target BETWEEN floor AND 3", name="ck_stations_profiles"
        ),
        sa.PrimaryKeyConstraint("identity", name="pk_stations"),
        sa.UniqueConstraint("serial_number", name="uq_stations_serial_number"),
    )
    op.create_table(
        "upgrades",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deadline", MOMENT, nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_upgrades"),
        sa.UniqueConstraint("id", name="uq_upgrades_id"),
    )
    op.create_index("ix_upgrades_identity", "upgrades", ["identity"], unique=False)
    op.create_index(
        "uq_upgrades_open",
        "upgrades",
        ["identity"],
        unique=True,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "passwords",
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["identity"], ["stations.identity"], name="fk_passwords_identity", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("identity", "position", name="pk_passwords"),
    )
    op.create_table(
        "upgrade_steps",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("upgrade", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upgrade"], ["upgrades.id"], name="fk_upgrade_steps_upgrade", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_upgrade_steps"),
    )
    op.create_index("ix_upgrade_steps_upgrade", "upgrade_steps", ["upgrade"], unique=False)


def downgrade() -> None:
    for table in (
        "upgrade_steps",
        "passwords",
        "upgrades",
        "stations",
        "security_events",
        "certificates",
        "attempts",
    ):
        op.drop_table(table)
