"""Enhanced multi-frame MR: geometry and physics out of the functional groups (PS3.3 C.7.6.16), in the words of a classic header.

Shared groups are looked at first and the first frame's second, because vendors disagree on what is shared: Siemens XA30 keeps even
the pixel measures per frame.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from pydicom.dataset import Dataset

from node.assemble.attributes import items, number, numbers, private, text, whole
from node.assemble.parts import Geometry, MrPhysics, Point

_SIEMENS_FRAME = 0x002111FE

ENHANCED_KEYWORDS = """
SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence EchoPulseSequence InversionRecovery SteadyStatePulseSequence
EchoPlanarPulseSequence TimeOfFlightContrast PhaseContrast AcquisitionContrast VolumetricProperties
"""


def frame_geometry(dataset: Dataset) -> Geometry | None:
    """Geometry of all frames; None where the frames do not share one orientation and pixel spacing, or do not say."""
    shared, frames = functional_groups(dataset)
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    positions = [_of(shared, frame, "PlanePositionSequence", "ImagePositionPatient") for frame in frames]
    orientations = [_of(shared, frame, "PlaneOrientationSequence", "ImageOrientationPatient") for frame in frames]
    spacings = [_of(shared, frame, "PixelMeasuresSequence", "PixelSpacing") for frame in frames]
    if not frames or not rows or not columns or any(len(p) != 3 for p in positions):
        return None
    if not _one(orientations, 6, 1e-4) or not _one(spacings, 2, 1e-4):
        return None
    thickness = _of(shared, frames[0], "PixelMeasuresSequence", "SliceThickness")
    orientation = orientations[0]
    return Geometry(
        tuple(cast(Point, position) for position in positions),
        cast(Point, orientation[:3]),
        cast(Point, orientation[3:]),
        rows,
        columns,
        (spacings[0][0], spacings[0][1]),
        thickness[0] if thickness else None,
    )


def frame_physics(dataset: Dataset) -> MrPhysics:
    """Physics of the first frame. Echo, inversion and spoiling become ScanningSequence and SequenceVariant of the classic header."""
    shared, frames = functional_groups(dataset)
    frame = frames[0] if frames else Dataset()
    timing = functional_item(shared, frame, "MRTimingAndRelatedParametersSequence")
    echo = functional_item(shared, frame, "MREchoSequence")
    modifier = functional_item(shared, frame, "MRModifierSequence")
    kind = functional_item(shared, frame, "MRImageFrameTypeSequence")
    return MrPhysics(
        scanning_sequence=_sequence(dataset, modifier),
        sequence_variant=_variant(modifier),
        acquisition_type=text(dataset, "MRAcquisitionType"),
        repetition_ms=number(timing, "RepetitionTime"),
        echo_ms=number(echo, "EffectiveEchoTime"),
        inversion_ms=number(modifier, "InversionTimes"),
        flip_deg=number(timing, "FlipAngle"),
        contrast_agent=text(dataset, "ContrastBolusAgent"),
        angiography="YES" in (text(dataset, "TimeOfFlightContrast"), text(dataset, "PhaseContrast")),
        complex_component=text(kind, "ComplexImageComponent") or text(dataset, "ComplexImageComponent"),
    )


def vendor_image_type(dataset: Dataset) -> tuple[str, ...]:
    """Values of ImageType that Siemens XA keeps per frame and leaves out above: NORM, DIS2D and the like; (0021,xx75), private."""
    _, frames = functional_groups(dataset)
    for holder in (item for frame in frames[:1] for item in items(frame, _SIEMENS_FRAME)):
        values = private(holder, 0x0021, "SIEMENS MR SDI 02", 0x75)
        return tuple(value for value in values.split("\\")[3:] if value)
    return ()


def _sequence(dataset: Dataset, modifier: Dataset) -> tuple[str, ...]:
    echo = {"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("SE", "GR")}.get(text(dataset, "EchoPulseSequence"), ())
    planar = ("EP",) if text(dataset, "EchoPlanarPulseSequence") == "YES" else ()
    inversion = ("IR",) if text(modifier, "InversionRecovery") == "YES" else ()
    return echo + planar + inversion


def _variant(modifier: Dataset) -> tuple[str, ...]:
    return ("SP",) if text(modifier, "Spoiling") not in ("", "NONE") else ()


def functional_groups(dataset: Dataset) -> tuple[Dataset, list[Dataset]]:
    """Shared groups, and those of each frame."""
    shared = items(dataset, "SharedFunctionalGroupsSequence")
    return shared[0] if shared else Dataset(), items(dataset, "PerFrameFunctionalGroupsSequence")


def functional_item(shared: Dataset, frame: Dataset, macro: str) -> Dataset:
    """The first item of a macro, shared before per frame; empty where neither has it."""
    for group in (shared, frame):
        for item in items(group, macro):
            return item
    return Dataset()


def _of(shared: Dataset, frame: Dataset, macro: str, keyword: str) -> tuple[float, ...]:
    return numbers(functional_item(shared, frame, macro), keyword)


def _one(values: list[tuple[float, ...]], length: int, tolerance: float) -> bool:
    """Whether all are of that length and the same."""
    if any(len(value) != length for value in values):
        return False
    return bool(np.ptp(np.array(values), axis=0).max() <= tolerance)
