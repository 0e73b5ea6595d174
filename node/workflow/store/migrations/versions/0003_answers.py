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
    op.create_index("instances_by_class", "instances", ["sop_class_uid"], unique=False)
    # What lies here already was looked at by the rules of its time: an update must not begin every exam again that has a segmentation.
    op.execute(
        "INSERT INTO answers (sop_instance_uid, told, answered_at) "
        "SELECT sop_instance_uid, 'here before answers were looked at', received_at FROM instances WHERE header IS NOT NULL AND "
        "sop_class_uid IN ('1.2.840.10008.5.1.4.1.1.66.4', '1.2.840.10008.5.1.4.1.1.66.7', '1.2.840.10008.5.1.4.1.1.88.59')"
    )
    for table, words in TOLD.items():
        for change in ("UPDATE", "DELETE"):
            op.execute(f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} BEGIN SELECT RAISE(ABORT, '{words}'); END")
