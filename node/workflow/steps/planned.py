"""What an exam's plan says of its series."""

from __future__ import annotations

from node.workflow.store.rows import ExamRow


def planned_series(exam: ExamRow) -> dict[str, str]:
    """Role → Series Instance UID of an exam's plan; nothing where it has none."""
    return {role: str(entry["series_uid"]) for role, entry in (exam.plan or {}).get("series", {}).items()}
