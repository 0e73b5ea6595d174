"""Images come in: C-ECHO and C-STORE, and the inbox on disk.

::

    Receiver(ReceiverSettings("EMBER", "0.0.0.0", 11112), register, Inbox(storage, min_free_bytes=5 * 2**30)).start()

An image that is answered Success is on disk and recorded: the bytes as received go into a file of their own, the file is synchronised,
gets its name by a rename, the folder is synchronised, the register records it, and only then comes the answer. Nothing is decoded in a
network thread. What is a series, and whose, is found later by `assemble`.

Words: an *arrival* is what one C-STORE request brought; it is *kept* when it is durable and recorded.

Decisions
---------
*The digest* is the SHA-256 of the whole file. The file is a preamble, a file meta information of ours that depends on SOP class, SOP
instance and transfer syntax alone, and the data set as it came. We chose the file because ``sha256sum`` can check it, instead of the
data set alone. The same image in another transfer syntax is therefore another arrival: whether its pixels are the same can't be told
without decoding it.

*The same UID with other bytes* is kept aside in ``quarantine/``, recorded, warned of in the log, and answered Success. A warning status
(0xB000) would say that we changed the image; some senders take any warning for a failure and stop their queue, others send again for
ever; and nothing is lost. The first arrival stays what the UID stands for.

*A full disk* (or less free space than the site wants to keep free) and *a register that fails* are answered 0xA700, out of resources:
the sender keeps the image and tries again. A library exception would have been answered 0xC211, "cannot understand", after which
senders give up.

*A crash* leaves at most three things: a file in ``inbox/.arriving``, which is removed at the next start; a durable file that is not
recorded, which is recorded at the next start or when it comes again; an image that is recorded and was not answered, which is a no-op
when it comes again. None of them had been answered, so none is a loss either way.

*What is accepted* is derived from the decoders that this installation has (`contexts`), so that the list can't promise what `assemble`
could not open.

*Who may call*: anyone that names our AE title, or the AE titles of a closed list. AE titles are no proof of identity.

*Associations* are counted when they are asked for, not when a connection opens: silent connections would keep everybody else out for
as long as the time-out. The register hears of an association with its first image, so that C-ECHO leaves no trace in it.
"""

from node.receive.contexts import STORAGE_CLASSES, decodable_syntaxes
from node.receive.inbox import RECOVERED, Inbox
from node.receive.receiver import Receiver, ReceiverSettings

__all__ = ["RECOVERED", "STORAGE_CLASSES", "Inbox", "Receiver", "ReceiverSettings", "decodable_syntaxes"]
