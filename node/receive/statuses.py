"""Every status that we answer: its meaning, when we answer it, and what a sender does then.

Code, conformance statement and tests are made from this one table. DIMSE: PS3.7 Annex C, PS3.4 B.2.3, J.3, F.7 and R; HTTP: PS3.18 10.5.
"""

from __future__ import annotations

from enum import Enum

_N_SERVICES = "N-ACTION, N-EVENT-REPORT, N-CREATE, N-SET"
_MPPS = "N-CREATE, N-SET"


class Answer(Enum):
    """One status of one service.

    Parameters
    ----------
    service : DIMSE services that answer it, or "HTTP"
    code : of DIMSE a Status (0000,0900), of HTTP a status code
    meaning : as the standard names it
    when : in which case we answer it
    sender : what a sender does then, or should
    """

    def __init__(self, service: str, code: int, meaning: str, when: str, sender: str) -> None:
        self.service = service
        self.code = code
        self.meaning = meaning
        self.when = when
        self.sender = sender

    @property
    def text(self) -> str:
        """The code as people write it: "0xA700", "409"."""
        return str(self.code) if self.name.startswith("HTTP") else f"0x{self.code:04X}"

    ECHOED = ("C-ECHO", 0x0000, "Success", "always", "knows that we are there")
    STORED = (
        "C-STORE",
        0x0000,
        "Success",
        "the image is durable; also where it was here already, and where its UID was here with other bytes and it is kept aside",
        "forgets the image",
    )
    STORE_OTHER_CLASS = (
        "C-STORE, C-ECHO",
        0x0122,
        "Refused: SOP Class not supported",
        "the SOP class is not that of the presentation context",
        "gives up",
    )
    OUT_OF_RESOURCES = (
        "C-STORE",
        0xA700,
        "Refused: Out of resources",
        "disk full, or less free than the site keeps free; too much is waiting to be filed; the disk is at fault",
        "keeps the image and tries again",
    )
    OTHER_DATASET = (
        "C-STORE",
        0xA900,
        "Error: Data Set does not match SOP Class",
        "the data set names another SOP class or instance than the request",
        "gives up",
    )
    CANNOT_UNDERSTAND = (
        "C-STORE",
        0xC000,
        "Error: Cannot understand",
        "no data set, or one that is shorter than an element; no SOP class or instance in it; an Affected SOP Instance UID that is no UID",
        "gives up",
    )
    TOLD = (_N_SERVICES, 0x0000, "Success", "what was told is durable", "goes on")
    INVALID_VALUE = (
        _MPPS,
        0x0106,
        "Invalid attribute value",
        "Performed Procedure Step Status is not one that may be set now",
        "gives up",
    )
    UPDATED_NO_MORE = (
        "N-SET",
        0x0110,
        "Processing failure",
        "the procedure step was completed or discontinued before",
        "gives up",
    )
    UNREADABLE = (_MPPS, 0x0110, "Processing failure", "a data set that cannot be read", "gives up")
    DUPLICATE = ("N-CREATE", 0x0111, "Duplicate SOP Instance", "the procedure step was created before", "takes it for created")
    NO_INSTANCE = (
        "N-ACTION, N-EVENT-REPORT",
        0x0112,
        "No such SOP Instance",
        "not the well-known SOP instance of storage commitment, 1.2.840.10008.1.20.1.1",
        "gives up",
    )
    NO_EVENT = ("N-EVENT-REPORT", 0x0113, "No such event type", "an event type other than 1 and 2", "gives up")
    NO_ARGUMENT = (
        "N-ACTION, N-EVENT-REPORT",
        0x0114,
        "No such argument",
        "no Transaction UID, or no list of instances",
        "gives up",
    )
    INVALID_ARGUMENT = ("N-ACTION, N-EVENT-REPORT", 0x0115, "Invalid argument value", "a data set that cannot be read", "gives up")
    INVALID_INSTANCE = (_MPPS, 0x0117, "Invalid SOP Instance", "the SOP Instance UID is no UID", "gives up")
    NO_CLASS = (_N_SERVICES, 0x0118, "No such SOP Class", "the SOP class is not that of the presentation context", "gives up")
    MISSING = (_MPPS, 0x0120, "Missing attribute", "no data set, or one without Performed Procedure Step Status", "gives up")
    NO_ACTION = ("N-ACTION", 0x0123, "No such action", "an action type other than 1", "gives up")
    UNRECOGNIZED = (
        "every other request",
        0x0211,
        "Unrecognized operation",
        "a service that is not part of the presentation context's SOP class",
        "gives up",
    )
    NO_ROOM = (
        _N_SERVICES,
        0x0213,
        "Resource limitation",
        "the disk takes nothing; the data set is longer than 16 MiB, or all that come in together longer than 64 MiB",
        "tries again later",
    )
    STOW_OTHER_CLASS = ("STOW-RS, an instance", 0x0122, "SOP Class not supported", "a storage class that we do not take", "gives up")
    STOW_OUT_OF_RESOURCES = (
        "STOW-RS, an instance",
        0xA700,
        "Refused: Out of resources",
        "as for C-STORE",
        "keeps the image and tries again",
    )
    STOW_OTHER_STUDY = (
        "STOW-RS, an instance",
        0xA900,
        "Error: Data Set does not match",
        "the request names a study, and the instance is of another, or of none that can be found",
        "gives up",
    )
    STOW_CANNOT_UNDERSTAND = (
        "STOW-RS, an instance",
        0xC000,
        "Error: Cannot understand",
        "no DICOM file (PS3.10), a UID that is none, or no data set",
        "gives up",
    )
    STOW_NO_INSTANCE = (
        "STOW-RS, an instance",
        0xC001,
        "Error: Cannot understand",
        "a part that is not application/dicom",
        "gives up",
    )
    STOW_OTHER_SYNTAX = (
        "STOW-RS, an instance",
        0xC122,
        "Referenced Transfer Syntax not supported",
        "a transfer syntax that this installation cannot decode",
        "gives up, or sends it in another",
    )
    HTTP_STORED = ("STOW-RS", 200, "OK", "every instance is durable", "forgets the images")
    HTTP_SOME_STORED = ("STOW-RS", 202, "Accepted", "some instances are durable; each other one is named with its reason", "acts on each")
    HTTP_CONFLICT = ("STOW-RS", 409, "Conflict", "no instance was stored; each is named with its reason", "acts on each")
    HTTP_FOUND = ("QIDO-RS, WADO-RS", 200, "OK", "what was asked for; of a search, also where nothing matches", "goes on")
    HTTP_BAD_REQUEST = ("HTTP", 400, "Bad Request", "a request that is not as PS3.18 has it, or a body that was cut off", "gives up")
    HTTP_UNAUTHORIZED = ("HTTP", 401, "Unauthorized", "no bearer token that we know", "asks its administrator")
    HTTP_NOT_FOUND = ("HTTP", 404, "Not Found", "no result of ours under these UIDs; images that we received are not given out", "gives up")
    HTTP_NOT_ACCEPTABLE = (
        "HTTP",
        406,
        "Not Acceptable",
        "no media type or transfer syntax that is accepted can be had",
        "accepts another",
    )
    HTTP_TOO_SLOW = ("HTTP", 408, "Request Timeout", "nothing of the body came for a while", "tries again")
    HTTP_TOO_LARGE = ("HTTP", 413, "Content Too Large", "a body longer than web.max_request_mib", "sends less at once")
    HTTP_OTHER_MEDIA = (
        "STOW-RS",
        415,
        "Unsupported Media Type",
        "anything but multipart/related with type=application/dicom: metadata and bulk data apart are not taken",
        "sends DICOM files",
    )
    HTTP_OTHER_HOST = (
        "HTTP",
        421,
        "Misdirected Request",
        "without tokens, a Host that is not this machine's own name: a page of another site is asking",
        "gives up",
    )
    HTTP_TOO_MANY = ("HTTP", 429, "Too Many Requests", "more requests of one caller at a time than half of web.max_requests", "tries again")
    HTTP_FAULT = ("HTTP", 500, "Internal Server Error", "our fault; the log says what", "tries again")
    HTTP_BUSY = ("HTTP", 503, "Service Unavailable", "more requests at a time than web.max_requests", "tries again")
    HTTP_NO_SPACE = (
        "STOW-RS",
        507,
        "Insufficient Storage",
        "no instance was stored, each for 0xA700 (the standard's 503, told apart as other servers do)",
        "keeps the images and tries again",
    )


ANSWERS: tuple[Answer, ...] = tuple(Answer)
"""All of them."""
