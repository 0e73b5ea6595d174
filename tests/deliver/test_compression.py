"""What a destination gets in fewer bytes: the same pixels, in the best syntax that it accepts, from a file that stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deliver_peer import Scripted
from deliver_pictures import map_slice, page
from network import Receipts, digest, instance, parcel, serving, write
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from node.deliver import Compression, send
from node.deliver.compression import compressed, implicit, syntaxes
from node.dimse import Peer
from node.errors import DataError

NATIVE = ExplicitVRLittleEndian
SC, PET = SecondaryCaptureImageStorage, PositronEmissionTomographyImageStorage


@contextmanager
def peer_with(*syntaxes: UID) -> Iterator[tuple[Peer, list[Dataset]]]:
    """A peer that takes pages, maps and SEGs in these syntaxes, and what it was sent."""
    arrived: list[Dataset] = []

    def store(event: Any) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        arrived.append(dataset)
        return 0x0000

    contexts = [(sop_class, syntax) for sop_class in (SC, PET, SegmentationStorage) for syntax in syntaxes]
    scripted = Scripted()
    handlers = [(event, store if event.name == "EVT_C_STORE" else handler) for event, handler in scripted.handlers()]
    with serving(contexts, handlers, ae_title="PACS") as port:
        yield Peer("pacs", "127.0.0.1", port, "PACS", "EMBER", connect_timeout_s=5, answer_timeout_s=5), arrived


@pytest.mark.parametrize("make", [page, map_slice])
@pytest.mark.parametrize("syntax", [JPEGLSLossless, RLELossless])
def test_the_pixels_that_arrive_are_those_of_the_file_which_stays_as_it_is(tmp_path: Path, make: Any, syntax: UID) -> None:
    path = write(make(), tmp_path)
    before = digest(path.read_bytes())

    with peer_with(syntax, NATIVE) as (peer, arrived):
        outcome = send([parcel(path)], peer, Receipts(), compression=Compression.LOSSLESS)

    (found,) = arrived
    assert outcome.stored == ((path.stem, f"answered 0x0000, sent in {syntax.name}"),)
    assert found.file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(found.pixel_array, make().pixel_array)
    assert (found.SOPInstanceUID, found.PhotometricInterpretation) == (path.stem, make().PhotometricInterpretation)
    assert digest(path.read_bytes()) == before


def test_jpeg_ls_goes_before_rle_and_native_is_taken_where_neither_is(tmp_path: Path) -> None:
    path = write(page(), tmp_path)
    sent = []
    for offered in ((JPEGLSLossless, RLELossless, NATIVE), (RLELossless, NATIVE), (NATIVE,)):
        with peer_with(*offered) as (peer, arrived):
            send([parcel(path)], peer, Receipts(), compression=Compression.LOSSLESS)
        sent.append(arrived[0].file_meta.TransferSyntaxUID)

    assert sent == [JPEGLSLossless, RLELossless, NATIVE]


def test_nothing_is_compressed_unless_the_site_wants_it(tmp_path: Path) -> None:
    path = write(page(), tmp_path)

    with peer_with(JPEGLSLossless, NATIVE) as (peer, arrived):
        send([parcel(path)], peer, Receipts())

    assert arrived[0].file_meta.TransferSyntaxUID == NATIVE


def test_a_segmentation_keeps_its_bits(tmp_path: Path) -> None:
    path = write(instance(sop_class=SegmentationStorage), tmp_path)

    assert syntaxes(parcel(path), Compression.LOSSLESS) == (NATIVE, ImplicitVRLittleEndian)


def test_the_same_object_is_compressed_to_the_same_bytes(tmp_path: Path) -> None:
    path = write(page(), tmp_path)

    assert compressed(path, JPEGLSLossless).PixelData == compressed(path, JPEGLSLossless).PixelData


def test_an_object_whose_pixels_would_not_survive_is_refused_and_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(page(), tmp_path)
    real = Dataset.compress

    def lose_a_bit(dataset: Dataset, *args: Any, **kwargs: Any) -> None:
        pixels = bytearray(dataset.PixelData)
        pixels[5] ^= 1
        dataset.PixelData = bytes(pixels)
        real(dataset, *args, **kwargs)

    monkeypatch.setattr(Dataset, "compress", lose_a_bit)
    with pytest.raises(DataError, match="do not survive JPEG-LS Lossless"):
        compressed(path, JPEGLSLossless)
    with peer_with(JPEGLSLossless, NATIVE) as (peer, arrived):
        outcome = send([parcel(path)], peer, Receipts(), compression=Compression.LOSSLESS)

    assert [uid for uid, _ in outcome.refused] == [path.stem]
    assert arrived == []


def test_what_is_not_required_and_not_accepted_is_not_taken_and_no_failure(tmp_path: Path) -> None:
    image, seg = write(page(), tmp_path), write(instance(1, sop_class=SegmentationStorage), tmp_path)
    report = write(instance(2, sop_class=UID("1.2.840.10008.5.1.4.1.1.88.34")), tmp_path)
    receipts = Receipts()

    with peer_with(NATIVE) as (peer, _):
        outcome = send([parcel(image), parcel(seg, required=False), parcel(report, required=False)], peer, receipts)

    assert [uid for uid, _ in outcome.stored] == [image.stem, seg.stem]
    assert outcome.not_taken == ((report.stem, "pacs does not take Comprehensive 3D SR Storage in Explicit VR Little Endian"),)
    assert not outcome.refused
    assert not outcome.retry
    assert receipts.told[-1] == ("not taken", *outcome.not_taken[0])


@pytest.mark.parametrize("make", [page, map_slice])
def test_an_archive_that_takes_implicit_vr_alone_gets_every_value(tmp_path: Path, make: Any) -> None:
    dataset = make()
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "1", "one"
    dataset.ConceptNameCodeSequence = [item]
    dataset.SmallestImagePixelValue = -7 if dataset.PixelRepresentation else 7
    dataset["SmallestImagePixelValue"].VR = "SS" if dataset.PixelRepresentation else "US"
    path = write(dataset, tmp_path)
    before = digest(path.read_bytes())

    with peer_with(ImplicitVRLittleEndian) as (peer, arrived):
        outcome = send([parcel(path)], peer, Receipts(), compression=Compression.LOSSLESS)

    (found,) = arrived
    assert outcome.stored == ((path.stem, "answered 0x0000, sent in Implicit VR Little Endian"),)
    assert found.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert np.array_equal(found.pixel_array, dataset.pixel_array)
    assert {element.keyword: element.value for element in found} == {element.keyword: element.value for element in dataset}
    assert digest(path.read_bytes()) == before


def test_frozen_bytes_go_before_any_other_form_unless_the_site_wants_fewer(tmp_path: Path) -> None:
    path = write(page(), tmp_path)

    assert syntaxes(parcel(path), Compression.NONE) == (NATIVE, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless)
    assert syntaxes(parcel(path), Compression.LOSSLESS) == (JPEGLSLossless, RLELossless, NATIVE, ImplicitVRLittleEndian)


def test_an_archive_that_takes_compressed_objects_alone_gets_them_unasked(tmp_path: Path) -> None:
    path = write(page(), tmp_path)

    with peer_with(RLELossless) as (peer, arrived):
        outcome = send([parcel(path)], peer, Receipts())

    assert outcome.stored == ((path.stem, f"answered 0x0000, sent in {RLELossless.name}"),)
    assert np.array_equal(arrived[0].pixel_array, page().pixel_array)


def test_a_value_that_would_not_survive_is_refused_and_not_sent(tmp_path: Path) -> None:
    dataset = page()
    dataset.add_new(0x00091010, "LO", "of a private creator that no dictionary knows")
    dataset.private_block(0x0009, "A SITE", create=True)

    with pytest.raises(DataError, match="do not survive Implicit VR"):
        implicit(write(dataset, tmp_path))
