"""The story of the exams, told from the rows alone: for `ember list` and `ember show`, as tables for people and JSON for programs.

No patient appears in it: an exam is told by its number, its series by their descriptions and UIDs.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from node.domain.assignment import Assignment
from node.domain.ports import RELEASED, DeliveryState
from node.workflow.states import State
from node.workflow.store.rows import CorrectionRow, DeliveryRow, ExamRow, VerdictRow
from node.workflow.store.snapshot import FetchRow, Snapshot

Table = dict[str, Any]

NARROWEST = 24
"""Characters in which a sentence can be read."""
OWN_LINE = "    "
"""Before a cell that stands on lines of its own."""


def version_folder(storage: Path, exam: ExamRow) -> Path:
    """Where the artefacts and objects of an exam's present version lie."""
    return storage / "exams" / exam.name / f"v{exam.version}"


def listing(store: Snapshot) -> list[Table]:
    """One entry an exam, oldest first."""
    said = store.last_verdicts()
    return [_head(exam) | {"verdict": _verdict(said[exam.number]) if exam.number in said else None} for exam in store.exams()]


def listing_text(store: Snapshot, width: int) -> str:
    """The same as a table for people."""
    counts = store.counts()
    rows = [(exam.name, f"v{exam.version}", exam.state.value, _time(exam.updated_at), _reason(exam)) for exam in store.exams()]
    told = columns(("EXAM", "", "STATE", "SINCE", "REASON"), rows, width) if rows else "No exam yet."
    return f"{told}\n\n{textwrap.fill(_counted(counts), width)}"


def showing(store: Snapshot, storage: Path, exam: ExamRow) -> Table:
    """Everything about one exam."""
    deliveries = store.deliveries(exam.number)
    return _head(exam) | {
        "anchor": exam.anchor,
        "plan": exam.plan,
        "fetches": [vars(row) for row in store.fetches(exam.number)],
        "corrections": [_correction(row) for row in store.corrections(exam.number)],
        "assignments": [_assignment(row) for row in store.assignments(exam.number)],
        "verdicts": [_verdict(row) for row in store.verdicts(exam.number)],
        "events": [
            {"version": event.version, "at": event.at.isoformat(), "state": event.state.value, "text": event.text, "detail": event.detail}
            for event in store.events(exam.number)
        ],
        "deliveries": [_delivery(row) for row in deliveries],
        "result": _result(version_folder(storage, exam)),
        "folder": str(version_folder(storage, exam)),
    }


def showing_text(store: Snapshot, storage: Path, exam: ExamRow, width: int) -> str:
    """The same for people."""
    parts = [f"{exam.name}  version {exam.version}  {exam.state.value}", textwrap.fill(_reason(exam), width)]
    if exam.rule is not None:
        parts.append(textwrap.fill(_routed(exam), width))
    parts.append(_section("Series", _series(exam.plan), width))
    parts.append(_section("Fetched", _fetches(store.fetches(exam.number)), width))
    parts.append(_section("Corrections", _corrections(store.corrections(exam.number)), width))
    parts.append(_section("Series, by a person", _assignments(store.assignments(exam.number)), width))
    parts.append(_section("Verdicts", _verdicts(store.verdicts(exam.number)), width))
    result = _result(version_folder(storage, exam))
    if result:
        parts.append(textwrap.fill(result["headline"], width))
        parts.append(_section("Findings", _findings(result["findings"]), width))
        parts.append(_section("Checks", [_check(item) for item in result["checks"]], width))
        parts.append(_section("Not computed", [("·", text) for text in result["not_computed"]], width))
    events = [(_time(event.at), f"v{event.version}", event.state.value, event.text) for event in store.events(exam.number)]
    parts.append(_section("Story", events, width))
    details = [event.detail for event in store.events(exam.number) if event.detail]
    parts += [f"Detail\n{textwrap.indent(detail, '  ')}" for detail in details[-1:]]
    deliveries = store.deliveries(exam.number)
    parts.append(_section("Deliveries", _deliveries(deliveries), width))
    parts.append(textwrap.fill(_advice(exam, deliveries), width, break_on_hyphens=False))
    if version_folder(storage, exam).is_dir():
        parts.append(f"Files: {version_folder(storage, exam)}")
    return "\n\n".join(part for part in parts if part)


def _advice(exam: ExamRow, deliveries: Sequence[DeliveryRow]) -> str:
    """What a person can do now."""
    name = exam.name
    states = {row.state for row in deliveries if row.version == exam.version}
    if exam.state is State.HELD and DeliveryState.HELD in states and not states & RELEASED:
        return f"Next: what is held is not sent; when its reason is mended, `ember rerun {name}` makes it anew; or `ember reject {name}`."
    if exam.state is State.HELD and (exam.plan or {}).get("unclaimed"):
        return f"Next: send the MR that it waits for; or `ember reject {name}`."
    if exam.state is State.HELD and (exam.plan or {}).get("conflicts"):
        return (
            f"Next: correct the images where they come from and send them again, then `ember rerun {name}`; say what belongs together with "
            f"`ember merge`, `ember split` or `ember assign`; or `ember reject {name}`."
        )
    if exam.state is State.HELD:
        return f"Next: look at what failed, then `ember release {name}` or `ember reject {name}`."
    if exam.state is State.WITHDRAWN:
        return f"Next: `ember rerun {name}`, or send corrected lesions, for another version."
    if exam.state in (State.REJECTED, State.FAILED):
        return (
            f"Next: mend what the reason says, then `ember rerun {name}`; or `ember correct {name}`, where a value in the header is wrong."
        )
    return ""


def _routed(exam: ExamRow) -> str:
    """By which of the site's rules, and what follows from it."""
    protocol = (exam.plan or {}).get("protocol")
    by = f"protocol {protocol['name']}, " if protocol else ""
    return f"Rule {exam.rule}: {by}{exam.priority.value} priority"


def _head(exam: ExamRow) -> Table:
    return {
        "exam": exam.name,
        "version": exam.version,
        "state": exam.state.value,
        "reason": exam.reason,
        "progress": exam.progress,
        "rule": exam.rule,
        "protocol": ((exam.plan or {}).get("protocol") or {}).get("name"),
        "priority": exam.priority.value,
        "created_at": exam.created_at.isoformat(),
        "updated_at": exam.updated_at.isoformat(),
    }


def _result(folder: Path) -> Table | None:
    file = folder / "result.json"
    if not file.is_file():
        return None
    whole: Table = json.loads(file.read_text(encoding="utf-8"))
    return {key: whole[key] for key in ("headline", "findings", "checks", "not_computed", "lesions", "tracer", "provenance")}


def _correction(row: CorrectionRow) -> Table:
    kept = ("version", "text", "header", "author", "reason")
    return {"what": row.what.value, "at": row.made_at.isoformat()} | {key: getattr(row, key) for key in kept}


def _verdict(row: VerdictRow) -> Table:
    kept = ("version", "author", "reason")
    return {"verdict": row.verdict.value, "at": row.made_at.isoformat()} | {key: getattr(row, key) for key in kept}


def _fetches(rows: Sequence[FetchRow]) -> list[tuple[str, ...]]:
    return [
        (
            f"v{row.version}",
            row.purpose,
            row.peer,
            row.state,
            f"{row.kept} of {row.expected or '?'}",
            row.description,
            row.told or row.series_uid,
        )
        for row in rows
    ]


def _verdicts(rows: Sequence[VerdictRow]) -> list[tuple[str, ...]]:
    return [(_time(row.made_at), f"v{row.version}", row.verdict.value, f"{row.author}: {row.reason}") for row in rows]


def _corrections(rows: Sequence[CorrectionRow]) -> list[tuple[str, ...]]:
    """Each word ever said, with what the header says and whether it still holds."""
    last = {row.what: row for row in rows}
    return [
        (
            _time(row.made_at),
            f"v{row.version}",
            row.what.value,
            "taken back" if row.text is None else row.text,
            f"header: {row.header}",
            "" if last[row.what] is row else "no longer",
            f"{row.author}: {row.reason}",
        )
        for row in rows
    ]


def _assignment(row: Assignment) -> Table:
    kept = ("version", "series_uid", "role", "other", "holds", "author", "reason")
    return {"word": row.word.value, "at": row.made_at.isoformat()} | {key: getattr(row, key) for key in kept}


def _assignments(rows: Sequence[Assignment]) -> list[tuple[str, ...]]:
    """Each word ever said, and whether it still holds."""
    last = {row.subject: row for row in rows}
    return [
        (
            _time(row.made_at),
            f"v{row.version}",
            row.word.value if row.holds else f"{row.word.value} taken back",
            " ".join(filter(None, (row.role, row.series_uid, f"E{row.other:05d}" if row.other is not None else ""))),
            "" if last[row.subject] is row else "no longer",
            row.told,
        )
        for row in rows
    ]


def _delivery(row: DeliveryRow) -> Table:
    kept = ("destination", "version", "kind", "sop_instance_uid", "sop_class_uid", "digest", "detail", "attempts", "proof")
    times = {key: at.isoformat() if (at := getattr(row, key)) else None for key in ("updated_at", "proven_at", "next_at")}
    return {key: getattr(row, key) for key in kept} | {"state": row.state.value} | times


def _deliveries(rows: Sequence[DeliveryRow]) -> list[tuple[str, ...]]:
    """Grouped: an overlay of 170 slices is one line."""
    groups = Counter((row.destination, f"v{row.version}", row.kind, row.state.value, _words(row)) for row in rows)
    return [(destination, version, f"{n} × {kind}", state, words) for (destination, version, kind, state, words), n in groups.items()]


def _words(row: DeliveryRow) -> str:
    """What was answered, how and when it was proven or what it waits for, and when something is tried next."""
    words = [row.detail]
    words += [f"{row.proof}, {_time(row.proven_at)}" if row.proven_at else row.proof] if row.proof else []
    words += [f"next at {_time(row.next_at)}"] if row.next_at else []
    return "; ".join(word for word in words if word)


def _series(plan: Table | None) -> list[tuple[str, ...]]:
    if not plan:
        return []
    return [(role, entry["description"], entry["told"], entry["series_uid"]) for role, entry in plan.get("series", {}).items()]


def _findings(items: list[Table]) -> list[tuple[str, ...]]:
    """Whole regions in the quantity that is read first; sides and other quantities are for programs."""
    quantities = {item["quantity"] for item in items}
    skipped = {"NAWM contrast score", "SUVbw", *({"SUVR"} if "DVR" in quantities else set())}
    shown = [item for item in items if item["quantity"] not in skipped and not item["region"].endswith(("_left", "_right"))]
    more = len(items) - len(shown)
    return [_finding(item) for item in shown] + ([("…", "", "", f"{more} more with --json")] if more else [])


def _finding(item: Table) -> tuple[str, ...]:
    error = "" if item["uncertainty"] is None else f" ± {item['uncertainty']:.2g}"
    unit = "" if item["unit"] == "1" else f" {item['unit']}"
    return item["region"], item["quantity"], f"{item['value']:.4g}{error}{unit}", item["basis"]


def _check(item: Table) -> tuple[str, ...]:
    return ("ok" if item["passed"] else item["gravity"]), item["name"], item["message"]


def _reason(exam: ExamRow) -> str:
    return f"{exam.reason} ({exam.progress})" if exam.progress else exam.reason


def _time(at: Any) -> str:
    return str(at.astimezone().strftime("%Y-%m-%d %H:%M:%S"))


def _counted(counts: dict[str, int]) -> str:
    told = f"{counts['instances']} images received"
    extra = {"unread": "not looked at yet", "unreadable": "could not be read", "changed": "with other bytes than their UID had here"}
    extra |= {"rejected": "taken back by rejection notes", "returned": "are results of the node that came back: filed, not processed"}
    told = "; ".join([told, *(f"{counts[key]} {words}" for key, words in extra.items() if counts[key])])
    return f"{told}; see `ember quarantine`" if counts["unreadable"] or counts["changed"] else told


def _section(title: str, rows: Iterable[tuple[str, ...]], width: int) -> str:
    rows = list(rows)
    return f"{title}\n{textwrap.indent(columns((), rows, width - 2), '  ')}" if rows else ""


def columns(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], width: int) -> str:
    """A table for people: columns as wide as their widest cell; the last one is wrapped, on lines of its own where a word has no room.

    No word is broken, so that a UID can be copied.
    """
    table = [head, *rows] if head else list(rows)
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]) - 1)]
    indent = sum(widths) + 2 * len(widths)
    lines = []
    for row in table:
        start = "".join(cell.ljust(n + 2) for cell, n in zip(row, widths, strict=False))
        longest = max(map(len, row[-1].split()), default=0)
        if row is head or max(NARROWEST, longest) <= width - indent:
            lines.append(start + f"\n{' ' * indent}".join(_wrapped(row[-1], width - indent)))
        else:
            lines += [start, *(OWN_LINE + line for line in _wrapped(row[-1], width - len(OWN_LINE)))]
    return "\n".join(line.rstrip() for line in lines)


def _wrapped(text: str, room: int) -> list[str]:
    return textwrap.wrap(text, max(room, NARROWEST), break_long_words=False, break_on_hyphens=False) or [""]
