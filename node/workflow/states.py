"""The states of an exam, and what leads from one to the next: a table to proof-read against the architecture.

Where a state is the participle of a verb, that verb's folder did it.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """What an exam is."""

    RECEIVED = "RECEIVED"  #: images are here, nothing was decided yet
    WAITING = "WAITING"  #: a role is missing or still arriving; the reason says which
    ASSEMBLED = "ASSEMBLED"
    ALIGNED = "ALIGNED"
    SEGMENTED = "SEGMENTED"
    QUANTIFIED = "QUANTIFIED"
    ENCODED = "ENCODED"  #: the objects are frozen in the outbox
    DELIVERED = "DELIVERED"  #: every destination has every object
    IGNORED = "IGNORED"  #: not ours by the site's rules: filed, counted, nothing sent
    HELD = "HELD"  #: a person must look: conflict, failed check, or a refusal by the PACS
    REJECTED = "REJECTED"  #: ours, but the data cannot be used; a page in the PACS says why
    WITHDRAWN = "WITHDRAWN"  #: a reader rejected what was delivered; a rejection note takes it back
    FAILED = "FAILED"  #: our fault; the traceback is kept


class Verb(Enum):
    """What is done to an exam, in the order of the path."""

    ASSEMBLE = "assemble"
    ALIGN = "align"
    SEGMENT = "segment"
    QUANTIFY = "quantify"
    ENCODE = "encode"
    DELIVER = "deliver"
    REFUSE = "refuse"  #: make the page that says why an exam was not analysed
    WITHDRAW = "withdraw"  #: make the rejection note that takes back what was delivered


PATH: tuple[tuple[State, Verb, State], ...] = (
    (State.RECEIVED, Verb.ASSEMBLE, State.ASSEMBLED),
    (State.ASSEMBLED, Verb.ALIGN, State.ALIGNED),
    (State.ALIGNED, Verb.SEGMENT, State.SEGMENTED),
    (State.SEGMENTED, Verb.QUANTIFY, State.QUANTIFIED),
    (State.QUANTIFIED, Verb.ENCODE, State.ENCODED),
    (State.ENCODED, Verb.DELIVER, State.DELIVERED),
)
"""From state, by verb, to state."""

COMPUTE: tuple[tuple[State, Verb, State], ...] = PATH[:-1]
"""The part of the path that runs in the compute process."""

ENDED = frozenset({State.DELIVERED, State.IGNORED, State.HELD, State.REJECTED, State.WITHDRAWN, State.FAILED})
"""States that nothing leaves by itself."""

OWING: dict[State, Verb] = {State.REJECTED: Verb.REFUSE, State.WITHDRAWN: Verb.WITHDRAW}
"""States that may owe the PACS an object, and the verb that makes it. One is owed while `progress` is not empty."""
