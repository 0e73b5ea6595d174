"""The demo PACS: keeps, counts, finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from network import SERIES, STUDY, Receipts, associated, dataset_bytes, digest, instance, parcel, write
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, MRImageStorage
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from node.deliver import send
from node.dimse import Peer, echo, find_instance
from node.domain.ports import DeliveryState
from node.simulate.pacs import SYNTAXES, DemoPacs, Stored

MR = [(MRImageStorage, ExplicitVRLittleEndian)]


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[DemoPacs]:
    with DemoPacs(tmp_path / "pacs") as pacs:
        yield pacs


def peer(pacs: DemoPacs) -> Peer:
    return Peer("demo", pacs.host, pacs.port, pacs.ae_title, "EMBER", connect_timeout_s=5, answer_timeout_s=5)


def store(pacs: DemoPacs, *paths: Path) -> list[int]:
    association = associated(pacs.port, MR, called=pacs.ae_title)
    statuses = [association.send_c_store(path).Status for path in paths]
    association.release()
    return statuses


def find(pacs: DemoPacs, level: str, **keys: object) -> list[Dataset]:
    query = Dataset()
    query.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    model = StudyRootQueryRetrieveInformationModelFind
    association = associated(pacs.port, [(model, ImplicitVRLittleEndian)], called=pacs.ae_title)
    answers = list(association.send_c_find(query, model))
    association.release()
    assert answers[-1][0].Status == 0x0000
    return [identifier for status, identifier in answers if status.Status == 0xFF00]


def test_it_answers_echo(pacs: DemoPacs) -> None:
    assert echo(peer(pacs)).status == 0x0000


def test_what_it_gets_lies_by_study_and_series_and_is_counted_with_its_digest(pacs: DemoPacs, tmp_path: Path) -> None:
    path = write(instance(), tmp_path / "sent")

    assert store(pacs, path, path) == [0x0000, 0x0000]
    kept = pacs.folder / STUDY / SERIES / path.name
    assert dcmread(kept) == dcmread(path)
    assert pacs.receipts() == {(path.stem, digest(dataset_bytes(path))): 2}
    assert [(stored.sop_class_uid, stored.path, stored.calling_ae) for stored in pacs.received] == [(MRImageStorage, kept, "MR3T")] * 2


def test_whoever_waits_is_told(tmp_path: Path) -> None:
    told: list[Stored] = []
    with DemoPacs(tmp_path / "pacs", on_stored=told.append) as pacs:
        store(pacs, write(instance(), tmp_path / "sent"))

        assert told == list(pacs.received)
        assert len(told) == 1


def test_it_finds_at_each_level_and_forgets_nothing_when_started_again(pacs: DemoPacs, tmp_path: Path) -> None:
    store(pacs, *[write(instance(number), tmp_path / "sent") for number in range(3)])
    pacs.stop()
    pacs.start()

    (study,) = find(pacs, "STUDY", PatientID="SECRET-ID", StudyInstanceUID="")
    (series,) = find(pacs, "SERIES", StudyInstanceUID=STUDY, SeriesInstanceUID="", Modality="MR")
    images = find(pacs, "IMAGE", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID="")
    two = find(pacs, "IMAGE", SOPInstanceUID=[f"{SERIES}.1", f"{SERIES}.3"])

    assert study.StudyInstanceUID == STUDY
    assert series.SeriesInstanceUID == SERIES
    assert sorted(image.SOPInstanceUID for image in images) == [f"{SERIES}.{number}" for number in (1, 2, 3)]
    assert sorted(image.SOPInstanceUID for image in two) == [f"{SERIES}.1", f"{SERIES}.3"]
    assert find(pacs, "STUDY", PatientID="NOBODY", StudyInstanceUID="") == []


def test_the_node_can_ask_whether_an_instance_arrived(pacs: DemoPacs, tmp_path: Path) -> None:
    path = write(instance(), tmp_path / "sent")
    store(pacs, path)

    assert find_instance(peer(pacs), path.stem, STUDY, SERIES) is True
    assert find_instance(peer(pacs), f"{SERIES}.9", STUDY, SERIES) is False


def test_delivery_reaches_it_once_with_one_digest(pacs: DemoPacs, tmp_path: Path) -> None:
    path = write(instance(), tmp_path / "outbox")
    send([parcel(path)], peer(pacs), Receipts())
    again = send([parcel(path, DeliveryState.SENDING)], peer(pacs), Receipts())

    assert again.stored == ((path.stem, "found by C-FIND"),)
    assert pacs.receipts() == {(path.stem, digest(dataset_bytes(path))): 1}


def test_it_takes_compressed_objects_and_only_syntaxes_that_it_lists(pacs: DemoPacs) -> None:
    proposed = [(MRImageStorage, syntax) for syntax in (ExplicitVRLittleEndian, JPEG2000Lossless, "1.2.840.10008.1.2.4.70")]
    association = associated(pacs.port, proposed, called=pacs.ae_title)
    accepted = {context.transfer_syntax[0] for context in association.accepted_contexts}
    association.release()

    assert accepted == {ExplicitVRLittleEndian, JPEG2000Lossless}
    assert accepted < set(SYNTAXES)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_study_that_is_no_uid_never_becomes_a_folder(pacs: DemoPacs, tmp_path: Path) -> None:
    evil = instance()
    evil.StudyInstanceUID = "../../evil"

    assert store(pacs, write(evil, tmp_path / "sent")) == [0xA900]
    assert pacs.received == ()
    assert list(pacs.folder.iterdir()) == []
