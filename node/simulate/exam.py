"""`write_exam`: from options to a folder of DICOM files and their truth."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from node.atlas.template import load_template
from node.domain.transform import Deformation
from node.domain.volume import Volume
from node.simulate.anatomy import Anatomy, individual_anatomy
from node.simulate.appearance import FLAIR, T1, Contrast, acquire, paint
from node.simulate.head import Head, build_head
from node.simulate.headers import Identifiers, studies
from node.simulate.kinetics import TRACERS, frame_timing
from node.simulate.lesions import DrawnLesions, at_stage, draw_lesions
from node.simulate.mr_series import FLAIR_2D, FLAIR_3D, MPRAGE, SPIN_ECHO_2D, MrProtocol, write_mr
from node.simulate.options import Attenuation, SimulatedExam, SimulationOptions
from node.simulate.pet_series import PetScan, write_pet
from node.simulate.truth import PetTruth, Simulation, judge, save_json, write_tacs, write_volumes
from node.simulate.truth_table import describe
from node.simulate.uptake import add_noise, distribute, measure, through_scanner
from node.simulate.warp import axial_mr_grid, frame_poses, individual, late_pose, lying, mr_grid, pet_grid

ATTENUATION_PER_MM = 0.015
"""How much darker an uncorrected PET gets a millimetre below the skin; roughly, and for looks alone."""


def write_exam(folder: Path, options: SimulationOptions) -> SimulatedExam:
    """Make an exam and write it: ``folder/dicom/{PET,MR_T1,MR_FLAIR}/*.dcm`` and ``folder/truth``.

    The same options give the same bytes.

    Parameters
    ----------
    folder : is made; must not hold an exam already

    Raises
    ------
    FileExistsError : there is one
    DataError : the template cannot be read
    """
    dicom, truth = folder / "dicom", folder / "truth"
    truth.mkdir(parents=True)
    ids = Identifiers.of(options)
    mr = mr_grid(options.seed, options.mr_spacing_mm, ids.uid("MR frame of reference"))
    head = _head(max(1.0, options.mr_spacing_mm))
    drawn = at_stage(draw_lesions(head, seed=options.seed, count=options.lesions), head, options.stage)
    template_from_mr = lying(individual(options.seed, mr), options.stage.lying)
    series = _write_mrs(dicom, options, head, drawn, mr, template_from_mr)
    files = tuple(file for one in series for file in one)
    anatomy = individual_anatomy(head, drawn, mr, template_from_mr)
    if options.with_pet:
        more, simulation = _write_pet(dicom, options, anatomy)
        files += more
        _write_truth(truth, options, simulation, slices=tuple(len(one) for one in series))
    mr_study, pet_study = studies(options)
    return SimulatedExam(folder, files, truth / "truth.json", options.patient.patient_id, mr_study.uid, pet_study.uid)


@lru_cache(maxsize=1)
def _head(spacing_mm: float) -> Head:
    """The head is the same for all seeds; several exams in a row need it drawn once."""
    return build_head(load_template(), spacing_mm=spacing_mm)


def _write_mrs(
    dicom: Path, options: SimulationOptions, head: Head, drawn: DrawnLesions, mr: Volume, template_from_mr: Deformation
) -> tuple[tuple[Path, ...], ...]:
    """The files of the T1 and, where it is wanted, of the FLAIR. `mr` is the grid of a 3-D series, on which the truth is given too."""
    wanted: list[tuple[Contrast, MrProtocol, float | None]] = [
        (T1, SPIN_ECHO_2D if options.t1_slice_mm else MPRAGE, options.t1_slice_mm),
        (FLAIR, FLAIR_2D if options.flair_slice_mm else FLAIR_3D, options.flair_slice_mm),
    ]
    series: list[tuple[Path, ...]] = []
    for number, (contrast, protocol, slice_mm) in enumerate(wanted if options.with_flair else wanted[:1]):
        on = axial_mr_grid(options.seed, options.mr_spacing_mm, slice_mm, mr.frame_of_reference_uid) if slice_mm else mr
        painted = paint(contrast, head, drawn.ids.array, seed=options.seed)
        image = acquire(painted, on, template_from_mr, contrast, seed=options.seed, visit=options.stage.suffix)
        started = options.start + timedelta(minutes=9 + 6 * number)
        series.append(write_mr(dicom, image, protocol, options=options, study=studies(options)[0], started=started))
    return tuple(series)


def _write_pet(dicom: Path, options: SimulationOptions, anatomy: Anatomy) -> tuple[tuple[Path, ...], Simulation]:
    tracer = TRACERS[options.tracer]
    timing = frame_timing(tracer, options.protocol)
    uptake = distribute(anatomy, tracer, timing, seed=options.seed)
    ids = Identifiers.of(options)
    on = pet_grid(options.pose, options.pet_spacing_mm, ids.uid("PET frame of reference"))
    poses = frame_poses(options, timing)
    late = late_pose(options, timing, tracer.window_s)
    clean = measure(uptake, on, (late,) * len(timing), psf_fwhm_mm=options.psf_fwhm_mm)
    moved = measure(uptake, on, poses, psf_fwhm_mm=options.psf_fwhm_mm) if options.nods else clean
    written = add_noise(moved, timing, tracer, options)
    if options.attenuation is Attenuation.UNCORRECTED:
        written = _darkened(written)
    scan = PetScan(tracer, timing, tracer.injected_bq, options.injected_at, _description(options))
    factor = np.float32(scan.suv_per_bqml(options.patient.weight_kg))
    bqml = written.like(written.array / factor, unit="Bq/mL")
    files = write_pet(dicom, bqml, scan, options=options, study=studies(options)[1], ids=ids)
    dvr = through_scanner(uptake.map(uptake.dvr), on, late, psf_fwhm_mm=options.psf_fwhm_mm)
    pet = PetTruth(clean, written, dvr, scan, late, poses)
    return files, Simulation(anatomy, uptake, pet, judge(anatomy, uptake, pet))


def _description(options: SimulationOptions) -> str:
    corrected = "AC" if options.attenuation is Attenuation.CORRECTED else "NAC"
    return f"PET Brain {corrected} {options.protocol.value}"


def _darkened(suv: Volume) -> Volume:
    """What it would look like without correction for attenuation."""
    body = suv.array.mean(axis=0) > 0.1
    depth = ndimage.distance_transform_edt(body, sampling=suv.spacing_mm)
    return suv.like((suv.array * np.exp(-ATTENUATION_PER_MM * depth)).astype(np.float32))


def _write_truth(truth: Path, options: SimulationOptions, simulation: Simulation, *, slices: tuple[int, ...]) -> None:
    write_volumes(truth, simulation)
    write_tacs(truth / "tacs_true.csv", simulation.uptake, simulation.pet.scan.timing)
    table = describe(options, simulation, t1_slices=slices[0], flair_slices=slices[-1])
    save_json(truth / "truth.json", table)
