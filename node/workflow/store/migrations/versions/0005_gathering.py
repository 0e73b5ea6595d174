"""Gathering an exam: evidence of what is to come, whose the images are, and what people assigned."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Columns for issuer, rule and priority, filled from the headers that were read; the tables of assignments and rejections."""
    _say_whose()
    _give_exams_their_rule()
    _create_assignments()
    _create_rejections()
    _create_identity_changes()
    _create_evidence()
    _create_news()


def _say_whose() -> None:
    for table, names in (("studies", ("issuer", "name_key")), ("exams", ("issuer",))):
        for name in names:
            op.add_column(table, sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("instances", sa.Column("rejected_by", sa.Text(), nullable=True))
    op.create_index("instances_by_study", "instances", ["study_uid"], unique=False)
    op.create_index("studies_by_patient", "studies", ["patient_key"], unique=False)
    op.create_index("studies_by_name", "studies", ["name_key"], unique=False)
    connection = op.get_bind()
    found = connection.execute(
        sa.text(
            "SELECT study_uid AS study, coalesce(max(json_extract(header, '$.person.issuer')), '') AS issuer, "
            "coalesce(max(json_extract(header, '$.person.name_key')), '') AS name "
            "FROM instances WHERE header IS NOT NULL GROUP BY study_uid"
        )
    )
    _fill(connection, [dict(row._mapping) for row in found])


def _fill(connection: sa.Connection, rows: Sequence[dict[str, str]]) -> None:
    """What the headers say of each study, and of the exam that is known by it."""
    if rows:
        connection.execute(sa.text("UPDATE studies SET issuer = :issuer, name_key = :name WHERE study_uid = :study"), rows)
        connection.execute(sa.text("UPDATE exams SET issuer = :issuer WHERE anchor = :study"), rows)


def _give_exams_their_rule() -> None:
    op.add_column("exams", sa.Column("rule", sa.Text(), nullable=True))
    op.add_column("exams", sa.Column("priority", sa.Text(), nullable=False, server_default="normal"))


def _create_assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exam", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("series_uid", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("other", sa.Integer(), nullable=True),
        sa.Column("holds", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("author", "reason", "made_at")),
        sa.ForeignKeyConstraint(["exam"], ["exams.number"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("assignments_by_exam", "assignments", ["exam"], unique=False)
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER assignments_no_{change.lower()} BEFORE {change} ON assignments "
            "BEGIN SELECT RAISE(ABORT, 'an assignment stays as it was made'); END"
        )


def _create_rejections() -> None:
    op.create_table(
        "rejections",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("sop_instance_uid", "note", "title", "noted_at")),
        sa.PrimaryKeyConstraint("sop_instance_uid", "note"),
    )


def _create_identity_changes() -> None:
    op.create_table(
        "identity_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("quarantine", sa.Integer(), nullable=False),
        sa.Column("series_uid", sa.Text(), nullable=False),
        sa.Column("exam", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("differs", "told", "seen_at")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("identity_changes_by_exam", "identity_changes", ["exam"], unique=False)
    op.create_index("identity_changes_by_duplicate", "identity_changes", ["quarantine"], unique=False)
    op.create_index("identity_changes_by_series", "identity_changes", ["series_uid"], unique=False)


def _create_evidence() -> None:
    op.add_column("notices", sa.Column("weighed_at", sa.Text(), nullable=True))
    op.create_index("notices_unweighed", "notices", ["id"], unique=False, sqlite_where=sa.text("weighed_at IS NULL"))
    words = ("kind", "source", "subject", "patient_key", "study_uid", "series_uid", "modality", "description", "state")
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in words),
        sa.Column("images", sa.Integer(), nullable=True),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("said_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for name in ("subject", "study_uid", "series_uid", "patient_key"):
        op.create_index(f"evidence_by_{name.removesuffix('_uid').removesuffix('_key')}", "evidence", [name], unique=False)


def _create_news() -> None:
    op.create_table(
        "news",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("study_uid", "series_uid", "at")),
        sa.PrimaryKeyConstraint("study_uid", "series_uid"),
    )
    op.create_table(
        "reopenings",
        sa.Column("exam", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("at", "why")),
        sa.ForeignKeyConstraint(["exam"], ["exams.number"]),
        sa.PrimaryKeyConstraint("exam", "version"),
    )
