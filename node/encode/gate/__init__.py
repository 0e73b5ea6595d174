"""The gate: each written object is read back and examined before it may be sent.

::

    written = examine(written, known_of(material), material)
    held = [item for item in written if item.complaints]

What is examined, and by which file:

================  ====================================================================================================================
`walk`            it parses; what its IOD demands is there (type 1 and 2, and conditions that the object can answer), in sequences too;
                  representation, length, multiplicity and characters of each value; by the tables of `standard` and `conditions`
`frames`          each frame of a multi-frame object has its functional groups
`belonging`       file, data set and record are about one object; UIDs are its own; patient and study are those of its study
`references`      what it names can be found
`geometry`        pictures lie on the grid of the series that they are shown on, each slice once
`pixels`          pixels and printed documents came through the writing whole
`masks`           each segment's voxels are those that were segmented, each frame names the image of its slice
`maps`            stored values give the result's numbers
`numbers`         the report says the result's numbers, the registration its transforms
================  ====================================================================================================================

A `Complaint` says what was expected and found. An object with a complaint is never sent; the rest is. Decisions:

- **The file is examined, not the data set in memory**: what was frozen is what the PACS gets. Expectations come from the result and
  the volumes, or from standard tables, and as little as possible from the code that wrote the object.
- **What names a held object is held with it**, because what is named must be there when a reader opens it: a report that cites a held
  SEG, a selection of a held page. A series with one image for each slice is held as a whole: a stack with a hole scrolls out of step.
- **What stands the same in a source is not judged.** Scanners write values that the standard forbids; their study is in the PACS already,
  and a result that copies them is no worse than it.
- **A sample where a whole would cost seconds**: 800 points of each slice of a map. Pixels of MR and PET are not read again.
- **A gate that fails holds nothing back for good.** What cannot be read holds its own object alone. What `examine` itself would raise is a
  fault of ours: nothing is sent, since nothing was examined; the exam is FAILED with the traceback, its images and artefacts stay, and
  a person has it analysed again once the fault is mended. We chose that instead of HELD, which a person may release unexamined.
- **Values are never told**, only what they should have been: complaints are printed, and a value may be a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from struct import error as StructError

from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.errors import BytesLengthException, InvalidDicomError

from node.encode.gate.belonging import copied_bytes, each_its_own, of_its_study, of_itself
from node.encode.gate.frames import groups_in_each
from node.encode.gate.geometry import SLICE_BY_SLICE, every_slice_once, in_place, planes, slice_of, stack_of
from node.encode.gate.known import Known, instances_of, known_of
from node.encode.gate.maps import numbers_as_meant
from node.encode.gate.masks import drawn_as_meant
from node.encode.gate.numbers import said_as_meant
from node.encode.gate.pixels import whole
from node.encode.gate.references import Named, held_with, resolve
from node.encode.gate.sheet import Finding, Sheet
from node.encode.gate.walk import Walker
from node.encode.material import Material
from node.encode.objects import Complaint, Encoded

__all__ = ["Known", "examine", "instances_of", "known_of"]

AGAINST_RESULT = (in_place, drawn_as_meant, numbers_as_meant, said_as_meant)
"""Checks that need the exam's material, of objects that are sound in themselves; the first that complains is the last."""

UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(StructError, InvalidDicomError, BytesLengthException),
)
"""What reading raises of a file that is no DICOM, is cut short, or has values of another kind than its attributes have."""


def examine(written: Sequence[Encoded], known: Known, material: Material | None = None) -> tuple[Encoded, ...]:
    """The same objects, each with what is wrong with it.

    Parameters
    ----------
    written : the objects of one version, all of them: what one of them names is looked for among the others
    known : what they are held against
    material : of an exam that was analysed; a refusal has none
    """
    with disable_value_validation():
        gate = _Gate(written, known, material)
        complaints = tuple(gate.complaints())
    return tuple(replace(item, complaints=tuple(c for c in complaints if c.sop_instance_uid == item.sop_instance_uid)) for item in written)


class _Gate:
    """One examination: what must be remembered from object to object."""

    def __init__(self, written: Sequence[Encoded], known: Known, material: Material | None) -> None:
        self._written, self._known, self._material = written, known, material
        self._instances = known.instances | {item.sop_instance_uid: item.sop_class_uid for item in written}
        self._ours = frozenset(item.sop_instance_uid for item in written)
        self._walker = Walker()
        self._rightly_copied: set[tuple[object, ...]] = set()
        self._named: list[Named] = []
        self._stacks: dict[str, list[tuple[Encoded, int | None]]] = {}

    def complaints(self) -> Iterator[Complaint]:
        """All of them; those on what is held with others last."""
        found = [finding.complaint(item.sop_instance_uid) for item in self._written for finding in self._of_one(item)]
        found += [finding.complaint(item.sop_instance_uid) for item, finding in each_its_own(self._written)]
        found += self._of_stacks(frozenset(complaint.sop_instance_uid for complaint in found))
        yield from found
        yield from held_with(self._named, frozenset(complaint.sop_instance_uid for complaint in found))

    def _of_one(self, item: Encoded) -> list[Finding]:
        findings: list[Finding] = []
        try:
            sheet = Sheet(item, dcmread(item.path))
            findings += self._of_file(sheet)
            if self._material is not None:
                self._stack(sheet, self._material)
                findings += [] if findings else self._against_result(sheet, self._material)
        except UNREADABLE as error:
            findings.append(Finding((), "file", "a DICOM object that can be read and examined", type(error).__name__))
        return findings

    def _of_file(self, sheet: Sheet) -> Iterator[Finding]:
        seen = self._walker.walk(sheet.dataset)
        others = frozenset(reference.sop_instance_uid for reference in seen.references) & self._ours
        self._named.append(Named(sheet.encoded, others))
        yield from (finding for finding in seen.findings if not self._known.is_copied(sheet.dataset, finding))
        yield from of_itself(sheet)
        yield from self._of_its_study(sheet)
        yield from resolve(seen.references, self._instances)
        yield from groups_in_each(sheet)
        yield from whole(sheet)

    def _of_its_study(self, sheet: Sheet) -> Iterator[Finding]:
        encoded = copied_bytes(sheet)
        if encoded in self._rightly_copied:
            return
        findings = list(of_its_study(sheet, self._known))
        yield from findings
        if not findings:
            self._rightly_copied.add(encoded)

    def _stack(self, sheet: Sheet, material: Material) -> None:
        kind = sheet.encoded.kind
        if kind in SLICE_BY_SLICE:
            index = slice_of(planes(sheet.dataset)[0], stack_of(kind, material))
            self._stacks.setdefault(sheet.encoded.series_uid, []).append((sheet.encoded, index))

    def _against_result(self, sheet: Sheet, material: Material) -> list[Finding]:
        for check in AGAINST_RESULT:
            if findings := list(check(sheet, material)):
                return findings
        return []

    def _of_stacks(self, held: frozenset[str]) -> Iterator[Complaint]:
        """Series with one image for each slice: whole, or held."""
        if self._material is None:
            return
        for stack in self._stacks.values():
            slices = stack_of(stack[0][0].kind, self._material).grid.shape[0]
            gap = every_slice_once(stack, slices)
            broken = [item.sop_instance_uid for item, _ in stack if item.sop_instance_uid in held]
            if broken and gap is None:
                gap = Finding((), "slices of the series", "none of them held", f"{len(broken)} held: {broken[0]}")
            if gap is not None:
                yield from (gap.complaint(item.sop_instance_uid) for item, _ in stack if item.sop_instance_uid not in held)
