"""What the receiver accepts: the storage classes, as a list, in the transfer syntaxes that this installation can decode; and services."""

from __future__ import annotations

from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, AllTransferSyntaxes, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGExtended12Bit
from pynetdicom.sop_class import (
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    EnhancedSRStorage,
    InstanceAvailabilityNotification,
    KeyObjectSelectionDocumentStorage,
    LabelMapSegmentationStorage,
    LegacyConvertedEnhancedMRImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
    ModalityPerformedProcedureStep,
    MRImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    ParametricMapStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    StorageCommitmentPushModel,
    Verification,
)

from node.receive.negotiation import Offer
from node.receive.request import Role

STORAGE_CLASSES: tuple[UID, ...] = (
    MRImageStorage,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    PositronEmissionTomographyImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
    SegmentationStorage,
    LabelMapSegmentationStorage,
    BasicTextSRStorage,
    EnhancedSRStorage,
    ComprehensiveSRStorage,
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
)

PLAIN_SYNTAXES: tuple[UID, ...] = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
"""Of C-ECHO and of N-services, whose data sets hold no pixels."""

COMMITMENT = StorageCommitmentPushModel
PROCEDURE_STEP = ModalityPerformedProcedureStep
AVAILABILITY = InstanceAvailabilityNotification

_EIGHT_BIT_ONLY = {JPEGExtended12Bit: {"pillow"}}
"""Decoders that call themselves available and decode only a part of the syntax: Pillow has no 12-bit JPEG."""


def decodable_syntaxes() -> tuple[UID, ...]:
    """The transfer syntaxes for which this installation has a pixel decoder, in ascending order of UID."""
    return tuple(sorted(uid for uid in AllTransferSyntaxes if _is_decodable(uid)))


def offers(*, commitment: bool) -> dict[str, Offer]:
    """What we take of each SOP class.

    Parameters
    ----------
    commitment : whether peers may ask us for storage commitment. An archive may always tell us of what we asked of it, on an association
        of its own in which it takes the role of the provider.
    """
    # Of one context with several syntaxes the sender's own bytes are most likely those of Explicit VR, which alone says what private
    # elements are; the uncompressed come before the compressed, since what a sender decompresses is its own to answer for.
    syntaxes = (*PLAIN_SYNTAXES, *(uid for uid in decodable_syntaxes() if uid not in PLAIN_SYNTAXES))
    return {
        **{uid: Offer(PLAIN_SYNTAXES) for uid in (Verification, PROCEDURE_STEP, AVAILABILITY)},
        COMMITMENT: Offer(PLAIN_SYNTAXES, Role(scu=commitment, scp=True)),
        **{uid: Offer(syntaxes) for uid in STORAGE_CLASSES},
    }


def _is_decodable(syntax: UID) -> bool:
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        return False
    if not decoder.is_encapsulated:
        return True
    return bool(set(decoder.available_plugins) - _EIGHT_BIT_ONLY.get(syntax, set()))
