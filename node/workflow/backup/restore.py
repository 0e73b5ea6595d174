"""`restore`: one backup into a folder that is not there yet, with every digest checked on the way."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from node.errors import DataError, TemporaryError
from node.workflow.backup.manifest import REGISTER, Manifest, manifests
from node.workflow.backup.shelf import Shelf, sync_folder

RESTORED = "restored"
"""The file of a storage folder that says when it was restored."""

ASKS_FIRST = timedelta(days=30)
"""For so long after it: images that came after the backup are sent again by people, and analysed again."""


def restore(target: Path, folder: Path, *, at: str = "", complete: Callable[[Path], None]) -> Manifest:
    """Make a storage folder from a backup. It appears under its name when all of it is ready, or not at all.

    Parameters
    ----------
    at : beginning of the backup's name, a time as 20260301T2; the latest without it
    complete : called with the folder before it gets its name: files what the journals hold, see `begin_anew`

    Raises
    ------
    DataError : no such backup, or it is damaged
    TemporaryError : the folder is not empty
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TemporaryError(f"{folder} is not empty: expected a new folder, so that nothing is overwritten")
    found = [one for one in manifests(target) if one.file.name.startswith(at)]
    if not found:
        raise DataError(f"expected a backup in {target}{f' whose name begins with {at}' if at else ''}; found none")
    making = folder.with_name(f".{folder.name}.restoring")
    shutil.rmtree(making, ignore_errors=True)
    shelf = Shelf(target)
    making.mkdir(parents=True)
    for entry in found[-1].entries():
        shelf.get(entry.digest, _inside(making, entry.path))
    complete(making)
    _sync(making)
    if folder.exists():
        folder.rmdir()
    making.rename(folder)
    sync_folder(folder.parent)
    return found[-1]


def begin_anew(folder: Path, now: datetime) -> None:
    """Of a restored folder whose journals were filed: journals begin empty, and destinations are asked before anything is sent."""
    (folder / RESTORED).write_text(now.isoformat(), encoding="ascii")
    shutil.rmtree(folder / "journal", ignore_errors=True)
    with closing(sqlite3.connect(folder / REGISTER)) as register, register:
        register.execute("DELETE FROM journals")
        register.execute("UPDATE deliveries SET state = 'sending' WHERE state = 'queued'")


def lately_restored(folder: Path, now: datetime) -> bool:
    """Whether what is made in a storage folder now may have been made and sent once before."""
    try:
        at = datetime.fromisoformat((folder / RESTORED).read_text(encoding="ascii"))
    except FileNotFoundError:
        return False
    return now - at < ASKS_FIRST


def _inside(folder: Path, path: str) -> Path:
    place = folder / path
    if not place.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"the backup is damaged: it names a file outside of the storage folder: {path}")
    return place


def _sync(folder: Path) -> None:
    for place in (folder, *(item for item in folder.rglob("*") if item.is_dir())):
        sync_folder(place)
