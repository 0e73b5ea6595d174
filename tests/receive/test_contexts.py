"""What is accepted can be decoded, syntax by syntax."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from network import associated, instance, pixels, with_codestream, write
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    MRImageStorage,
    RLELossless,
)

from node.receive.contexts import STORAGE_CLASSES, decodable_syntaxes, offers

HTJ2K_OF_PIXELS_0 = (
    "/0//UQApQAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3Blbk"
    "pQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAH0AAf+TwAAmGfgFB3QAAMAAEsAAEwDsAQd0ANj+Awd0AMAAE0AAE4A0/QCCdABoR/sAo1QAwAAVEAAFWBhj/KpwAnUApps2bfrAQgHs"
    "tgDAACsgABaQiIiIiOfAp6enwngAnj09PT09PT39jGB79jGB7LoA/9k="
)
"""`pixels(0)`, compressed losslessly by OpenJPH 0.26.3: nothing that we depend on can encode this syntax."""


def native(syntax: UID) -> Dataset:
    dataset = instance()
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = pixels().byteswap().tobytes()
    return dataset


def compressed(syntax: UID, **options: object) -> Dataset:
    dataset = instance(size=64)  # smaller ones can't be halved as often as JPEG 2000 wants to
    dataset.compress(syntax, generate_instance_uid=False, **options)
    return dataset


def high_throughput(syntax: UID) -> Dataset:
    return with_codestream(instance(), syntax, base64.b64decode(HTJ2K_OF_PIXELS_0))


def baseline(syntax: UID) -> Dataset:
    dataset = instance()
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    encoded = BytesIO()
    Image.fromarray((pixels() >> 4).astype(np.uint8)).save(encoded, "JPEG", quality=100)
    return with_codestream(dataset, syntax, encoded.getvalue())


SAMPLES: dict[UID, tuple[Callable[..., Dataset], dict[str, object], float]] = {
    ImplicitVRLittleEndian: (native, {}, 0),
    ExplicitVRLittleEndian: (native, {}, 0),
    ExplicitVRBigEndian: (native, {}, 0),
    DeflatedExplicitVRLittleEndian: (native, {}, 0),
    RLELossless: (compressed, {}, 0),
    JPEGLSLossless: (compressed, {}, 0),
    JPEGLSNearLossless: (compressed, {"jls_error": 2}, 2),
    JPEG2000Lossless: (compressed, {}, 0),
    JPEG2000: (compressed, {"j2k_psnr": [90]}, 4),
    HTJ2KLossless: (high_throughput, {}, 0),
    HTJ2KLosslessRPCL: (high_throughput, {}, 0),
    HTJ2K: (high_throughput, {}, 0),
    JPEGBaseline8Bit: (baseline, {}, 48),
}
"""How to make an image in a syntax, and by how much its 12-bit values may differ: JPEG baseline has 8 bits, and loses."""


def test_every_accepted_syntax_has_a_sample() -> None:
    assert set(decodable_syntaxes()) == set(SAMPLES)


@pytest.mark.parametrize("syntax", SAMPLES, ids=lambda syntax: syntax.name)
def test_an_image_in_each_accepted_syntax_is_received_and_decodes(one_site, tmp_path: Path, syntax: UID) -> None:
    make, options, tolerance = SAMPLES[syntax]
    dataset = make(syntax, **options)
    dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID}.{list(SAMPLES).index(syntax)}"
    path = write(dataset, tmp_path / "sent")
    association = associated(one_site.receiver.port, [(MRImageStorage, syntax)])

    status = association.send_c_store(path)
    association.release()
    one_site.file()

    decoded = dcmread(one_site.kept()[path.stem])
    values = decoded.pixel_array.astype(int) << (4 if syntax == JPEGBaseline8Bit else 0)
    assert status.Status == 0x0000
    assert decoded.file_meta.TransferSyntaxUID == syntax
    assert np.abs(values - pixels(0, len(values)).astype(int)).max() <= tolerance


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGExtended12Bit], ids=lambda syntax: syntax.name)
def test_a_syntax_that_cannot_be_decoded_is_not_accepted(one_site, syntax: UID) -> None:
    association = associated(one_site.receiver.port, [(MRImageStorage, syntax), (MRImageStorage, ExplicitVRLittleEndian)])
    accepted = [context.transfer_syntax[0] for context in association.accepted_contexts]
    association.release()

    assert accepted == [ExplicitVRLittleEndian]


def test_each_storage_class_is_accepted_and_no_other(one_site) -> None:
    ct = UID("1.2.840.10008.5.1.4.1.1.2")
    association = associated(one_site.receiver.port, [(uid, ExplicitVRLittleEndian) for uid in (*STORAGE_CLASSES, ct)])
    accepted = {context.abstract_syntax for context in association.accepted_contexts}
    association.release()

    assert accepted == set(STORAGE_CLASSES)


def test_each_storage_class_is_proposed_once_beside_echo() -> None:
    assert len(set(STORAGE_CLASSES)) == 19
    assert all(uid.startswith("1.2.840.10008.5.1.4.1.1.") for uid in STORAGE_CLASSES)
    assert len(offers(commitment=False)) == 19 + 4
