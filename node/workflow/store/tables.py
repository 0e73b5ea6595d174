"""The tables. A change here needs a migration in ``migrations/versions``; a test compares the two."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from node.workflow.store.received_tables import (
    associations,
    callers,
    evidence,
    instances,
    journals,
    metadata,
    news,
    notices,
    quarantine,
    reopenings,
    studies,
)

__all__ = [
    "answers",
    "assignments",
    "associations",
    "callers",
    "commitments",
    "corrections",
    "deliveries",
    "events",
    "evidence",
    "exams",
    "identity_changes",
    "instances",
    "journals",
    "metadata",
    "news",
    "notices",
    "promises",
    "quarantine",
    "rejections",
    "removals",
    "reopenings",
    "retrievals",
    "searches",
    "studies",
    "verdicts",
]

SCHEMA = "0007"
"""The last migration: what the register must be at for this code to write to it."""

exams = Table(
    "exams",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("anchor", Text, nullable=False, unique=True),
    Column("patient_key", Text, nullable=False),
    Column("issuer", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("made_at", Text),
    Column("tries", Integer, nullable=False),
    Column("released", Integer, nullable=False),
    Column("plan", JSON(none_as_null=True)),
    Column("progress", Text),
    # The site's rule that this version fits, and how soon it is due: node.domain.exam.Priority.
    Column("rule", Text),
    Column("priority", Text, nullable=False, server_default="normal"),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Index("exams_by_state", "state"),
    Index("exams_by_patient", "patient_key"),
)

# What a person put right, one row a word; nothing in it is ever changed or removed. `version` is the first one that it is for; `text` is
# none where the person took an earlier correction back.
corrections = Table(
    "corrections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("exam", Integer, ForeignKey("exams.number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("what", Text, nullable=False),
    Column("text", Text),
    Column("header", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Index("corrections_by_exam", "exam"),
)

# What a person said of which series are of an exam, one row a word; nothing in it is ever changed or removed. The last row about the same
# series or exam counts; `holds` is 0 where it takes the word back.
assignments = Table(
    "assignments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("exam", Integer, ForeignKey("exams.number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("word", Text, nullable=False),
    Column("series_uid", Text, nullable=False),
    Column("role", Text),
    Column("other", Integer),
    Column("holds", Integer, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Index("assignments_by_exam", "exam"),
)

# Instances that a rejection note has taken back, also such as have not come yet.
rejections = Table(
    "rejections",
    metadata,
    Column("sop_instance_uid", Text, primary_key=True),
    Column("note", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("noted_at", Text, nullable=False),
)

# Quarantined duplicates that say something else of whose they are than the images kept, once each was looked at, one row an exam; `exam`
# is none where they concern none, `differs` names the attributes and no value, and is empty where none does.
identity_changes = Table(
    "identity_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("quarantine", Integer, nullable=False),
    Column("series_uid", Text, nullable=False),
    Column("exam", Integer),
    Column("version", Integer),
    Column("differs", Text, nullable=False),
    Column("told", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
    Index("identity_changes_by_exam", "exam"),
    Index("identity_changes_by_duplicate", "quarantine"),
    Index("identity_changes_by_series", "series_uid"),
)

# What readers say of results, one row a verdict; nothing in it is ever changed or removed. The last one of a version counts.
verdicts = Table(
    "verdicts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("exam", Integer, ForeignKey("exams.number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Index("verdicts_by_exam", "exam"),
)

# Objects that readers sent back, segmentations of lesions and rejection notes, once each has been looked at, one row an exam; `exam` is
# none where it is of none of ours.
answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sop_instance_uid", Text, nullable=False),
    Column("exam", Integer),
    Column("told", Text, nullable=False),
    Column("answered_at", Text, nullable=False),
    Index("answers_by_object", "sop_instance_uid"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("sop_instance_uid", Text, primary_key=True),
    Column("destination", Text, primary_key=True),
    Column("exam", Integer, ForeignKey("exams.number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sop_class_uid", Text, nullable=False),
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("next_at", Text),  # when something is to be done for it; none where nothing is
    Column("looks", Integer, nullable=False, server_default="0"),  # how often it was asked after in vain since it was last sent
    Column("resent", Integer, nullable=False, server_default="0"),  # how often it was sent again since it could not be found
    Column("asked_in", Text),  # the transaction of the last request for commitment
    Column("proof", Text),
    Column("proven_at", Text),
    Index("deliveries_by_exam", "exam", "version"),
    Index("deliveries_planned", "next_at", sqlite_where=text("next_at IS NOT NULL")),
)

# Storage commitments that we asked archives for; `instances` as JSON. `ended_at` once answered, or given up.
commitments = Table(
    "commitments",
    metadata,
    Column("transaction_uid", Text, primary_key=True),
    Column("destination", Text, nullable=False),
    Column("exam", Integer, ForeignKey("exams.number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("instances", JSON, nullable=False),
    Column("asked_at", Text, nullable=False),
    Column("until", Text, nullable=False),
    Column("answered", Integer, nullable=False, server_default="0"),
    Column("ended_at", Text),
    Column("told", Text),
    Index("commitments_by_exam", "exam", "version", "destination"),
)

# Storage commitments that scanners asked of us, one row a request; `instances` as JSON: what was asked of each, and what we have found.
promises = Table(
    "promises",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("transaction_uid", Text, nullable=False),
    Column("calling_ae", Text, nullable=False),
    Column("instances", JSON, nullable=False),
    Column("asked_at", Text, nullable=False),
    Column("until", Text, nullable=False),
    Column("decided_at", Text),
    Column("next_at", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("ended_at", Text),
    Column("told", Text),
    UniqueConstraint("transaction_uid", "calling_ae"),
    Index("promises_open", "id", sqlite_where=text("ended_at IS NULL")),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("exam", Integer, ForeignKey("exams.number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("detail", Text),
    Index("events_by_exam", "exam"),
)

# Questions to peers of what an exam lacks ("T1", "FLAIR", "LESION_SEG") or could be compared with ("priors"), one row a version and
# purpose.
searches = Table(
    "searches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("exam", Integer, ForeignKey("exams.number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("told", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("next_at", Text),  # when it is asked (again); none where it is not
    UniqueConstraint("exam", "version", "purpose"),
)

# Series at peers that may be fetched, or were, one row a series and what it was fetched for; `exam` is none where a person asked for it.
retrievals = Table(
    "retrievals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("exam", Integer, ForeignKey("exams.number")),
    Column("version", Integer),
    Column("purpose", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("peer", Text, nullable=False),
    Column("patient_id", Text, nullable=False),
    Column("study_uid", Text, nullable=False),
    Column("series_uid", Text, nullable=False),
    Column("modality", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("expected", Integer),
    Column("kept", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("told", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("next_at", Text),  # when it is tried; none where it is not
    Index("retrievals_by_exam", "exam", "version"),
    Index("retrievals_by_series", "series_uid"),
    Index("retrievals_planned", "next_at", sqlite_where=text("next_at IS NOT NULL")),
)

# Exams whose images and results were removed here after the site's time; `ended_at` once the last file of its results is gone.
removals = Table(
    "removals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("exam", Integer, ForeignKey("exams.number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("images", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("removed_at", Text, nullable=False),
    Column("ended_at", Text),
    Index("removals_by_exam", "exam"),
)
