"""The tables of what came in, and of what others say of it. A change here needs a migration, as in `tables`."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint, text

metadata = MetaData()

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
