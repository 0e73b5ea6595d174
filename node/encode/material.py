"""Material: everything that the objects of one exam are made from, gathered once.

It is bound to one MR series, the reading series, and `Material.on` binds it to another. What is brought onto that series' grid is brought
there when it is first asked for, and kept: an object that needs no lesions pays for none, and no two objects pay for the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from pydicom import Dataset
from scipy import ndimage

from node import imaging
from node.domain.exam import Exam, MrSeries, PetSeries, SeriesSource
from node.domain.history import History
from node.domain.result import Alignment, Result, Segmentation
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.encode.headers import Maker, by_one_image, read_header
from node.encode.languages import Speech
from node.encode.objects import EncodeOptions
from node.encode.project import Projection, project_labels
from node.encode.slices import Slices, read_slices
from node.encode.uids import lasting_uid

Made = TypeVar("Made")
Framed = TypeVar("Framed", PetSeries, MrSeries)


@dataclass(frozen=True, eq=False)
class Material:
    """One exam's results, and where they are shown.

    Parameters
    ----------
    reading : the MR series on whose grid results are shown
    t1_from_reading : LPS mm of that series → LPS mm of the T1
    slices : its images, slice for slice
    pet_header : of the PET's first image: the study that pages go into; `slices.header` tells the other
    storage : folder below which each source instance's `path` lies
    history : the patient's earlier exams
    """

    exam: Exam
    alignment: Alignment
    segmentation: Segmentation
    result: Result
    maker: Maker
    reading: MrSeries
    t1_from_reading: Transform
    slices: Slices
    pet_header: Dataset
    storage: Path
    history: History = field(default_factory=History)
    _kept: dict[object, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def say(self) -> Speech:
        """The language of the pages."""
        return self.maker.say

    @cached_property
    def lesions(self) -> Projection:
        """The lesions' numbers on the reading grid."""
        return project_labels(self.segmentation.lesions, self.reading.volume, self.t1_from_reading)

    @cached_property
    def raised(self) -> Volume:
        """(S, R, C) bool: the region of raised TSPO signal on the reading grid."""
        found = self.result.raised
        pieces = found.like(ndimage.label(found.array)[0], unit="1")
        labels = project_labels(pieces, self.reading.volume, self.pet_from_reading).labels
        return self.reading.volume.like(labels.array > 0, unit="1")

    def on(self, series: MrSeries) -> Material:
        """The same exam with its T1, or with the series that it is bound to, as the reading series; always the same object for one series.

        Raises
        ------
        DataError : a source file of the T1 is missing or does not fit its series
        ValueError : another series than these two
        """
        if series is self.reading:
            return self
        if series is not self.exam.t1:
            raise ValueError(f"expected the reading series or the T1; found series {series.source.series_uid}")
        return self._on_t1

    @cached_property
    def _on_t1(self) -> Material:
        t1 = self.exam.t1
        return replace(self, reading=t1, t1_from_reading=Transform.identity(), slices=read_slices(t1, self.storage))

    @property
    def pet_from_reading(self) -> Transform:
        """LPS mm of the reading series → LPS mm of the PET's reference pose."""
        return self.alignment.t1_from_pet.inverse() @ self.t1_from_reading

    def cited(self) -> tuple[SeriesSource, ...]:
        """Every series that the result was made from, by one image each."""
        optional = (self.exam.flair, self.exam.lesions)
        sources = (self.exam.pet.source, self.exam.t1.source, *(series.source for series in optional if series is not None))
        return tuple(by_one_image(source) for source in sources)

    def cited_for_grid(self) -> tuple[SeriesSource, ...]:
        """The same, with every image of the reading series."""
        return (self.reading.source, *self._cited_beside_reading())

    def cited_for_slice(self, index: int) -> tuple[SeriesSource, ...]:
        """The same, with the one image of the reading series that shows a slice."""
        source = self.reading.source
        image = source.instances[index if len(source.instances) > 1 else 0]
        return (replace(source, instances=(image,)), *self._cited_beside_reading())

    def _cited_beside_reading(self) -> tuple[SeriesSource, ...]:
        return tuple(source for source in self.cited() if source.series_uid != self.reading.source.series_uid)


def once(make: Callable[[Material], Made]) -> Callable[[Material], Made]:
    """A function of the material that several objects ask for: what it makes is kept with the material, and made once."""

    @wraps(make)
    def kept(material: Material) -> Made:
        if make not in material._kept:
            material._kept[make] = make(material)
        return cast(Made, material._kept[make])

    return kept


def gather(
    exam: Exam,
    alignment: Alignment,
    segmentation: Segmentation,
    result: Result,
    *,
    storage: Path,
    maker: Maker,
    history: History | None = None,
) -> Material:
    """Read the headers of what results are shown on.

    Raises
    ------
    DataError : a source file is missing or does not fit its series
    ValueError : a lesion label that the result does not list
    """
    _match_lesions(segmentation, result)
    exam = _with_frames(exam)
    reading, t1_from_reading = _reading(exam, alignment, maker.options)
    return Material(
        exam,
        alignment,
        segmentation,
        result,
        maker,
        reading,
        t1_from_reading,
        read_slices(reading, storage),
        read_header(storage, exam.pet.source),
        storage,
        history or History(),
    )


def _with_frames(exam: Exam) -> Exam:
    """The exam, each series with a frame of reference: one whose images name none has its own, which objects on its grid must name."""
    pet, t1, flair = _with_frame(exam.pet), _with_frame(exam.t1), exam.flair and _with_frame(exam.flair)
    same = pet is exam.pet and t1 is exam.t1 and flair is exam.flair
    return exam if same else replace(exam, pet=pet, t1=t1, flair=flair)


def _with_frame(series: Framed) -> Framed:
    if series.volume.frame_of_reference_uid:
        return series
    uid = lasting_uid(f"{series.source.series_uid} frame of reference")
    return replace(series, volume=replace(series.volume, frame_of_reference_uid=uid))


def _match_lesions(segmentation: Segmentation, result: Result) -> None:
    drawn = set(np.unique(segmentation.lesions.array).tolist()) - {0}
    listed = {lesion.number for lesion in result.lesions}
    if drawn != listed:
        raise ValueError(f"lesions that are drawn and lesions that are listed differ: {sorted(drawn ^ listed)}")


def _reading(exam: Exam, alignment: Alignment, options: EncodeOptions) -> tuple[MrSeries, Transform]:
    if options.reading == "FLAIR" and exam.flair is not None and alignment.t1_from_flair is not None:
        return exam.flair, alignment.t1_from_flair
    return exam.t1, Transform.identity()


def brain_on_reading(material: Material) -> Volume:
    """The brain mask (S, R, C) bool on the reading grid."""
    return imaging.resample(material.alignment.brain, material.reading.volume, material.t1_from_reading, interpolation="nearest")
