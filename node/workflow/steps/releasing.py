"""`release`: a person lets in what is quarantined: other bytes under a known UID, or what could not be read."""

from __future__ import annotations

import os
from hashlib import file_digest
from pathlib import Path

from pydicom.filereader import read_file_meta_info

from node.domain.filing import Known
from node.errors import ConflictError, DataError
from node.receive.shelves import inbox_path, quarantine_path
from node.workflow.store.database import Store
from node.workflow.store.quarantine import Exchange
from node.workflow.store.quarantined import QuarantineRow


def release(store: Store, storage: Path, row: QuarantineRow, *, author: str, reason: str) -> str:
    """Let it in; says what was done.

    Changed bytes are what their UID stands for from now on, and the former ones take their place in quarantine; exams that were made from
    these are told. What could not be read is read again.

    Raises
    ------
    ConflictError : it was released already, or somebody was quicker
    DataError : its file is gone, or is no longer the one that came
    """
    if row.released_at is not None:
        raise ConflictError(f"quarantine number {row.id} was released already, by {row.released_by}")
    _check_file(storage, row)
    if row.kind == "unreadable":
        store.quarantine.read_again(row.id, author=author, told=f"read again: {reason}")
        return "its header is read again"
    return _exchange(store, storage, row, author=author, reason=reason)


def _exchange(store: Store, storage: Path, row: QuarantineRow, *, author: str, reason: str) -> str:
    former = store.quarantine.standing(row.sop_instance_uid)
    if former is None:
        raise ConflictError(f"instance {row.sop_instance_uid} is not here any more: nothing for it to take the place of")
    series_uid = store.quarantine.series_of(row.sop_instance_uid)
    meta = read_file_meta_info(storage / row.path)
    what = Exchange(
        number=row.id,
        former=former,
        inbox=_beside(inbox_path(row.sop_instance_uid), row.digest),
        aside=quarantine_path(row.sop_instance_uid, former.digest),
        sop_class_uid=str(meta.MediaStorageSOPClassUID),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        size=(storage / row.path).stat().st_size,
    )
    # Both files have their new names before the rows do, and lose their old ones after: a kill leaves names too many, never one too few.
    _name(storage, row.path, what.inbox)
    if (storage / former.path).exists():  # not so where it was removed after its time
        _name(storage, former.path, what.aside)
    store.quarantine.exchange(what, author=author, told=f"replaced by quarantine number {row.id}: {reason}")
    for old, new in ((row.path, what.inbox), (former.path, what.aside)):
        if old != new:
            (storage / old).unlink(missing_ok=True)
    told = _tell_exams(store, series_uid, row, former)
    return f"instance {row.sop_instance_uid} stands for these bytes from now on; the former ones are in quarantine{told}"


def _tell_exams(store: Store, series_uid: str | None, row: QuarantineRow, former: Known) -> str:
    """The exams that are made from the former bytes."""
    using = [exam for exam in store.exams.all() if exam.plan is not None and series_uid in _series(exam.plan)]
    for exam in using:
        text = f"an image of series {series_uid} was replaced from quarantine (number {row.id}); `ember rerun` takes it in"
        store.exams.note(exam.number, text, detail=f"instance {row.sop_instance_uid}: {former.digest} is now {row.digest}")
    return f"; told to {', '.join(exam.name for exam in using)}" if using else ""


def _series(plan: dict[str, object]) -> set[object]:
    series = plan.get("series")
    return {one.get("series_uid") for one in series.values()} if isinstance(series, dict) else set()


def _check_file(storage: Path, row: QuarantineRow) -> None:
    try:
        with (storage / row.path).open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise DataError(f"quarantine number {row.id}: expected its file {row.path}; it is gone") from None
    if digest != row.digest:
        raise DataError(f"quarantine number {row.id}: expected a file with SHA-256 {row.digest}; found {digest}")


def _beside(path: str, digest: str) -> str:
    return f"{path.removesuffix('.dcm')}.{digest[:16]}.dcm"


def _name(storage: Path, old: str, new: str) -> None:
    """Give a file another name besides its own, durably."""
    target = storage / new
    target.parent.mkdir(parents=True, exist_ok=True)
    if old != new:
        target.unlink(missing_ok=True)
        target.hardlink_to(storage / old)
    for folder in (target.parent, target.parent.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
