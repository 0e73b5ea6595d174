"""The content of truth.json: what was simulated, in which header, moved how, and what each region and lesion truly holds."""

from __future__ import annotations

import numpy as np

from node.simulate.anatomy import RIM_MM, ZONES
from node.simulate.head import LABELS
from node.simulate.headers import COMMENT, Identifiers, studies
from node.simulate.kinetics import TracerKinetics
from node.simulate.options import SimulationOptions
from node.simulate.pet_series import PetScan
from node.simulate.truth import Json, PetTruth, Simulation, late_curve
from node.simulate.truth_regions import lesion_truth, region_truth
from node.simulate.uptake import reference_mean
from node.simulate.warp import BRAIN_CENTRE_MM, pet_from_mr

_READING = {
    "suvr_true": "mean over mask of voxel truth, reference 1.0",
    "suvr_psf": "noise-free PET on the PET grid, linearly resampled to T1, mean / mean in the same image over cereb_gm",
    "suvr_noisy": "same from the written (noisy) PET",
    "dvr_psf": "PSF-blurred true DVR (Logan DVR of a mixture is the mixture of DVRs)",
}


def describe(options: SimulationOptions, simulation: Simulation, *, t1_slices: int, flair_slices: int) -> Json:
    """All of truth.json, keys as in the generator exams of the project."""
    pet = simulation.pet
    return {
        "simulator_version": "ember 1",
        "case": f"ember-{options.seed}",
        "seed": options.seed,
        "note": COMMENT,
        "anatomy": "template",
        "anatomy_source": "ICBM 152 2009a with a drawn head, deformed at random",
        "lesion_mask_origin": "drawn",
        "flair_to_t1": None,
        **_timing(options, pet.scan),
        "suv_to_stored_bqml": 1.0 / pet.scan.suv_per_bqml(options.patient.weight_kg),
        "reference_suv_late_true": reference_mean(simulation.uptake, late_curve(simulation.uptake, pet)),
        "patient": _patient(options),
        "dicom": _dicom(options, pet, t1_slices, flair_slices),
        "transform": _transform(options),
        "motion": _motion(options, pet),
        "kinetics": _kinetics(pet.scan.tracer),
        "label_values": LABELS,
        "zone_values": ZONES,
        "rim_definition": f"{RIM_MM} mm shell OUTSIDE the lesion mask, white matter only, nearest-lesion ownership",
        "followup_of": None,
        "regions": region_truth(simulation.anatomy, simulation.measured),
        "lesions": lesion_truth(simulation.anatomy, simulation.measured, options.psf_fwhm_mm),
        "reading": _READING,
    }


def _timing(options: SimulationOptions, scan: PetScan) -> Json:
    return {
        "tracer": options.tracer.value.upper(),
        "flavour": "ember",
        "frames": options.protocol.value,
        "frame_start_s": scan.timing.start_s.tolist(),
        "frame_duration_s": scan.timing.duration_s.tolist(),
        "frame_origin": "s after injection",
        "window_s": list(scan.tracer.window_s),
        "k2ref_per_min": scan.tracer.k2_ref_per_min,
        "half_life_s": scan.tracer.half_life_s,
        "psf_fwhm_mm": options.psf_fwhm_mm,
        "noise_level": options.noise,
        "injected_bq": scan.injected_bq,
        "weight_kg": options.patient.weight_kg,
        "injection": scan.injected_at.isoformat(),
        "scan_start": scan.started.isoformat(),
    }


def _patient(options: SimulationOptions) -> Json:
    patient = options.patient
    return {
        "id": patient.patient_id,
        "name": patient.name,
        "sex": patient.sex,
        "birth": f"{patient.birth_date:%Y%m%d}",
        "weight": patient.weight_kg,
        "size": patient.height_m,
    }


def _dicom(options: SimulationOptions, pet: PetTruth, t1_slices: int, flair_slices: int) -> Json:
    ids, scan = Identifiers.of(options), pet.scan
    mr_study, pet_study = studies(options)
    return {
        "mr_study": mr_study.uid,
        "pet_study": pet_study.uid,
        "mr_for": ids.uid("MR frame of reference"),
        "pet_for": ids.uid("PET frame of reference"),
        "t1": {"series_uid": ids.uid("MR_T1"), "n_files": t1_slices},
        "flair": {"series_uid": ids.uid("MR_FLAIR"), "n_files": flair_slices} if options.with_flair else None,
        "pet": {
            "series_uid": ids.uid("PET"),
            "n_files": pet.clean.frames * pet.clean.shape[0] - options.missing_pet_slices,
            "suv_per_bqml": scan.suv_per_bqml(options.patient.weight_kg),
            "decay_reference": "scan start",
            "frame_reference_time_s": [round(float(t), 3) for t in scan.reference_times_s()],
            "decay_factor": [round(float(f), 6) for f in scan.decay_factors()],
        },
    }


def _transform(options: SimulationOptions) -> Json:
    """The pose at rest; `_motion` has what the frames are in."""
    pose, at_rest = options.pose, pet_from_mr(options.pose)
    return {
        "convention": "LPS mm column vectors; p_pet = pet_from_mr @ p_mr (MR = T1 frame)",
        "pet_from_mr": at_rest.matrix.tolist(),
        "mr_from_pet": at_rest.inverse().matrix.tolist(),
        "pose_rx_ry_rz_deg_tx_ty_tz_mm": [*pose.rotation_deg, *pose.shift_mm],
        "centre_mr": BRAIN_CENTRE_MM.tolist(),
        "bed_shift_mm": list(pose.bed_mm),
    }


def _motion(options: SimulationOptions, pet: PetTruth) -> Json:
    """Poses are told as what is added to the pose at rest."""
    rest = np.array([*options.pose.rotation_deg, *options.pose.shift_mm])
    poses = [options.pose_at(float(start)) for start in pet.scan.timing.start_s]
    added = np.array([[*pose.rotation_deg, *pose.shift_mm] for pose in poses]) - rest
    return {
        "late_window_frames": pet.late.tolist(),
        "late_window_mean_pose": np.average(added[pet.late], axis=0, weights=pet.late_lengths_s).tolist(),
        "late_window_pet_from_mr": pet.pet_from_mr.matrix.tolist(),
        "per_frame_rx_ry_rz_deg_tx_ty_tz_mm": added.tolist(),
        "per_frame_pet_from_mr": [pose.matrix.tolist() for pose in pet.poses],
    }


def _kinetics(tracer: TracerKinetics) -> Json:
    return {kinetics.name: {"dvr": kinetics.dvr, "r1": kinetics.r1} for kinetics in tracer.classes}
