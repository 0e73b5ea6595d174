"""Backup and restore of the storage folder, while the node runs.

::

    made = take(storage, target, clock)      an hour's images later: take(...) again, which copies what is new
    verify(target)                           reads every file of every backup and compares its digest
    restore(target, folder)                  one backup into an empty place; `ember restore` makes the rest ready

A target holds ``objects/<2 hex digits>/<SHA-256>``, each file once however many backups name it, and ``backups/<time>.jsonl``, one manifest
a backup: what it was made of, then path, digest, size and time of change of each file. A manifest is written last, by rename: where it is,
its backup is whole. What an interrupted backup has copied, the next one finds.

Decisions
---------
*Order: journals, then the register, then files.* An image that was answered Success stands in a journal until its rows are committed. Read
first, a journal holds what is not filed yet; what it holds no more was filed before, so that its rows are in the register, which is read
after it. The other way round, an image could leave the journal after the register was read and before the journal was. Files are read last,
because a row is written after its file and a file is never changed under its name. What came after the journals were read may be in the
backup or not, and nothing refers to it that is not there.

*Every row's file is looked for* in what was copied, and where one is missing (removed or released from quarantine meanwhile) the whole is
done again, which costs no more than what has changed. A received file whose digest is not the one that was recorded on its arrival is told:
a disk that rots must not be found out when the backup is needed.

*Copies by digest, not hard links:* a link is no second copy, and the journals are written in place.

*The register is copied by SQLite's own online backup* (the engine's tables are in the same file), which is one consistent state; a copy of
the file would not be. With PostgreSQL (not today: the store is SQLite alone) this step would be ``pg_dump``, in its place.

*A restored node begins with empty journals.* What the copied journals hold beyond the register is filed during the restore, and they are
then left out, because new records must not come to lie where the register believes that all is filed.

*After a restore the destinations are asked first* of every object that was still to be sent, as after a kill: what was sent since the
backup is there already. So they are of all that is made within 30 days: an exam that had not begun when the backup was taken is begun
again, with the same UIDs and another date, and the archive keeps the objects that it has.

The site's configuration and keys are not in the storage folder and not in the backup: they are few, and keys belong elsewhere.
"""

from node.workflow.backup.manifest import Entry, Manifest, manifests
from node.workflow.backup.restore import lately_restored, restore
from node.workflow.backup.take import Made, take
from node.workflow.backup.verify import verify

__all__ = ["Entry", "Made", "Manifest", "lately_restored", "manifests", "restore", "take", "verify"]
