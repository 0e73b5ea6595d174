"""Fetching what is missing, and what was removed after its time."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables; nothing was fetched or removed until now."""
    op.add_column("instances", sa.Column("removed_at", sa.Text(), nullable=True))
    _create_searches()
    _create_retrievals()
    _create_removals()


def _create_searches() -> None:
    op.create_table(
        "searches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exam", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("next_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["exam"], ["exams.number"]),
        sa.UniqueConstraint("exam", "version", "purpose"),
    )


def _create_retrievals() -> None:
    texts = ("purpose", "asked_by", "peer", "patient_id", "study_uid", "series_uid", "modality", "description")
    op.create_table(
        "retrievals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exam", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.Column("next_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["exam"], ["exams.number"]),
    )
    op.create_index("retrievals_by_exam", "retrievals", ["exam", "version"], unique=False)
    op.create_index("retrievals_by_series", "retrievals", ["series_uid"], unique=False)
    op.create_index("retrievals_planned", "retrievals", ["next_at"], unique=False, sqlite_where=sa.text("next_at IS NOT NULL"))


def _create_removals() -> None:
    op.create_table(
        "removals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exam", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("removed_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["exam"], ["exams.number"]),
    )
    op.create_index("removals_by_exam", "removals", ["exam"], unique=False)
