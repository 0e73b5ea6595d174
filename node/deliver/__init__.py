"""Results go out: C-STORE of frozen objects, and each one's fate.

::

    outcome = send(parcels, peer, receipts, compression=Compression.LOSSLESS)
    if outcome.retry:
        ...  # again after retry_delay_s(attempt, uid)

Words: a *parcel* is one frozen object on its way to one destination; its *fate* is stored, refused, not taken,
postponed or unknown. *Stored* is what the destination answered; *proven* is what it said later, asked anew whether it holds the object.
A `Destination` is what every kind of place can do: take parcels, and say whether it holds them. Each kind is one file.

`archive` is a PACS by DIMSE, `stow` a DICOMweb server, `folder` a folder; `commitment` and `holdings` are how a PACS is asked, `ledger`
what an attempt learned, `verdict` what an answer means, `backoff` how long to wait, `compression` in which form an object may travel.

Decisions
---------
*Frozen bytes.* A file of the outbox goes out as it lies on disk, never decoded and encoded again, so that a second send carries the
bytes of the first. Where the site wants compression and the peer accepts it, pages, overlays and maps travel in JPEG-LS Lossless or RLE
Lossless instead, with the same pixels (`compression`), and where it takes nothing else, in Implicit VR; the file stays as it is.

*Success is no proof.* An archive may answer Success and lose the object, keep it out of its index, or sort it out at night. So each
object is asked after until the archive says that it holds it: by storage commitment, which is a promise, before a query, which is a look;
instead of counting answers. What is not shown at once is looked for with patience before it is sent again, since an index may be late,
and the same bytes under the same UID are never a second object.

*A report is believed of whoever was asked*, under its own title, a title of the same [[peer]] block, or from its host. That it holds an
object is believed however late; that it does not, once, and of the last request alone.

*Our own copy is no reason to let a scanner delete.* As the SCP of storage commitment we say yes only of what an archive shows when it is
asked then. The answer goes over an association of ours, never over the scanner's: another process gives it, minutes later.

*Negotiation is the default.* A peer that takes no objects of a class is no failure where nobody asked for them: the parcel is *not taken*,
and the story says so. What is `required` (the site named it, or it is the page that a reader needs) is refused instead, and a person looks.
We chose that because archives without SR or SEG are common, and a node that holds each exam there would be switched off; instead of asking
each site to list what its archive takes before the first result.

*Ask before sending again.* A parcel is noted as SENDING before it is handed to the network. Whoever finds it so later doesn't know
whether the peer has it, and asks by C-FIND; only a peer that says no, or can't say, is sent the same bytes again, and that not before two
of its time-outs are over: a node that was started anew asks sooner than a slow archive has stored.

*What a peer writes beside a status* (Error Comment) may name a patient: it is kept in our rows for the administrator, and never logged.

*What may pass is tried again for ever*, at growing distances of up to an hour (`retry_delay_s`), all of it as soon as anything gets
through, because a result that is not in the PACS is a result that nobody reads: an unreachable peer, a lost association, a full disk at
the other end, an AE title that is not known there yet. An object whose answer is missing goes last, in case it is what ends associations.
*What the peer says of the object itself* (its class is not supported, it can't be understood) stops that object, with the reason.
A warning (0xB000 …) is a stored object; its text is kept.

*STOW-RS goes out in handfuls* (`stow`), and an answer for a request as a whole (400, 409, 500 …) is taken apart, one request an object,
so that a refusal costs nothing but what it is of. Servers answer for the whole more often than the standard would have it. Its failure
reasons mean what the same statuses of C-STORE mean. A redirect is not followed: images would go where the site never sent them. It travels
uncompressed, since STOW-RS has no negotiation. The client is the standard library's (`exchange`), which can be cut off after a time and
tells whether anything had left.

*A folder's files are never replaced* (`folder`), never half there (another name until they are on the disk), and proven by being read
back. The folder itself is never made: one that is missing is a share that is not mounted, and is waited for.
"""

from node.deliver.archive import DimseDestination
from node.deliver.backoff import retry_delay_s
from node.deliver.commitment import (
    FAILURES,
    MOST_INSTANCES,
    Asked,
    CommitmentResult,
    read_request,
    read_result,
    report_commitment,
    request_commitment,
)
from node.deliver.compression import Compression
from node.deliver.destination import Destination, Held, Proof
from node.deliver.exchange import HttpServer
from node.deliver.folder import FolderDestination
from node.deliver.holdings import Instance, held_by
from node.deliver.ledger import Ledger, Outcome
from node.deliver.send import send
from node.deliver.stow import StowDestination

__all__ = [
    "FAILURES",
    "MOST_INSTANCES",
    "Asked",
    "CommitmentResult",
    "Compression",
    "Destination",
    "DimseDestination",
    "FolderDestination",
    "Held",
    "HttpServer",
    "Instance",
    "Ledger",
    "Outcome",
    "Proof",
    "StowDestination",
    "held_by",
    "read_request",
    "read_result",
    "report_commitment",
    "request_commitment",
    "retry_delay_s",
    "send",
]
