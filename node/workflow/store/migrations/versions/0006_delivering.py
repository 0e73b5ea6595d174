"""Delivering: what is planned for each object and how it was proven, and what archives and scanners were promised."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables; what was on its way goes on at once, and what an unfinished exam has stored is asked after."""
    for name in ("next_at", "asked_in", "proof", "proven_at"):
        op.add_column("deliveries", sa.Column(name, sa.Text(), nullable=True))
    for name in ("looks", "resent"):
        op.add_column("deliveries", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.create_index("deliveries_planned", "deliveries", ["next_at"], unique=False, sqlite_where=sa.text("next_at IS NOT NULL"))
    going = "EXISTS (SELECT 1 FROM exams WHERE exams.number = deliveries.exam AND exams.state = 'ENCODED')"
    op.execute(f"UPDATE deliveries SET next_at = updated_at WHERE state IN ('queued', 'sending') OR (state = 'stored' AND {going})")
    op.create_table(
        "commitments",
        sa.Column("transaction_uid", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("exam", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("asked_at", "until")),
        sa.Column("answered", sa.Integer(), nullable=False, server_default="0"),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("ended_at", "told")),
        sa.PrimaryKeyConstraint("transaction_uid"),
        sa.ForeignKeyConstraint(["exam"], ["exams.number"]),
    )
    op.create_index("commitments_by_exam", "commitments", ["exam", "version", "destination"], unique=False)
    op.create_table(
        "promises",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("transaction_uid", "calling_ae")),
        sa.Column("instances", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("asked_at", "until")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("decided_at", "next_at")),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("ended_at", "told")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("transaction_uid", "calling_ae"),
    )
    op.create_index("promises_open", "promises", ["id"], unique=False, sqlite_where=sa.text("ended_at IS NULL"))
