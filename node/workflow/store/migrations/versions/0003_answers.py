"""What readers say of results, and what they sent back: verdicts, and objects that answer ours; rows are added and never changed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TOLD = {"verdicts": "a verdict stays as it was said", "answers": "what became of an answer stays as it was"}


def upgrade() -> None:
    """Create the tables, and have the database itself refuse to change them."""
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exam", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["exam"], ["exams.number"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("verdicts_by_exam", "verdicts", ["exam"], unique=False)
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop_instance_uid", sa.Text(), nullable=False),
        sa.Column("exam", sa.Integer(), nullable=True),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("answers_by_object", "answers", ["sop_instance_uid"], unique=False)
    for table, words in TOLD.items():
        for change in ("UPDATE", "DELETE"):
            op.execute(f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} BEGIN SELECT RAISE(ABORT, '{words}'); END")
