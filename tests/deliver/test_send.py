"""Delivery over real sockets: bytes, fates, and never twice without asking."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from deliver_peer import Scripted
from network import Receipts, dataset_bytes, digest, instance, parcel, write
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless, SecondaryCaptureImageStorage, SegmentationStorage
from structlog.testing import capture_logs

from node.deliver import send
from node.dimse import Peer
from node.domain.ports import DeliveryState


def frozen(folder: Path, count: int) -> list[Path]:
    return [write(instance(number), folder) for number in range(count)]


def comment(status: int, text: str) -> Dataset:
    answer = Dataset()
    answer.Status = status
    answer.ErrorComment = text
    return answer


def test_the_peer_gets_the_bytes_that_were_frozen(tmp_path: Path, peer: Peer, scripted: Scripted) -> None:
    paths = frozen(tmp_path, 3)
    receipts = Receipts()

    outcome = send([parcel(path) for path in paths], peer, receipts)

    assert scripted.stored == [(path.stem, digest(dataset_bytes(path))) for path in paths]
    assert outcome.stored == tuple((path.stem, "answered 0x0000") for path in paths)
    assert not outcome.retry


def test_bytes_that_an_encoder_would_write_otherwise_stay_as_they_are(tmp_path: Path, peer: Peer, scripted: Scripted) -> None:
    """A group length, an odd order of VRs, trailing padding: all legal, none survives decoding and encoding."""
    path = write(instance(), tmp_path)
    group_length = b"\x08\x00\x00\x00UL\x04\x00\xff\x00\x00\x00"
    trailing_padding = b"\xfc\xff\xfc\xffOB\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00"
    inside = dataset_bytes(path)
    encoded = path.read_bytes()
    path.write_bytes(encoded[: -len(inside)] + group_length + inside + trailing_padding)

    send([parcel(path)], peer, Receipts())

    assert scripted.stored == [(path.stem, digest(group_length + inside + trailing_padding))]


def test_receipts_are_told_before_and_after_each_object(tmp_path: Path, peer: Peer) -> None:
    first, second = frozen(tmp_path, 2)
    receipts = Receipts()

    send([parcel(first), parcel(second)], peer, receipts)

    assert receipts.told == [
        ("sending", first.stem, ""),
        ("stored", first.stem, "answered 0x0000"),
        ("sending", second.stem, ""),
        ("stored", second.stem, "answered 0x0000"),
    ]


def test_each_fate_is_noted_and_one_does_not_stop_the_others(tmp_path: Path, peer: Peer, scripted: Scripted) -> None:
    answers = iter([comment(0xB000, "coerced"), comment(0xA700, "disk full"), comment(0xC123, "no idea"), 0x0000])
    scripted.answer = lambda event: next(answers)
    paths = frozen(tmp_path, 4)

    outcome = send([parcel(path) for path in paths], peer, Receipts())

    uids = [path.stem for path in paths]
    assert outcome.stored == ((uids[0], "answered 0xB000 (warning: coerced)"), (uids[3], "answered 0x0000"))
    assert outcome.postponed == ((uids[1], "answered 0xA700 (out of resources: disk full)"),)
    assert outcome.refused == ((uids[2], "answered 0xC123 (cannot understand: no idea)"),)
    assert outcome.retry


def test_a_class_or_a_syntax_that_is_not_accepted_is_refused_and_never_handed_over(tmp_path: Path, peer: Peer, scripted: Scripted) -> None:
    good = write(instance(0), tmp_path)
    strange_class = write(instance(1, sop_class=SegmentationStorage), tmp_path)
    explicit = write(instance(2, sop_class=SecondaryCaptureImageStorage), tmp_path)
    packed = instance(3)
    packed.compress(JPEGLSLossless, generate_instance_uid=False)
    receipts = Receipts()

    outcome = send([parcel(path) for path in (good, strange_class, explicit, write(packed, tmp_path))], peer, receipts)

    assert [uid for uid, _ in scripted.stored] == [good.stem, explicit.stem]
    assert [why.partition(" does not accept ")[2] for _, why in outcome.refused] == [
        "Segmentation Storage in Explicit VR Little Endian",
        "MR Image Storage in JPEG-LS Lossless Image Compression",
    ]
    assert [entry[0] for entry in receipts.told] == ["sending", "stored", "refused", "sending", "stored", "refused"]


def test_when_no_class_is_accepted_all_are_refused_and_none_is_tried_for_ever(tmp_path: Path, peer: Peer) -> None:
    path = write(instance(1, sop_class=SegmentationStorage), tmp_path)

    outcome = send([parcel(path)], peer, Receipts())

    assert [uid for uid, _ in outcome.refused] == [path.stem]
    assert not outcome.retry


def test_an_unreachable_peer_postpones_everything(tmp_path: Path, peer: Peer) -> None:
    paths = frozen(tmp_path, 2)
    receipts = Receipts()

    outcome = send([parcel(path) for path in paths], replace(peer, port=1), receipts)

    assert [uid for uid, _ in outcome.postponed] == [path.stem for path in paths]
    assert all("unreachable" in why for _, why in outcome.postponed)
    assert [entry[0] for entry in receipts.told] == ["postponed", "postponed"]


def test_a_peer_that_does_not_know_our_name_postpones_since_the_objects_are_not_at_fault(tmp_path: Path, peer: Peer) -> None:
    path = write(instance(), tmp_path)

    outcome = send([parcel(path)], replace(peer, called_ae="OTHER"), Receipts())

    ((_, why),) = outcome.postponed
    assert "Called AE title not recognised" in why


def test_an_association_lost_in_the_middle_leaves_the_object_sending_and_postpones_the_rest(
    tmp_path: Path, peer: Peer, scripted: Scripted
) -> None:
    def lose_the_second(event: object) -> int:
        if len(scripted.stored) == 2:
            event.assoc.dul.socket.socket.shutdown(2)
        return 0x0000

    scripted.answer = lose_the_second
    paths = frozen(tmp_path, 4)
    receipts = Receipts()

    outcome = send([parcel(path) for path in paths], peer, receipts)

    uids = [path.stem for path in paths]
    assert [uid for uid, _ in outcome.stored] == uids[:1]
    assert [uid for uid, _ in outcome.postponed] == uids[1:]
    assert [(kind, uid) for kind, uid, _ in receipts.told] == [
        ("sending", uids[0]),
        ("stored", uids[0]),
        ("sending", uids[1]),
        ("postponed", uids[2]),
        ("postponed", uids[3]),
    ]


def test_a_peer_that_answers_too_late_leaves_the_object_sending(tmp_path: Path, peer: Peer, scripted: Scripted) -> None:
    scripted.answer = lambda event: time.sleep(1.0) or 0x0000
    path = write(instance(), tmp_path)
    receipts = Receipts()

    outcome = send([parcel(path)], replace(peer, answer_timeout_s=0.3), receipts)

    assert outcome.postponed == ((path.stem, "no answer"),)
    assert [entry[0] for entry in receipts.told] == ["sending"]


def test_what_was_being_sent_is_asked_for_and_not_sent_again_when_it_is_there(tmp_path: Path, peer: Peer, scripted: Scripted) -> None:
    there, lost, new = frozen(tmp_path, 3)
    scripted.known = {there.stem}
    receipts = Receipts()

    outcome = send([parcel(there, DeliveryState.SENDING), parcel(lost, DeliveryState.SENDING), parcel(new)], peer, receipts)

    assert scripted.asked == [there.stem, lost.stem]
    assert [uid for uid, _ in scripted.stored] == [lost.stem, new.stem]
    assert outcome.stored == ((there.stem, "found by C-FIND"), (lost.stem, "answered 0x0000"), (new.stem, "answered 0x0000"))


def test_a_peer_that_cannot_say_is_sent_the_same_bytes_again(tmp_path: Path, peer: Peer, scripted: Scripted) -> None:
    path = write(instance(), tmp_path)
    scripted.known, scripted.find_status = {path.stem}, 0xC000

    send([parcel(path, DeliveryState.SENDING)], peer, Receipts())

    assert scripted.stored == [(path.stem, digest(dataset_bytes(path)))]


def test_while_the_peer_cannot_be_asked_what_was_being_sent_stays_sending(tmp_path: Path, peer: Peer) -> None:
    path = write(instance(), tmp_path)
    receipts = Receipts()

    outcome = send([parcel(path, DeliveryState.SENDING)], replace(peer, port=1), receipts)

    assert outcome.retry
    assert receipts.told == []


@pytest.mark.parametrize("state", [DeliveryState.STORED, DeliveryState.REFUSED])
def test_what_is_finished_is_left_alone(tmp_path: Path, peer: Peer, scripted: Scripted, state: DeliveryState) -> None:
    outcome = send([parcel(write(instance(), tmp_path), state)], peer, Receipts())

    assert scripted.stored == []
    assert (outcome.stored, outcome.refused, outcome.postponed) == ((), (), ())


def test_no_patient_reaches_the_log(tmp_path: Path, peer: Peer, scripted: Scripted) -> None:
    scripted.answer = lambda event: comment(0xC123, "SECRET^NAME is not registered")
    with capture_logs() as logs:
        send([parcel(write(instance(), tmp_path))], peer, Receipts())

    assert logs
    assert "SECRET" not in repr(logs).upper()
