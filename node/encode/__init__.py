"""Encode."""

from __future__ import annotations

from pathlib import Path

from node.domain.exam import Exam
from node.domain.result import Alignment, Result, Segmentation
from node.encode.headers import Maker
from node.encode.material import gather
from node.encode.objects import Encoded, EncodeOptions, Kind
from node.encode.overlay import encode_overlay
from node.encode.segmentation import encode_lesions, encode_raised

__all__ = ["Encoded", "EncodeOptions", "Kind", "encode"]

OBJECTS = (encode_overlay, encode_lesions, encode_raised)


def encode(
    exam: Exam, alignment: Alignment, segmentation: Segmentation, result: Result, *, storage: Path, folder: Path, options: EncodeOptions
) -> tuple[Encoded, ...]:
    maker = Maker(result.provenance, options, folder)
    material = gather(exam, alignment, segmentation, result, storage=storage, maker=maker)
    return tuple(encoded for make in OBJECTS for encoded in make(material))
