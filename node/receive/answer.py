"""C-STORE requests and their answers: what is checked before an image is taken, and which status says what (PS3.4 B.2.3, PS3.7 C).

`ANSWERS` is the table of them; the conformance statement is printed from it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt

from node.dimse import is_uid
from node.domain.ports import Recorded
from node.errors import TemporaryError
from node.receive.inbox import Arrival

log = structlog.get_logger()

SMALLEST_DATASET_BYTES = 8
"""The header of one element (PS3.5 7.1)."""


class Status(IntEnum):
    """The statuses that we answer."""

    SUCCESS = 0x0000
    CLASS_NOT_SUPPORTED = 0x0122
    OUT_OF_RESOURCES = 0xA700
    CANNOT_UNDERSTAND = 0xC000


ANSWERS: dict[Status, tuple[str, str]] = {
    Status.SUCCESS: ("durable and recorded; or here already; or kept aside, since its UID was here with other bytes", "forgets the image"),
    Status.CLASS_NOT_SUPPORTED: ("the SOP class is not that of the presentation context", "gives up"),
    Status.OUT_OF_RESOURCES: ("disk full, or less free than the site keeps free; disk or register at fault", "keeps it, tries again"),
    Status.CANNOT_UNDERSTAND: ("no data set; no SOP Instance UID, or one that is no UID", "gives up"),
}
"""Each status, when it is answered, and what a sender does with it."""


def answer(event: evt.Event, association: str, keep: Callable[[Arrival], Recorded]) -> Dataset:
    """Keep what a C-STORE request brought, and say so. Raises nothing: an exception here would reach the sender as "cannot understand".

    Parameters
    ----------
    event : EVT_C_STORE
    association : our own name for the association
    keep : makes an arrival durable and records it, or raises
    """
    request = event.request
    refusal = _refusal(request, event.context)
    if refusal is not None:
        log.warning("refused", association=association, status=f"0x{refusal.Status:04X}", why=refusal.ErrorComment)
        return refusal
    try:
        arrival = _arrival(event, association)
        _report(arrival, keep(arrival))
    except (TemporaryError, OSError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        log.error("not kept", association=association, sop_instance_uid=str(request.AffectedSOPInstanceUID), why=why)
        return _status(Status.OUT_OF_RESOURCES, why)
    except Exception:
        # The register is somebody else's: whatever it raises, the sender must keep the image.
        log.exception("not kept", association=association, sop_instance_uid=str(request.AffectedSOPInstanceUID))
        return _status(Status.OUT_OF_RESOURCES, "could not be recorded")
    return _status(Status.SUCCESS)


def _refusal(request: evt.Event, context: evt.Event) -> Dataset | None:
    """Why a request cannot be taken, as far as can be told without decoding it."""
    uid = request.AffectedSOPInstanceUID
    if not uid or not is_uid(str(uid)):
        return _status(Status.CANNOT_UNDERSTAND, "Affected SOP Instance UID is not a UID")
    if request.AffectedSOPClassUID != context.abstract_syntax:
        return _status(Status.CLASS_NOT_SUPPORTED, "Affected SOP Class UID is not that of the context")
    if request.DataSet is None or request.DataSet.getbuffer().nbytes < SMALLEST_DATASET_BYTES:
        return _status(Status.CANNOT_UNDERSTAND, "no data set")
    return None


def _arrival(event: evt.Event, association: str) -> Arrival:
    remote = event.assoc.requestor
    return Arrival(
        sop_instance_uid=str(event.request.AffectedSOPInstanceUID),
        sop_class_uid=str(event.request.AffectedSOPClassUID),
        transfer_syntax_uid=str(event.context.transfer_syntax),
        dataset=event.request.DataSet.getvalue(),
        association=association,
        calling_ae=remote.ae_title.strip(),
        called_ae=remote.primitive.called_ae_title.strip(),
        address=f"{remote.address}:{remote.port}",
    )


def _report(arrival: Arrival, recorded: Recorded) -> None:
    about = {"sop_instance_uid": arrival.sop_instance_uid, "association": arrival.association}
    if recorded is Recorded.CHANGED:
        log.warning("the UID was here with other bytes: kept aside", **about)
    else:
        log.debug("kept", recorded=recorded.value, **about)


def _status(status: Status, comment: str = "") -> Dataset:
    dataset = Dataset()
    dataset.Status = int(status)
    if comment:
        dataset.ErrorComment = comment.encode("ascii", "replace").decode()[:64]  # VR LO
    return dataset
