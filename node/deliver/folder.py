"""`FolderDestination`: results as files in a folder, which may be a network share.

``<folder>/E00012-v1/<series number> <series description>/<SOP Instance UID>.dcm``: exam and version, as `ember list` names them, then what
a person looks for. No patient is named.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pydicom import dcmread

from node.deliver.destination import Held, Proof
from node.deliver.ledger import Ledger, Outcome
from node.deliver.verdict import Fate, Verdict
from node.domain.ports import DeliveryState, Parcel, Receipts
from node.errors import TemporaryError

LONGEST_NAME = 64
"""Characters of a series' folder: with the rest of the path well below the 260 of old Windows programs."""

READ_BACK = "its file read back"
_UNSAFE = re.compile(r"[^A-Za-z0-9 _.+-]+")


class FolderDestination:
    """Fulfils `node.deliver.Destination` with files.

    Parameters
    ----------
    name : the site's short name for it
    folder : must be there: it is never made, so that a share that is not mounted is seen
    label : name of the folder of this run below it, "E00012-v1"

    Notes
    -----
    A mount point without its share is a folder, too. It should belong to somebody else, so that the node cannot write there by mistake.
    """

    def __init__(self, name: str, folder: Path, label: str) -> None:
        self._name = name
        self._folder = folder
        self._label = label

    def send(self, parcels: Sequence[Parcel], receipts: Receipts) -> Outcome:
        """Write each file whole under its name; see `node.deliver.Destination.send`. What is there with other bytes is never replaced."""
        ledger = Ledger(receipts)
        waiting = [parcel for parcel in parcels if parcel.state in (DeliveryState.QUEUED, DeliveryState.SENDING)]
        away = ""
        for parcel in waiting:
            content, target = parcel.path.read_bytes(), self._target(parcel)
            ledger.sending(parcel)
            try:
                ledger.note(parcel, self._put(content, target))
            except OSError as error:
                away = self._trouble(error)
                break
        for parcel in ledger.open(waiting):
            ledger.note(parcel, Verdict(Fate.POSTPONED, away))  # a file under its name is whole: nothing is in doubt
        return ledger.outcome(away=away)

    def prove(self, parcels: Sequence[Parcel]) -> tuple[Proof, ...]:
        """Read each file back, from the disk and not from memory, and compare it with ours."""
        return tuple(self._proof(parcel) for parcel in parcels)

    def check(self) -> str:
        """Write a small file and remove it again; a sentence of how it went.

        Raises
        ------
        TemporaryError : it cannot be written
        """
        probe = self._folder / f".ember-{uuid4().hex}"
        try:
            _write(probe, b"ember")
            probe.unlink()
        except OSError as error:
            raise TemporaryError(self._trouble(error)) from error
        return f"{self._folder} can be written"

    def _put(self, content: bytes, target: Path) -> Verdict:
        if target.exists():
            return _same_or_refused(content, target)
        self._make(target.parent)
        arriving = target.with_name(f".{target.stem}.part")
        try:
            _write(arriving, content)
            arriving.rename(target)
        except OSError:
            with suppress(OSError):
                arriving.unlink(missing_ok=True)
            raise
        _sync(target.parent)
        return Verdict(Fate.STORED, "written")

    def _make(self, folder: Path) -> None:
        if not self._folder.is_dir():
            raise FileNotFoundError(2, "the folder is not there", str(self._folder))
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            _sync(folder.parent)
            _sync(self._folder)

    def _proof(self, parcel: Parcel) -> Proof:
        target = self._target(parcel)
        try:
            if not self._folder.is_dir():
                return Proof(parcel.sop_instance_uid, Held.UNKNOWN, "the folder is not there")
            same = _digest_from_disk(target) == hashlib.sha256(parcel.path.read_bytes()).digest()
        except FileNotFoundError:
            return Proof(parcel.sop_instance_uid, Held.NO, "there is no file of its name")
        except OSError as error:
            return Proof(parcel.sop_instance_uid, Held.UNKNOWN, self._trouble(error))
        return Proof(parcel.sop_instance_uid, Held.YES if same else Held.NO, READ_BACK if same else "the file of its name has other bytes")

    def _target(self, parcel: Parcel) -> Path:
        header = dcmread(parcel.path, stop_before_pixels=True, specific_tags=["SeriesNumber", "SeriesDescription"])
        series = f"{header.get('SeriesNumber') or 0} {header.get('SeriesDescription') or ''}"
        return self._folder / self._label / _plain(series) / f"{parcel.sop_instance_uid}.dcm"

    def _trouble(self, error: OSError) -> str:
        return f"folder of {self._name}: {error.strerror or type(error).__name__}"


def _same_or_refused(content: bytes, target: Path) -> Verdict:
    if target.read_bytes() == content:
        return Verdict(Fate.STORED, "written before")
    return Verdict(Fate.REFUSED, "a file of its name with other bytes is there, and is not replaced")


def _plain(text: str) -> str:
    """A name for any file system: ASCII, no separators, neither a dot nor a space at its ends."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(_UNSAFE.sub(" ", ascii_only).split())[:LONGEST_NAME].strip(" .") or "0"


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _digest_from_disk(path: Path) -> bytes:
    with path.open("rb") as file:
        # What was synchronised is forgotten by the cache, so that the disk or the share itself must give it back.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return hashlib.file_digest(file, "sha256").digest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != 22:  # EINVAL: file systems of some shares cannot synchronise a folder
            raise
    finally:
        os.close(descriptor)
