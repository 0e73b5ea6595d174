"""Other people's judgement of the objects that the node wrote.

::

    python benchmarks/conformance.py OBJECTS_FOLDER [INPUTS_FOLDER]
    python benchmarks/conformance.py OBJECTS_FOLDER … --markdown docs/readers.md

dciodvfy must print no error for any object. dcentvfy must find nothing in inputs and outputs together that it does not find in the inputs
alone. dcmqi's segimage2itkimage, which shares no code with pydicom or highdicom, must read every segmentation with the same voxels at the
same places in the patient. Ends with 1 and the complaints where one of them disagrees.

With `--markdown` each folder holds the objects of one exam, and a table of what each reader read is written (`benchmarks.readers`); ends
with 1 where a reader disagrees.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import SegmentationStorage
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.images import as_mask, read_image
from benchmarks.peers import command
from node.domain.volume import Array, Volume

HEAD = """# What other readers make of the objects

Made by `python benchmarks/conformance.py OBJECTS_FOLDER … --markdown docs/readers.md`; not written by hand.

Each figure is how much a reader read that is the same as in the object itself: numbers with their concepts and units, voxels with their
values and their places in the patient (within 0.05 mm), pixels of pictures. "–" means that the reader has nothing for that kind of
object. LABELMAP and FRACTIONAL segmentations, a site's choice, are tested in `tests/encode/test_segmentation_forms.py`."""

SAME_PLACE_MM = 0.05
"""Two readers agree on a voxel when they put its centre this close."""


def complaints(objects: Sequence[Path], inputs: Sequence[Path]) -> list[str]:
    """Everything that the three judges say against these objects; one sentence each, none where all is well."""
    found = [f"dciodvfy: {file.name}: {line}" for file in objects for line in iod_errors(file)]
    found += [f"dcentvfy: {line}" for line in entity_errors(objects, inputs)]
    for file in objects:
        if pydicom.filereader.read_file_meta_info(file).MediaStorageSOPClassUID == SegmentationStorage:
            found += [f"dcmqi: {file.name}: {line}" for line in segment_errors(file)]
    return found


def iod_errors(file: Path) -> list[str]:
    """dciodvfy's error lines for one object."""
    return _errors([command("dciodvfy"), "-new", str(file)])


def entity_errors(objects: Sequence[Path], inputs: Sequence[Path]) -> list[str]:
    """dcentvfy's error lines for objects and inputs together that it does not have for the inputs alone."""
    known = set(_entities(inputs)) if inputs else set()
    return [line for line in _entities([*inputs, *objects]) if line not in known]


def segment_errors(file: Path) -> list[str]:
    """Where dcmqi and our own reading of the frames disagree about a DICOM SEG; one sentence a segment."""
    ours = our_points(file)
    theirs = _their_points(file, len(ours))
    compared = ((number, different_points(points, theirs.get(number, np.empty((0, 3))), "dcmqi")) for number, points in ours.items())
    return [f"segment {number}: {wrong}" for number, wrong in compared if wrong]


def different_points(ours: Array, theirs: Array, reader: str) -> str:
    """In what two readings of a segment's voxels, (n, 3) and (m, 3) LPS mm, differ; empty where they do not."""
    if len(ours) != len(theirs):
        return f"{len(ours)} voxels by its frames, {len(theirs)} by {reader}"
    if not len(ours):
        return ""
    distance, index = cKDTree(theirs).query(ours)
    same = distance.max() <= SAME_PLACE_MM and len(np.unique(index)) == len(ours)
    return "" if same else f"a voxel lies {distance.max():.2f} mm away from where {reader} reads it"


def segments_by_dcmqi(file: Path, segments: int) -> dict[int, Volume]:
    """Segment number → (S, R, C) bool, as dcmqi reads it, which writes one image a segment.

    Raises
    ------
    RuntimeError : dcmqi cannot read the file; says what it printed
    """
    with tempfile.TemporaryDirectory(prefix="ember-dcmqi-") as folder:
        words = [
            command("segimage2itkimage"),
            "--inputDICOM",
            str(file),
            "--outputDirectory",
            folder,
            "--outputType",
            "nrrd",
            "--prefix",
            "s",
        ]
        done = subprocess.run(words, text=True, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"segimage2itkimage ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-1000:]}")
        files = {number: Path(folder) / f"s-{number}.nrrd" for number in range(1, segments + 1)}
        return {number: as_mask(read_image(path)) for number, path in files.items() if path.is_file()}


def _errors(words: list[str]) -> list[str]:
    done = subprocess.run(words, text=True, errors="replace", capture_output=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    if done.returncode < 0:
        lines.append(f"Error - {Path(words[0]).name} was ended by signal {-done.returncode}")
    return [line.strip() for line in lines if line.startswith("Error")]


def _entities(files: Sequence[Path]) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="ember-dcentvfy-") as folder:
        for number, file in enumerate(files):
            (Path(folder) / f"{number}.dcm").symlink_to(file.resolve())
        names = Path(folder) / "names.txt"
        names.write_text("".join(f"{folder}/{number}.dcm\n" for number in range(len(files))))
        lines = _errors([command("dcentvfy"), "-f", str(names)])
        return [re.sub(r"<?" + re.escape(folder) + r"/\d+\.dcm>?", "FILE", line) for line in lines]


def our_points(file: Path) -> dict[int, Array]:
    """Segment number → (n, 3) LPS mm of its voxels, frame by frame from the functional groups (PS3.3 C.7.6.16)."""
    seg = pydicom.dcmread(file)
    pixels = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    shared = seg.SharedFunctionalGroupsSequence[0]
    points: dict[int, list[Array]] = {int(item.SegmentNumber): [] for item in seg.SegmentSequence}
    for frame, groups in zip(pixels, seg.PerFrameFunctionalGroupsSequence, strict=True):
        number = int(_group(groups, shared, "SegmentIdentificationSequence").ReferencedSegmentNumber)
        axes = np.array(_group(groups, shared, "PlaneOrientationSequence").ImageOrientationPatient, dtype=float).reshape(2, 3)
        spacing = np.array(_group(groups, shared, "PixelMeasuresSequence").PixelSpacing, dtype=float)
        origin = np.array(_group(groups, shared, "PlanePositionSequence").ImagePositionPatient, dtype=float)
        row, column = np.nonzero(frame)
        points[number].append(origin + np.outer(column * spacing[1], axes[0]) + np.outer(row * spacing[0], axes[1]))
    return {number: np.concatenate(parts) if parts else np.empty((0, 3)) for number, parts in points.items()}


def _group(groups: pydicom.Dataset, shared: pydicom.Dataset, name: str) -> pydicom.Dataset:
    item: pydicom.Dataset = (groups if name in groups else shared)[name][0]
    return item


def _their_points(file: Path, segments: int) -> dict[int, Array]:
    masks = segments_by_dcmqi(file, segments)
    return {number: np.argwhere(mask.array) @ mask.affine[:3, :3].T + mask.affine[:3, 3] for number, mask in masks.items()}


def main() -> int:
    """Judge the objects of a folder, or write the table of several."""
    parser = argparse.ArgumentParser(description="Other people's programs on the objects that the node wrote.")
    parser.add_argument("folders", type=Path, nargs="+", help="objects, then inputs; with --markdown the objects of one exam each")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write what each reader read")
    options = parser.parse_args()
    if options.markdown:
        return _write_table(options.folders, options.markdown)
    objects = sorted(options.folders[0].rglob("*.dcm"))
    inputs = [path for folder in options.folders[1:] for path in sorted(folder.rglob("*")) if path.is_file()]
    if not objects:
        parser.error(f"{options.folders[0]} holds no *.dcm")
    found = complaints(objects, inputs)
    print("\n".join(found) if found else f"{len(objects)} objects: no complaint")
    return 1 if found else 0


def _write_table(folders: Sequence[Path], file: Path) -> int:
    from benchmarks.readers import markdown  # it asks this module's judges, too

    table, agrees = markdown(folders)
    told = f"{len(folders)} exam{'s' * (len(folders) > 1)}; {', '.join(tool_versions())}"
    file.write_text(f"{HEAD}\n\n{told}.\n\n{table}\n", encoding="utf-8")
    return 0 if agrees else 1


def tool_versions() -> list[str]:
    """The readers with their versions, as far as they tell them."""
    packages = [f"{name} {metadata.version(name)}" for name in ("dcmqi", "highdicom", "SimpleITK", "pydicom")]
    said = subprocess.run([command("dsrdump"), "--version"], text=True, capture_output=True, check=False).stdout
    dcmtk = re.search(r"dcmtk: dsrdump v(\S+)", said)
    return [f"DCMTK {dcmtk.group(1) if dcmtk else 'of unknown version'}", *packages]


if __name__ == "__main__":
    sys.exit(main())
