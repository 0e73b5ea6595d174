"""What a person corrected, with who and why; rows are added and never changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table, and have the database itself refuse to change it."""
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exam", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("header", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["exam"], ["exams.number"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("corrections_by_exam", "corrections", ["exam"], unique=False)
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER corrections_no_{change.lower()} BEFORE {change} ON corrections "
            "BEGIN SELECT RAISE(ABORT, 'a correction stays as it was made'); END"
        )
