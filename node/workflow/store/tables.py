"""The tables. A change here needs a migration in ``migrations/versions``; a test compares the two."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint, text

metadata = MetaData()

SCHEMA = "0007"
"""The last migration: what the register must be at for this code to write to it."""

associations = Table(
    "associations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("calling_ae", Text, nullable=False),
    Column("called_ae", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("opened_at", Text, nullable=False),
    Column("closed_at", Text),
    Column("how", Text),
    Column("peer", Text),  # the site's name for the sender
    Column("writer", Text),  # whose journal it stands in; when that writer starts anew, what it left open was lost
    Index("associations_open", "writer", sqlite_where=text("closed_at IS NULL")),
)

# How far each writer's journal has been filed. `nonce` tells one use of a segment from the next.
journals = Table(
    "journals",
    metadata,
    Column("writer", Text, primary_key=True),
    Column("identity", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("offset", Integer, nullable=False),
)

instances = Table(
    "instances",
    metadata,
    Column("sop_instance_uid", Text, primary_key=True),
    Column("sop_class_uid", Text, nullable=False),
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("association", Text, nullable=False),
    Column("calling_ae", Text, nullable=False),
    Column("called_ae", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("received_at", Text, nullable=False),
    # Filled by the worker, which reads the header after the sender has its answer.
    Column("patient_key", Text),
    Column("study_uid", Text),
    Column("series_uid", Text),
    Column("header", Text),
    Column("problem", Text),
    # The rejection note that takes it back; a rejected instance counts no longer.
    Column("rejected_by", Text),
    # When its file was removed here after the site's time; `path` is then where it would come to lie again.
    Column("removed_at", Text),
    Index("instances_by_series", "series_uid"),
    Index("instances_by_study", "study_uid"),
    Index("instances_by_patient", "patient_key"),
    Index("instances_by_class", "sop_class_uid"),  # readers' answers are sought among millions of images
    Index("instances_unread", "received_at", sqlite_where=text("study_uid IS NULL AND problem IS NULL")),
)

studies = Table(
    "studies",
    metadata,
    Column("study_uid", Text, primary_key=True),
    Column("patient_key", Text, nullable=False),
    # Who the study says it is of besides the ID, as far as two people under one ID, or one under two, are told apart by it.
    Column("issuer", Text, nullable=False, server_default=""),
    Column("name_key", Text, nullable=False, server_default=""),
    Column("exam", Integer),  # the exam that it belongs to; none until one is opened
    Index("studies_without_exam", "study_uid", sqlite_where=text("exam IS NULL")),
    Index("studies_by_patient", "patient_key"),
    Index("studies_by_name", "name_key"),
)

# What was kept and cannot be used, or not be used alone: other bytes under a known UID, what could not be read. `released_at` once a
# person has let it in.
quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sop_instance_uid", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("association", Text, nullable=False),
    Column("calling_ae", Text, nullable=False),
    Column("called_ae", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("received_at", Text, nullable=False),
    Column("released_at", Text),
    Column("released_by", Text),
    Column("told", Text),
    Index("quarantine_by_instance", "sop_instance_uid"),
)

# Who called and was turned away, one row a title and host; `accepted_as` once a person has let them in.
callers = Table(
    "callers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("calling_ae", Text, nullable=False),
    Column("called_ae", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("certificate", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_at", Text, nullable=False),
    Column("last_at", Text, nullable=False),
    Column("accepted_as", Text),
    Column("accepted_by", Text),
    Column("accepted_at", Text),
    Column("reason", Text),
    UniqueConstraint("calling_ae", "host"),
)

# What peers told us by N-services, as it came; `handled_at` once the worker has acted on it, `weighed_at` once what it says of images to
# come is in `evidence`: a request for commitment is both.
notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("association", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("calling_ae", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("sop_class_uid", Text, nullable=False),
    Column("sop_instance_uid", Text, nullable=False),
    Column("type_id", Integer, nullable=False),
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("dataset", LargeBinary, nullable=False),
    Column("received_at", Text, nullable=False),
    Column("handled_at", Text),
    Column("told", Text),
    Column("weighed_at", Text),
    Index("notices_unhandled", "id", sqlite_where=text("handled_at IS NULL")),
    Index("notices_unweighed", "id", sqlite_where=text("weighed_at IS NULL")),
)

# What others say of images that are here or to come, one row a series (or a study, where the series is not told); `subject` is the object
# or the question that said so, whose later word takes the place of the earlier one; `instances` as JSON.
evidence = Table(
    "evidence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("patient_key", Text, nullable=False),
    Column("study_uid", Text, nullable=False),
    Column("series_uid", Text, nullable=False),
    Column("modality", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("images", Integer),
    Column("instances", JSON, nullable=False),
    Column("said_at", Text, nullable=False),
    Index("evidence_by_subject", "subject"),
    Index("evidence_by_study", "study_uid"),
    Index("evidence_by_series", "series_uid"),
    Index("evidence_by_patient", "patient_key"),
)

# Series of which images have come that no exam has been looked at for since; gone once what follows from them is done.
news = Table(
    "news",
    metadata,
    Column("study_uid", Text, primary_key=True),
    Column("series_uid", Text, primary_key=True),
    Column("at", Text, nullable=False),
)

# Versions that began by themselves since images came late.
reopenings = Table(
    "reopenings",
    metadata,
    Column("exam", Integer, ForeignKey("exams.number"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("why", Text, nullable=False),
)

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
