"""Key Object Selection: which of the written objects to open first (PS3.3 A.35.4, PS3.16 TID 2010).

It names the pages that answer, titled "Of Interest", in the study of the PET. We chose that title instead of "For Referring Provider",
which a person gives to what he has read. Written by a site's choice alone: some PACS flag the images that it names, others list an empty
series beside them; and the pages stand first in their study anyway.
"""

from __future__ import annotations

import highdicom as hd
from pydicom import Dataset
from pydicom.sr.coding import Code as DicomCode

from node.encode.headers import MODEL, describe, write
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.uids import device_uid

OF_INTEREST = DicomCode("113000", "DCM", "Of Interest")

CHOSEN = (Kind.SUMMARY,)
"""What is named. The physicist's pages are for another reader."""


def encode_key_objects(material: Material, written: tuple[Encoded, ...]) -> tuple[Encoded, ...]:
    """The selection of what has been written in the PET's study; nothing where no page was.

    Parameters
    ----------
    written : the exam's other objects
    """
    pages = [_named(item) for item in written if item.kind in CHOSEN and item.study_uid == material.pet_header.StudyInstanceUID]
    if not pages:
        return ()
    kind, maker = Kind.KEY_OBJECTS, material.maker
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=device_uid(maker.options),
        name=maker.options.device_serial_number,
        model_name=MODEL,
        serial_number=maker.options.device_serial_number,
    )
    observer = hd.sr.ObserverContext(DicomCode("121007", "DCM", "Device"), device)
    content = hd.ko.KeyObjectSelection(OF_INTEREST, pages, observer_device_context=observer, description="Research use only.")
    dataset = hd.ko.KeyObjectSelectionDocument(pages, content, maker.uid(kind, "series"), 1, maker.uid(kind, "instance", 1), 1)
    describe(dataset, kind, material.pet_header, maker, cited=(), description="RESEARCH Pages to read first")
    return (write(dataset, kind, maker),)


def _named(item: Encoded) -> Dataset:
    """What highdicom must be told of an object: its identity. Patient and study come from `describe`."""
    stand_in = Dataset()
    stand_in.SOPClassUID, stand_in.SOPInstanceUID = item.sop_class_uid, item.sop_instance_uid
    stand_in.StudyInstanceUID, stand_in.SeriesInstanceUID = item.study_uid, item.series_uid
    stand_in.Rows = stand_in.Columns = 1  # an image, and no document
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(stand_in, keyword, "")
    return stand_in
