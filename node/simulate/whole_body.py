"""A whole-body FDG PET: what a PET scanner sends all day, and what is not an exam for the node."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from node.domain.timing import FrameTiming
from node.domain.volume import Array, Volume
from node.simulate.fields import FWHM_PER_SIGMA, axial_coordinates, blur, centred_grid
from node.simulate.headers import Identifiers, Study
from node.simulate.kinetics import TRACERS
from node.simulate.options import SimulatedTracer, SimulationOptions
from node.simulate.pet_series import PetScan, write_pet
from node.simulate.uptake import add_noise


@dataclass(frozen=True)
class _Organ:
    """An ellipsoid: middle and half axes in LPS mm, SUV."""

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    suv: float


_BODY = (
    _Organ((0.0, 0.0, 0.0), (190.0, 115.0, 330.0), 0.7),
    _Organ((0.0, 10.0, 420.0), (80.0, 100.0, 120.0), 0.7),
    _Organ((0.0, 20.0, 320.0), (60.0, 60.0, 80.0), 0.7),
    _Organ((80.0, 0.0, 180.0), (60.0, 80.0, 110.0), 0.4),
    _Organ((-80.0, 0.0, 180.0), (60.0, 80.0, 110.0), 0.4),
    _Organ((30.0, -30.0, 130.0), (45.0, 40.0, 50.0), 2.5),
    _Organ((-80.0, -10.0, 20.0), (80.0, 70.0, 70.0), 2.1),
    _Organ((70.0, 50.0, -30.0), (30.0, 30.0, 55.0), 3.0),
    _Organ((-70.0, 50.0, -40.0), (30.0, 30.0, 55.0), 3.0),
    _Organ((0.0, -20.0, -270.0), (40.0, 35.0, 35.0), 18.0),
    _Organ((0.0, 10.0, 440.0), (66.0, 82.0, 62.0), 6.5),
)
"""Painted one over the other: trunk, head, neck, lungs, heart, liver, kidneys, bladder, brain."""

_EXTENT_MM = (900.0, 600.0, 600.0)
_STEPS = np.array([[0.0, 0.0, 6.0], [0.0, 6.0, 0.0], [6.0, 0.0, 0.0]])
_START_S, _LENGTH_S = 3600.0, 120.0
_FWHM_MM = 7.0


def write_whole_body_fdg(folder: Path, options: SimulationOptions) -> tuple[Path, ...]:
    """Write ``folder/PET/*.dcm``: one frame, from the crown to the thighs.

    Parameters
    ----------
    options : patient, start, seed, noise and what the PET's header says are taken from it

    Returns
    -------
    the files
    """
    options = replace(options, tracer=SimulatedTracer.FDG, psf_fwhm_mm=_FWHM_MM)
    tracer = TRACERS[SimulatedTracer.FDG]
    ids = Identifiers(f"whole body {options!r}")
    on = centred_grid(_EXTENT_MM, _STEPS, np.array([0.0, 0.0, 90.0]), ids.uid("frame of reference"))
    timing = FrameTiming(np.array([_START_S]), np.array([_LENGTH_S]))
    scan = PetScan(tracer, timing, tracer.injected_bq, options.injected_at, "PET WB AC", series_type="WHOLE BODY", body_part="WHOLEBODY")
    written = add_noise(on.like(_body(on)[None], unit="g/mL"), timing, tracer, options)
    bqml = written.like(written.array / np.float32(scan.suv_per_bqml(options.patient.weight_kg)), unit="Bq/mL")
    study = Study(ids.uid("study"), "3", f"A{options.seed:06d}3", "PET/CT whole body FDG", options.injected_at)
    return write_pet(folder, bqml, scan, options=options, study=study, ids=ids)


def _body(on: Volume) -> Array:
    """(S, R, C) float32 SUV."""
    x, y, z = axial_coordinates(on)
    suv = np.zeros(on.shape, dtype=np.float32)
    for organ in _BODY:
        (cx, cy, cz), (rx, ry, rz) = organ.centre, organ.radii
        suv[((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1.0] = organ.suv
    return blur(suv, on.spacing_mm, sigma_mm=_FWHM_MM / FWHM_PER_SIGMA)
