"""The late window measured: the reference, every region's ratio to it, and the SUVR map on the part of the PET grid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from node.domain.exam import Check, Exam
from node.domain.result import Alignment, Segmentation
from node.domain.tracer import TracerProfile
from node.domain.volume import Array, Volume
from node.quantify import raised
from node.quantify.dynamic import Scan
from node.quantify.measure import Measured, measure
from node.quantify.options import QuantifyOptions
from node.quantify.project import Projection, project
from node.quantify.reference import Reference, clean_reference, measure_reference, region_of
from node.quantify.references import ReferenceChoice, anatomical, choose_reference
from node.quantify.scan import is_dynamic, whole_scan
from node.quantify.suv import SuvScale, suv_scale
from node.quantify.trim import trim
from node.quantify.window import LateWindow, late_window

UNMEASURED = re.compile(r"brain|.*ventricles?(_left|_right)?|.*_zone(_left|_right)?")
"""Regions that are fluid, or places, or everything: there is nothing to measure in them."""


@dataclass(frozen=True, eq=False)
class Late:
    """What was measured before any model.

    Parameters
    ----------
    segmentation, brain : cut to the box around the brain
    way : onto the part of the PET grid
    fractions : name → (S, R, C) volume fraction: every measured region, "lesions", "brain" and "search"
    regions : the same of measured regions alone; that of the reference as it was divided by
    suvr : (S, R, C) float32
    scan : of a dynamic exam, None of a static one
    """

    segmentation: Segmentation
    brain: Volume
    scale: SuvScale
    window: LateWindow
    way: Projection
    fractions: Mapping[str, Array]
    regions: Mapping[str, Array]
    choice: ReferenceChoice
    reference: Reference
    measured: Mapping[str, Measured]
    suvr: Array
    scan: Scan | None

    @property
    def checks(self) -> tuple[Check, ...]:
        """Of window and reference."""
        return (*self.window.checks, *self.choice.checks, *self.reference.checks)


def measure_late(exam: Exam, alignment: Alignment, segmentation: Segmentation, *, tracer: TracerProfile, options: QuantifyOptions) -> Late:
    """Measure the late window.

    Raises
    ------
    DataError : the window was not measured, the Units cannot be used, or the reference region cannot be measured
    """
    small, brain = trim(segmentation, alignment.brain)
    scale = suv_scale(exam.pet, exam.subject)
    window = late_window(exam.pet, alignment.pet_from_frame, tracer, scale.decay)
    way = project(brain, window.mean, alignment.t1_from_pet)
    scan = _scan(exam, alignment, scale, way, tracer)
    anatomy = clean_reference(small, anatomical(tracer, options, dynamic=scan is not None))
    masks = _masks(small)
    fractions = way.fractions(masks | {"brain": brain.array, "search": raised.searched(small), "reference": anatomy.array})
    choice = choose_reference(tracer, options, scan, brain=fractions["brain"], lesions=fractions.get("lesions"), grid=way.grid)
    weights = fractions["reference"] if choice.weights is None else choice.weights
    reference = measure_reference(choice.name, way.cut(window.mean), weights, window.mean.voxel_ml)
    # The reference is told as it was divided by, so that its own ratio is 1.
    regions = {name: weights if name == region_of(choice.name) else fractions[name] for name in masks}
    measured = measure(way.cut(window.frames), window.weights, regions, weights)
    suvr = way.cut(window.mean) / np.float32(reference.mean)
    return Late(small, brain, scale, window, way, fractions, regions, choice, reference, measured, suvr, scan)


def _masks(segmentation: Segmentation) -> dict[str, Array]:
    masks = {region.name: region.mask.array for region in segmentation.regions if not UNMEASURED.fullmatch(region.name)}
    if segmentation.lesions.array.any():
        masks["lesions"] = segmentation.lesions.array > 0
    return masks


def _scan(exam: Exam, alignment: Alignment, scale: SuvScale, way: Projection, tracer: TracerProfile) -> Scan | None:
    if not is_dynamic(exam.pet):
        return None
    frames = whole_scan(exam.pet, alignment.pet_from_frame, scale.decay, way)
    half_life_s = exam.pet.administration.half_life_s
    return Scan(frames, exam.pet.timing, half_life_s, tracer.t_star_s, exam.pet.volume.voxel_ml)
