"""The equipment that an object owes itself to: the scanners that took the images, and the node (Contributing Equipment, PS3.3 C.12.1.1.5).

General Equipment names the node alone, since it made the object; what was acquired where would be lost to a reader who has the object and
not its sources. Each device is named once, with what it acquired.

Text of another study may be in another character set. What the object's own cannot be trusted to hold is left out, but for the
manufacturer, which must be there and is told in ASCII.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import highdicom as hd
from pydicom import Dataset

from node.encode.quantities import plain

INSTITUTION = ("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "InstitutionalDepartmentTypeCodeSequence")
"""Of the study: where its equipment stands, the node's as well."""

ACQUISITION = ("109101", "DCM", "Acquisition Equipment")
PROCESSING = ("109102", "DCM", "Processing Equipment")

_DEVICE = ("Manufacturer", "ManufacturerModelName", "StationName", "DeviceSerialNumber", "DeviceUID", "SoftwareVersions")
_PLACE = ("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName")
_UNIVERSAL = ("ISO_IR 192", "GB18030")
"""Character sets that hold every letter."""


@dataclass(frozen=True, eq=False)
class Contribution:
    """What one device gave to an exam.

    Parameters
    ----------
    header : of one of its images
    what : in ASCII: "PET", "T1", …
    at : local time of the device, None where nobody knows it
    purpose : `ACQUISITION`, or `PROCESSING` for what was drawn elsewhere
    """

    header: Dataset
    what: str
    at: datetime | None
    purpose: tuple[str, str, str] = ACQUISITION

    @property
    def device(self) -> tuple[str, ...]:
        """What tells the device from others."""
        return (self.purpose[0], *(str(self.header.get(keyword, "")) for keyword in (*_DEVICE, *_PLACE)))


def copy_institution(dataset: Dataset, study: Dataset) -> None:
    """The study's institution, instead of any named before."""
    for keyword in INSTITUTION:
        if keyword in dataset:
            del dataset[keyword]
        if keyword in study:
            dataset[keyword] = study[keyword]


def contributing(contributions: Sequence[Contribution], charset: Sequence[str]) -> list[Dataset]:
    """An item for each device, in the order of the contributions.

    Parameters
    ----------
    charset : SpecificCharacterSet of the object that the items go into
    """
    devices: dict[tuple[str, ...], list[Contribution]] = {}
    for contribution in contributions:
        devices.setdefault(contribution.device, []).append(contribution)
    return [_device(group, charset) for group in devices.values()]


def processing(dataset: Dataset, made_at: datetime) -> Dataset:
    """The item of the node itself, as its objects' General Equipment names it."""
    item = Dataset()
    for keyword in (*_DEVICE, *_PLACE):
        if keyword in dataset:
            item[keyword] = dataset[keyword]
    # With its offset, since not every study names one; UTC is +0000 (PS3.5 6.2), which DCMTK's dcmpschk 3.6 takes for an error.
    return _contributed(item, "Made from the images", made_at.strftime("%Y%m%d%H%M%S%z"), PROCESSING)


def characters(header: Dataset) -> tuple[str, ...]:
    """SpecificCharacterSet as a tuple; that of DICOM where there is none."""
    value = header.get("SpecificCharacterSet") or ""
    return (value,) if isinstance(value, str) else tuple(str(one) for one in value)


def _device(group: Sequence[Contribution], charset: Sequence[str]) -> Dataset:
    first, item = group[0], Dataset()
    trusted = characters(first.header) == tuple(charset) or charset[0] in _UNIVERSAL
    for keyword in (*_DEVICE, *_PLACE):
        if first.header.get(keyword) and (trusted or _ascii(first.header[keyword].value)):
            item[keyword] = first.header[keyword]
    if "Manufacturer" not in item:
        item.Manufacturer = plain(str(first.header.get("Manufacturer", "") or "unknown"))
    verb = "Acquired" if first.purpose is ACQUISITION else "Drew"
    known = [one.at for one in group if one.at is not None]
    when = min(known).strftime("%Y%m%d%H%M%S") if known else ""
    return _contributed(item, f"{verb} {_listed(one.what for one in group)}", when, first.purpose)


def _contributed(item: Dataset, what: str, when: str, purpose: tuple[str, str, str]) -> Dataset:
    item.ContributionDescription = what
    if when:
        item.ContributionDateTime = when
    item.PurposeOfReferenceCodeSequence = [hd.sr.CodedConcept(*purpose)]
    return item


def _ascii(value: object) -> bool:
    return str(value).isascii()


def _listed(words: Iterable[str]) -> str:
    """Words with commas, each once."""
    return ", ".join(dict.fromkeys(words))
