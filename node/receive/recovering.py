"""Files that lie in the inbox and stand in no row: a process was killed between file and row, or a register was restored.

Looked for folder by folder while nothing else is to be done, since an inbox may hold millions.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path

import structlog
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from node.dimse import is_uid
from node.domain.filing import Register
from node.domain.ports import Received

log = structlog.get_logger()

RECOVERED = "recovered"
"""Stands for the association of such an instance."""

AT_A_TIME = 500

_UNREADABLE = (
    InvalidDicomError,
    OSError,
    ValueError,
    KeyError,
    AttributeError,
    EOFError,
    NotImplementedError,
    RecursionError,
    struct.error,
)


def found_beside(storage: Path, register: Register) -> Iterator[Sequence[Received]]:
    """Such files, some at a time; often none."""
    for folder in sorted((storage / "inbox").glob("[0-9a-f][0-9a-f]")):
        files = _files(folder)
        for start in range(0, len(files), AT_A_TIME):
            some = files[start : start + AT_A_TIME]
            known = register.known([file.stem for file in some])
            read = (_found(file, str(file.relative_to(storage))) for file in some if file.stem not in known)
            yield [received for received in read if received is not None]


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix == ".dcm" and is_uid(file.stem))
    except OSError as error:  # the others are looked through all the same
        log.error("a folder of the inbox cannot be read", folder=folder.name, why=error.strerror)
        return []


def _found(file: Path, path: str) -> Received | None:
    """What can still be said of it; None where it is no file of ours."""
    try:
        meta = read_file_meta_info(file)  # not the data set, which may be deflated
        with file.open("rb") as opened:
            uid, sop_class, syntax = (
                str(meta[name].value) for name in ("MediaStorageSOPInstanceUID", "MediaStorageSOPClassUID", "TransferSyntaxUID")
            )
            digest = file_digest(opened, "sha256").hexdigest()
    except _UNREADABLE as error:
        log.error("not a file of ours", path=path, why=type(error).__name__)
        return None
    if uid != file.stem:
        log.error("not a file of ours", path=path, why="it holds another instance than its name says")
        return None
    return Received(uid, sop_class, syntax, digest, file.stat().st_size, path, RECOVERED, "", "", "", datetime.now(UTC))
