"""Whether what an object names can be found: among the exam's sources, the objects that go with it, and what earlier exams left.

What an object names must be there when a reader opens it: an object that names one that is held is held with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from node.encode.gate.sheet import Finding
from node.encode.gate.walk import Reference
from node.encode.headers import COPIED
from node.encode.objects import Complaint, Encoded
from node.encode.procedure import STEP

OF_THE_STUDY = frozenset((*COPIED, *STEP, "ReferencedRequestSequence"))
"""What repeats words of the study: what those name (a study, a performed procedure step) lies in other systems, and is not ours to find."""


@dataclass(frozen=True, eq=False)
class Named:
    """What one object names of the others that go with it."""

    encoded: Encoded
    others: frozenset[str]


def resolve(references: Sequence[Reference], instances: Mapping[str, str]) -> Iterator[Finding]:
    """What an object names and nobody knows, or knows as something else.

    Parameters
    ----------
    instances : SOP Instance UID → SOP Class UID of all that may be named
    """
    for reference in references:
        if reference.path and reference.path[0][0] in OF_THE_STUDY:
            continue
        sop_class = instances.get(reference.sop_instance_uid)
        if sop_class is None:
            yield Finding(reference.path, "ReferencedSOPInstanceUID", "a source, or an object of this exam", reference.sop_instance_uid)
        elif reference.sop_class_uid and reference.sop_class_uid != sop_class:
            yield Finding(reference.path, "ReferencedSOPClassUID", sop_class, reference.sop_class_uid)


def held_with(named: Sequence[Named], held: frozenset[str]) -> Iterator[Complaint]:
    """What is held since it names what is held, to the last: one complaint each."""
    while True:
        drawn_in = [(item.encoded.sop_instance_uid, min(item.others & held)) for item in named if item.others & held]
        new = [(uid, other) for uid, other in drawn_in if uid not in held]
        if not new:
            return
        for uid, other in new:
            yield Complaint(uid, "ReferencedSOPInstanceUID", "an object that is sent", f"{other}, which is held")
        held |= {uid for uid, _ in new}
