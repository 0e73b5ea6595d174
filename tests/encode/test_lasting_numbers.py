"""Lesions that keep their numbers over years: numbers have gaps, are in no order, and may be large."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from encode_phantom import Phantom, make_phantom

from node.encode import EncodeOptions, Kind, encode

NUMBERS = {1: 41, 2: 3, 3: 300, 4: 7}
NAMING = tuple(kind.value for kind in (Kind.SUMMARY, Kind.OVERLAY, Kind.LESIONS, Kind.REPORT, Kind.PRESENTATION))


def with_numbers(phantom: Phantom) -> Phantom:
    table = np.array([0, *(NUMBERS[number] for number in (1, 2, 3, 4))], dtype=np.int32)
    lesions = phantom.segmentation.lesions
    numbered = lesions.like(table[lesions.array])
    named = tuple(sorted((replace(one, number=NUMBERS[one.number]) for one in phantom.result.lesions), key=lambda one: one.number))
    result = replace(phantom.result, lesions=named)
    return replace(phantom, segmentation=replace(phantom.segmentation, lesions=numbered), result=result)


def test_every_object_that_names_lesions_can_be_written_and_passes_the_gate(tmp_path: Path) -> None:
    phantom = with_numbers(make_phantom(tmp_path))
    found = encode(*phantom.parts, storage=phantom.storage, folder=tmp_path, options=EncodeOptions(objects=NAMING))
    assert {one.kind.value for one in found} == set(NAMING)
    assert [one.complaints for one in found if one.complaints] == []

    (seg,) = (pydicom.dcmread(one.path) for one in found if one.kind is Kind.LESIONS)
    told = {segment.SegmentLabel.split(",")[0]: segment.TrackingUID for segment in seg.SegmentSequence}
    assert told == {f"Lesion {NUMBERS[number]}": f"1.2.7.{number}" for number in NUMBERS}
    assert [segment.SegmentNumber for segment in seg.SegmentSequence] == [1, 2, 3, 4]
