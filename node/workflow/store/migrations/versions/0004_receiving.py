"""The receiving end: journals and how far they are filed, quarantine with reasons, callers turned away, notices by N-services."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables; what was kept aside so far is quarantined for its one reason."""
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("sop_instance_uid", "digest", "path", "kind", "reason")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("association", "calling_ae", "called_ae", "address", "received_at")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("released_at", "released_by", "told")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("quarantine_by_instance", "quarantine", ["sop_instance_uid"], unique=False)
    op.execute(
        "INSERT INTO quarantine (sop_instance_uid, digest, path, kind, reason, association, calling_ae, called_ae, address, received_at) "
        "SELECT sop_instance_uid, digest, path, 'changed', 'its UID was here with other bytes', '', calling_ae, '', '', received_at "
        "FROM changed"
    )
    op.drop_table("changed")
    names = "sop_instance_uid, digest, path, association, calling_ae, called_ae, address, received_at"
    op.execute(
        f"INSERT INTO quarantine ({names}, kind, reason) SELECT {names}, 'unreadable', problem FROM instances WHERE problem IS NOT NULL"
    )
    for name in ("peer", "writer"):
        op.add_column("associations", sa.Column(name, sa.Text(), nullable=True))
    op.create_index("associations_open", "associations", ["writer"], unique=False, sqlite_where=sa.text("closed_at IS NULL"))
    op.create_table(
        "journals",
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("offset", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("writer"),
    )
    op.create_table(
        "callers",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("calling_ae", "called_ae", "host", "certificate", "why")),
        sa.Column("times", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("first_at", "last_at")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("accepted_as", "accepted_by", "accepted_at", "reason")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("calling_ae", "host"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("association", "kind", "calling_ae", "address")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("sop_class_uid", "sop_instance_uid")),
        sa.Column("type_id", sa.Integer(), nullable=False),
        sa.Column("transfer_syntax_uid", sa.Text(), nullable=False),
        sa.Column("dataset", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("handled_at", "told")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notices_unhandled", "notices", ["id"], unique=False, sqlite_where=sa.text("handled_at IS NULL"))
