"""T1 and FLAIR as MR Image Storage: sagittal 3-D, or axial 2-D with thick slices (PS3.3 A.4, C.8.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from node.domain.volume import Volume
from node.simulate.headers import (
    Identifiers,
    Series,
    SliceWriter,
    Study,
    decimal,
    pixel_module,
    pixels,
    place_slice,
    plane_module,
    series_dataset,
    stamp,
)
from node.simulate.options import SimulationOptions


@dataclass(frozen=True)
class MrProtocol:
    """How an MR series says it was measured: times in ms (inversion 0 for none), angle in degrees, acquisition "3D" or "2D"."""

    folder: str
    number: int
    description: str
    scanning_sequence: tuple[str, ...]
    sequence_variant: tuple[str, ...]
    repetition_ms: float
    echo_ms: float
    inversion_ms: float
    flip_deg: float
    echo_train: int
    acquisition: str = "3D"


MPRAGE = MrProtocol("MR_T1", 3, "T1 MPRAGE 3D sag", ("GR", "IR"), ("SK", "SP", "MP"), 2300.0, 2.98, 900.0, 9.0, 1)
FLAIR_3D = MrProtocol("MR_FLAIR", 4, "T2 FLAIR 3D sag", ("SE", "IR"), ("SK", "SP", "MP"), 5000.0, 390.0, 1800.0, 120.0, 220)
SPIN_ECHO_2D = MrProtocol("MR_T1", 3, "T1W SE tra", ("SE",), ("SK",), 550.0, 12.0, 0.0, 90.0, 1, "2D")
FLAIR_2D = MrProtocol("MR_FLAIR", 4, "T2 FLAIR tra", ("SE", "IR"), ("SK",), 9000.0, 120.0, 2500.0, 150.0, 16, "2D")


def write_mr(
    folder: Path, image: Volume, protocol: MrProtocol, *, options: SimulationOptions, study: Study, started: datetime
) -> tuple[Path, ...]:
    """Write one MR series, a file a slice.

    Parameters
    ----------
    folder : `protocol.folder` is made in it
    image : (S, R, C) uint16 of 12 bits, with its frame of reference
    """
    ids = Identifiers.of(options)
    uid = ids.uid(protocol.folder)
    series = Series(uid, protocol.number, "MR", protocol.description, started, image.frame_of_reference_uid)
    ds = series_dataset(options, study, series, options.patient.mr_birth_date or options.patient.birth_date)
    _describe(ds, protocol)
    stamp(ds, started)
    pixel_module(ds, image.shape, bits=12)
    plane_module(ds, image)
    ds.SpacingBetweenSlices = ds.SliceThickness
    ds.ImagesInAcquisition = image.shape[0]  # as GE writes it: who receives the series knows when it is whole
    ds.WindowCenter, ds.WindowWidth = ("600", "1200") if protocol in (MPRAGE, SPIN_ECHO_2D) else ("450", "900")
    place = folder / protocol.folder
    place.mkdir(parents=True)
    writer = SliceWriter(ds)
    slices = (_slice(image, index, ids.uid(f"{protocol.folder}/{index}")) for index in range(image.shape[0]))
    return tuple(writer.write(one, place / f"{one.InstanceNumber:04d}.dcm") for one in slices)


def _describe(ds: Dataset, protocol: MrProtocol) -> None:
    ds.SOPClassUID, ds.ImageType = MRImageStorage, ["ORIGINAL", "PRIMARY", "OTHER"]
    ds.ManufacturerModelName, ds.StationName = "Simulated MR 3T", "SIMMR"
    ds.ScanningSequence, ds.SequenceVariant = list(protocol.scanning_sequence), list(protocol.sequence_variant)
    ds.ScanOptions, ds.MRAcquisitionType = "", protocol.acquisition
    ds.RepetitionTime, ds.EchoTime = decimal(protocol.repetition_ms), decimal(protocol.echo_ms)
    ds.FlipAngle = decimal(protocol.flip_deg)
    if protocol.inversion_ms:
        ds.InversionTime = decimal(protocol.inversion_ms)
    ds.EchoTrainLength, ds.EchoNumbers, ds.NumberOfAverages = protocol.echo_train, 1, "1"
    ds.MagneticFieldStrength, ds.ImagingFrequency, ds.ImagedNucleus = "3", "123.25", "1H"
    ds.PixelBandwidth, ds.AcquisitionNumber, ds.PatientPosition = "240", 1, "HFS"


def _slice(image: Volume, index: int, uid: str) -> Dataset:
    ds = Dataset()
    ds.SOPInstanceUID, ds.InstanceNumber = uid, index + 1
    place_slice(ds, image, index)
    pixels(ds, image.array[index])
    return ds
