"""A PET series as Positron Emission Tomography Image Storage, a file a slice and frame (PS3.3 A.21, C.8.9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import PositronEmissionTomographyImageStorage

from node.domain.codes import Code
from node.domain.timing import FrameTiming
from node.domain.volume import Array, Volume
from node.simulate.headers import (
    Identifiers,
    Series,
    SliceWriter,
    Study,
    coded,
    decimal,
    pixel_module,
    pixels,
    place_slice,
    plane_module,
    series_dataset,
    stamp,
)
from node.simulate.kinetics import TracerKinetics, decay_constant_per_s
from node.simulate.options import Attenuation, SimulationOptions

FOLDER = "PET"

_RECUMBENT = Code("102538003", "SCT", "recumbent")
_SUPINE = Code("40199007", "SCT", "supine")
_HEADFIRST = Code("102540008", "SCT", "headfirst")
_INTRAVENOUS = Code("47625008", "SCT", "Intravenous route")
_LARGEST_STORED = 32767.0


@dataclass(frozen=True)
class PetScan:
    """What a PET series says of itself.

    Parameters
    ----------
    timing : s after the injection; values are corrected for decay to the start of the first frame
    injected_bq : at the injection
    series_type : first value of SeriesType: "DYNAMIC", "STATIC" or "WHOLE BODY"
    body_part : BodyPartExamined
    """

    tracer: TracerKinetics
    timing: FrameTiming
    injected_bq: float
    injected_at: datetime
    description: str
    series_type: str = "DYNAMIC"
    body_part: str = "BRAIN"

    @property
    def started(self) -> datetime:
        """Start of the first frame, local time of the scanner."""
        return self.injected_at + timedelta(seconds=float(self.timing.start_s[0]))

    @property
    def decay_per_s(self) -> float:
        return decay_constant_per_s(self.tracer)

    def decay_factors(self) -> Array:
        """(F,) DecayFactor: from the mean activity in the frame to the start of the first."""
        x = self.decay_per_s * self.timing.duration_s
        return np.asarray(np.exp(self.decay_per_s * (self.timing.start_s - self.timing.start_s[0])) * x / (1.0 - np.exp(-x)))

    def reference_times_s(self) -> Array:
        """(F,) when the mean activity of each frame occurs, s after the start of the first (FrameReferenceTime)."""
        return np.asarray(np.log(self.decay_factors()) / self.decay_per_s)

    def suv_per_bqml(self, weight_kg: float) -> float:
        """Stored Bq/mL × this = SUV (g/mL)."""
        delay = float(self.timing.start_s[0])
        return 1000.0 * weight_kg / (self.injected_bq * float(np.exp(-self.decay_per_s * delay)))


def write_pet(folder: Path, bqml: Volume, scan: PetScan, *, options: SimulationOptions, study: Study, ids: Identifiers) -> tuple[Path, ...]:
    """Write the PET series.

    Parameters
    ----------
    folder : "PET" is made in it
    bqml : (F, S, R, C) Bq/mL, not below 0, with its frame of reference
    """
    series = Series(ids.uid(FOLDER), 5, "PT", scan.description, scan.started, bqml.frame_of_reference_uid)
    ds = series_dataset(options, study, series, options.patient.birth_date)
    _describe(ds, scan, options, bqml)
    pixel_module(ds, bqml.shape, bits=16)
    plane_module(ds, bqml)
    place = folder / FOLDER
    place.mkdir(parents=True)
    files: list[Path] = []
    writer = SliceWriter(ds)
    for frame in range(bqml.frames):
        shared = _frame(scan, frame)
        slices = bqml.shape[0] - (options.missing_pet_slices if frame == bqml.frames - 1 else 0)
        for index in range(slices):
            one = _slice(bqml, frame, index, ids.uid(f"{FOLDER}/{frame}/{index}"))
            one.update(shared)
            files.append(writer.write(one, place / f"{one.InstanceNumber:05d}.dcm"))
    return tuple(files)


def _describe(ds: Dataset, scan: PetScan, options: SimulationOptions, bqml: Volume) -> None:
    """PET series, isotope and patient orientation modules (PS3.3 C.8.9.1, C.8.9.2, C.8.4.6)."""
    ds.SOPClassUID, ds.ImageType = PositronEmissionTomographyImageStorage, ["ORIGINAL", "PRIMARY"]
    ds.ManufacturerModelName, ds.StationName, ds.BodyPartExamined = "Simulated PET", "SIMPET", scan.body_part
    ds.SeriesType, ds.Units, ds.CountsSource = [scan.series_type, "IMAGE"], options.pet_units, "EMISSION"
    ds.NumberOfSlices = bqml.shape[0]
    if scan.series_type == "DYNAMIC":
        ds.NumberOfTimeSlices = bqml.frames
    ds.DecayCorrection, ds.RandomsCorrectionMethod = "START", "DLYD"
    ds.ReconstructionMethod, ds.CollimatorType = "PSF+TOF 4i21s", "NONE"
    ds.ConvolutionKernel = "Gauss 2 mm"
    ds.ReconstructionDiameter = decimal(bqml.shape[2] * bqml.spacing_mm[2])
    _corrections(ds, options.attenuation)
    ds.RadiopharmaceuticalInformationSequence = Sequence([_radiopharmaceutical(scan, options)])
    orientation = coded(_RECUMBENT)
    orientation[0].PatientOrientationModifierCodeSequence = coded(_SUPINE)
    ds.PatientOrientationCodeSequence, ds.PatientGantryRelationshipCodeSequence = orientation, coded(_HEADFIRST)
    ds.RescaleIntercept, ds.DoseCalibrationFactor, ds.AcquisitionNumber = "0", "1", 1


def _corrections(ds: Dataset, attenuation: Attenuation) -> None:
    if attenuation is Attenuation.CORRECTED:
        ds.CorrectedImage = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"]
        ds.AttenuationCorrectionMethod, ds.ScatterCorrectionMethod = "measured,CT", "Model-based"
    else:
        ds.CorrectedImage = ["NORM", "DTIM", "DECY", "RAN"]


def _radiopharmaceutical(scan: PetScan, options: SimulationOptions) -> Dataset:
    item, tracer = Dataset(), scan.tracer
    item.Radiopharmaceutical, item.RadiopharmaceuticalRoute = tracer.text, "Intravenous"
    item.AdministrationRouteCodeSequence = coded(_INTRAVENOUS)
    item.RadiopharmaceuticalVolume = "5"
    item.RadiopharmaceuticalStartTime = f"{scan.injected_at:%H%M%S}"
    item.RadiopharmaceuticalStartDateTime = f"{scan.injected_at:%Y%m%d%H%M%S}"
    item.RadionuclideTotalDose, item.RadionuclideHalfLife = decimal(scan.injected_bq), decimal(tracer.half_life_s)
    item.RadionuclidePositronFraction = decimal(tracer.positron_fraction)
    item.RadionuclideCodeSequence = coded(tracer.radionuclide) if options.pet_coded else Sequence([])
    if options.pet_coded and tracer.code is not None:
        item.RadiopharmaceuticalCodeSequence = coded(tracer.code)
    return item


def _frame(scan: PetScan, frame: int) -> Dataset:
    """What the slices of one frame share."""
    ds = Dataset()
    stamp(ds, scan.injected_at + timedelta(seconds=float(scan.timing.start_s[frame])))
    ds.ActualFrameDuration = round(1000.0 * float(scan.timing.duration_s[frame]))
    ds.FrameReferenceTime = decimal(1000.0 * float(scan.reference_times_s()[frame]))
    ds.DecayFactor = decimal(float(scan.decay_factors()[frame]))
    return ds


def _slice(bqml: Volume, frame: int, index: int, uid: str) -> Dataset:
    """One image: place, number and pixels, scaled to fill 15 bits."""
    ds = Dataset()
    number = frame * bqml.shape[0] + index + 1
    ds.SOPInstanceUID, ds.InstanceNumber, ds.ImageIndex = uid, number, number
    place_slice(ds, bqml, index)
    values = bqml.array[frame, index]
    largest = max(float(values.max()), 1.0)
    ds.RescaleSlope = decimal(largest / _LARGEST_STORED)
    ds.WindowCenter, ds.WindowWidth = decimal(largest / 2.0), decimal(largest)
    pixels(ds, np.minimum(np.round(values / float(ds.RescaleSlope)), _LARGEST_STORED))
    return ds
