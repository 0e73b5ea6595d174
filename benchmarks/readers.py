"""What programs that nobody here wrote read from each object: every number, voxel and place against the object itself.

`read_series` asks each reader that can be asked of one series; `markdown` makes one table of it, object by reader. DCMTK reads reports by
dsrdump, PDFs by dcm2pdf and the rest by dcmdump; dcmqi reads segmentations, parametric maps and reports; highdicom and SimpleITK what they
can. "Our own reading" is pydicom's data set, frame by frame from its attributes.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.uid import UID

from benchmarks.conformance import different_points, iod_errors, our_points, segment_errors
from benchmarks.map_forms import by_dcmqi, by_simpleitk
from benchmarks.peers import command
from node.domain.volume import Array
from node.encode.objects import FIRST_SERIES_NUMBER, SERIES_OFFSET, Kind

READERS = ("dciodvfy", "DCMTK", "dcmqi", "highdicom", "SimpleITK")
NUM = re.compile(r'NUM:\(([^,]+),[^,]+,"[^"]*"\)="([^"]*)" \(([^,]+),')
IN_VALUE, IN_PLACE_MM = 1e-6, 0.05

Number = tuple[str, float, str]
"""Concept, value, unit."""


@dataclass(frozen=True)
class Reading:
    """What one reader made of one series: how much was the same, in what it differs, and `limit` where the reader cannot do better."""

    count: int
    unit: str
    differs: str = ""
    limit: str = ""


@dataclass(frozen=True)
class Series:
    """The files of one series of one exam, by Instance Number."""

    kind: Kind
    files: tuple[Path, ...]


def series_of(folder: Path) -> list[Series]:
    """The series of a folder of our objects, in the order of their numbers."""
    found: dict[str, list[tuple[int, int, Path]]] = {}
    for path in sorted(folder.rglob("*.dcm")):
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID", "SeriesNumber", "InstanceNumber"])
        found.setdefault(str(header.SeriesInstanceUID), []).append((int(header.SeriesNumber), int(header.InstanceNumber), path))
    ordered = sorted(found.values(), key=min)
    return [Series(kind_of(files[0][0]), tuple(path for _, _, path in sorted(files))) for files in ordered]


def kind_of(number: int) -> Kind:
    """The kind of object that a series number is of: `node.encode.objects.series_number` the other way round."""
    within = (number - FIRST_SERIES_NUMBER) % 1000
    start = max(offset for offset in (1, 201, 401, 601, 801) if offset <= within)
    place = start + (within - start) % 10
    alone = {offset: kind for kind, offset in SERIES_OFFSET.items() if kind is not Kind.REFUSAL}
    return alone.get(place, alone[start])


def read_series(series: Series) -> dict[str, Reading]:
    """Reader → what it read; a reader that has nothing for this kind of object is left out."""
    sop_class = UID(pydicom.filereader.read_file_meta_info(series.files[0]).MediaStorageSOPClassUID).name
    asked = {"dciodvfy": _judged, **_ASKED.get(sop_class, {})}
    asked.setdefault("DCMTK", _dumped)
    return {reader: _tried(read, series.files) for reader, read in asked.items()}


def _tried(read: Callable[[Sequence[Path]], Reading], files: Sequence[Path]) -> Reading:
    """What a reader read; that it cannot is a reading, too."""
    try:
        return read(files)
    except (RuntimeError, ValueError, AttributeError, TypeError, LookupError, subprocess.CalledProcessError) as error:
        return Reading(0, "", f"cannot read it: {str(error).splitlines()[0] if str(error) else type(error).__name__}")


def markdown(folders: Sequence[Path]) -> tuple[str, bool]:
    """The table of all objects of these exams, and whether every reader agrees."""
    found: dict[Kind, list[dict[str, Reading]]] = {}
    for folder in folders:
        for series in series_of(folder):
            found.setdefault(series.kind, []).append(read_series(series))
    rows = [f"| {kind.value} | {len(rows)} | {' | '.join(_cell(rows, reader) for reader in READERS)} |" for kind, rows in _sorted(found)]
    head = f"| object | series | {' | '.join(READERS)} |\n|---|---|{'---|' * len(READERS)}"
    agrees = not any(reading.differs for rows in found.values() for row in rows for reading in row.values())
    return "\n".join((head, *rows)), agrees


def _sorted(found: dict[Kind, list[dict[str, Reading]]]) -> list[tuple[Kind, list[dict[str, Reading]]]]:
    return sorted(found.items(), key=lambda item: SERIES_OFFSET[item[0]])


def _cell(rows: Iterable[dict[str, Reading]], reader: str) -> str:
    readings = [row[reader] for row in rows if reader in row]
    if not readings:
        return "–"
    wrong = [reading.differs for reading in readings if reading.differs]
    if wrong:
        return f"**{len(wrong)} differ**: {wrong[0]}"
    limits = sorted({reading.limit for reading in readings if reading.limit})
    total = f"{sum(reading.count for reading in readings):,} {readings[0].unit}".replace(",", " ")
    return "; ".join((total, *limits))


def _judged(files: Sequence[Path]) -> Reading:
    errors = [line for file in files for line in iod_errors(file)]
    return Reading(len(files), "files without error", errors[0] if errors else "")


def _dumped(files: Sequence[Path]) -> Reading:
    for file in files:
        done = subprocess.run([command("dcmdump"), "-q", str(file)], capture_output=True, text=True, errors="replace", check=False)
        if done.returncode or done.stderr:
            return Reading(0, "files parsed", done.stderr.strip() or f"dcmdump ended with {done.returncode}")
    return Reading(len(files), "files parsed")


def _numbers_by_dsrdump(files: Sequence[Path]) -> Reading:
    done = subprocess.run([command("dsrdump"), "+Pc", "+Pl", str(files[0])], capture_output=True, text=True, check=False)
    theirs = [(code, float(value), unit) for code, value, unit in NUM.findall(done.stdout)]
    trouble = done.stderr.strip()
    return same_numbers(list(_numbers(pydicom.dcmread(files[0]))), theirs, "numbers", trouble)


def _numbers_by_dcmqi(files: Sequence[Path]) -> Reading:
    with tempfile.TemporaryDirectory(prefix="ember-dcmqi-") as folder:
        out = Path(folder) / "sr.json"
        words = [command("tid1500reader"), "--inputDICOM", str(files[0]), "--outputMetadata", str(out)]
        subprocess.run(words, capture_output=True, check=True)
        read = [group for group in json.loads(out.read_text())["Measurements"] if "ReferencedSegment" in group]
    items = [item for group in read for item in group["measurementItems"]]
    theirs = [(item["quantity"]["CodeValue"], float(item["value"]), item["units"]["CodeValue"]) for item in items]
    cited = [group for group in _groups(pydicom.dcmread(files[0])) if any(item.ValueType == "IMAGE" for item in group.ContentSequence)]
    return same_numbers([number for group in cited for number in _direct(group)], theirs, "numbers of groups that cite a segment")


def _numbers_by_highdicom(files: Sequence[Path]) -> Reading:
    content: Any = hd.sr.srread(files[0]).content
    asked = (content.get_volumetric_roi_measurement_groups, content.get_planar_roi_measurement_groups, content.get_image_measurement_groups)
    read = [measurement for ask in asked for group in ask() for measurement in group.get_measurements()]
    theirs = [(item.name.value, float(item.value), item.unit.value) for item in read]
    return same_numbers([number for group in _groups(pydicom.dcmread(files[0])) for number in _direct(group)], theirs, "numbers")


def same_numbers(ours: list[Number], theirs: list[Number], unit: str, trouble: str = "") -> Reading:
    """Two readings of the same numbers, whatever their order; `trouble` is what the reader complained of."""
    pairs = zip(sorted(ours), sorted(theirs), strict=False)
    matched = [a for a, b in pairs if a[0] == b[0] and a[2] == b[2] and np.isclose(a[1], b[1])]
    whole = len(matched) == len(ours) == len(theirs)
    return Reading(len(matched), unit, trouble or ("" if whole else f"{len(matched)} of {len(ours)} {unit}, {len(theirs)} read"))


def _numbers(node: pydicom.Dataset) -> Iterator[Number]:
    """Every number below an item, in the order of the document."""
    for item in node.get("ContentSequence", []):
        if item.ValueType == "NUM":
            yield _number(item)
        yield from _numbers(item)


def _direct(group: pydicom.Dataset) -> list[Number]:
    """The numbers right below a group, without their properties."""
    return [_number(item) for item in group.ContentSequence if item.ValueType == "NUM"]


def _number(item: pydicom.Dataset) -> Number:
    measured = item.MeasuredValueSequence[0]
    unit = str(measured.MeasurementUnitsCodeSequence[0].CodeValue)
    return str(item.ConceptNameCodeSequence[0].CodeValue), float(measured.NumericValue), unit


def _groups(report: pydicom.Dataset) -> list[pydicom.Dataset]:
    (container,) = [item for item in report.ContentSequence if item.ConceptNameCodeSequence[0].CodeMeaning == "Imaging Measurements"]
    return list(container.ContentSequence)


def _segments_by_dcmqi(files: Sequence[Path]) -> Reading:
    wrong = segment_errors(files[0])
    return Reading(_voxels(files[0]), "voxels", wrong[0] if wrong else "")


def _segments_by_highdicom(files: Sequence[Path]) -> Reading:
    seg: Any = hd.seg.segread(files[0])
    for number, points in our_points(files[0]).items():
        volume = seg.get_volume(segment_numbers=[number], allow_missing_positions=True)
        theirs = np.argwhere(volume.array[..., 0]) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
        if wrong := different_points(points, theirs, "highdicom"):
            return Reading(0, "voxels", f"segment {number}: {wrong}")
    return Reading(_voxels(files[0]), "voxels")


def _frames_by_simpleitk(files: Sequence[Path]) -> Reading:
    """Frames without their places: SimpleITK reads no functional groups."""
    ours = pydicom.dcmread(files[0]).pixel_array
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(files[0]))).reshape(ours.shape)
    wrong = "" if np.array_equal(ours > 0, theirs > 0) else "other pixels"
    return Reading(int((ours > 0).sum()), "voxels", wrong, "no places, no segments")


def _voxels(file: Path) -> int:
    return sum(len(points) for points in our_points(file).values())


def _maps_by_simpleitk(files: Sequence[Path]) -> Reading:
    volume, images = by_simpleitk(list(files)), [pydicom.dcmread(file) for file in files]
    values = np.stack([image.pixel_array * float(image.RescaleSlope) for image in images])
    positions = np.array([image.ImagePositionPatient for image in images], dtype=float)
    return same_slices(values, positions, volume.array, volume.affine)


def _map_by_dcmqi(files: Sequence[Path]) -> Reading:
    volume = by_dcmqi(files[0])
    return same_slices(*_frames(files[0]), volume.array, volume.affine)


def _map_by_highdicom(files: Sequence[Path]) -> Reading:
    volume = hd.imread(files[0]).get_volume()
    return same_slices(*_frames(files[0]), volume.array, volume.affine)


def _frames(file: Path) -> tuple[Array, Array]:
    """(S, R, C) values of a parametric map and (S, 3) positions of its frames, LPS mm."""
    dataset = pydicom.dcmread(file)
    values = np.frombuffer(dataset.FloatPixelData, "<f4").reshape(-1, dataset.Rows, dataset.Columns)
    groups = dataset.PerFrameFunctionalGroupsSequence
    return values, np.array([group.PlanePositionSequence[0].ImagePositionPatient for group in groups], dtype=float)


def same_slices(values: Array, positions: Array, theirs: Array, affine: Array) -> Reading:
    """Each of our slices against the one that a reader puts where ours lies."""
    index = np.c_[positions, np.ones(len(positions))] @ np.linalg.inv(affine).T
    place = np.abs(index[:, :3] - np.c_[np.round(index[:, 0]), np.zeros((len(index), 2))]) * np.linalg.norm(affine[:3, :3], axis=0)
    if place.max() > IN_PLACE_MM:
        return Reading(0, "voxels", f"a slice lies {place.max():.2f} mm away")
    there = theirs[np.round(index[:, 0]).astype(int)]
    if not np.allclose(there, values, rtol=IN_VALUE, atol=IN_VALUE * np.nanmax(np.abs(values)), equal_nan=True):
        return Reading(0, "voxels", f"values differ by {np.nanmax(np.abs(there - values)):.3g}")
    return Reading(int(values.size), "voxels")


def _pictures_by_simpleitk(files: Sequence[Path]) -> Reading:
    for file in files:
        image = pydicom.dcmread(file)
        if not np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(file)))[0], image.pixel_array):
            return Reading(0, "pictures", "other pixels")
    return Reading(len(files), "pictures")


def _selection(files: Sequence[Path]) -> Reading:
    dataset: Any = hd.ko.KeyObjectSelectionDocument.from_dataset(pydicom.dcmread(files[0]))
    named = [item for item in pydicom.dcmread(files[0]).ContentSequence if item.ValueType in ("IMAGE", "COMPOSITE")]
    read = dataset.content.get_references()
    return Reading(len(read), "objects named", "" if len(read) == len(named) else f"{len(read)} of {len(named)} named")


def _parsed_report(files: Sequence[Path]) -> Reading:
    done = subprocess.run([command("dsrdump"), str(files[0])], capture_output=True, text=True, check=False)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("W:")]  # it warns that it knows no template of selections
    return Reading(1, "files parsed", errors[0] if errors else "")


def _document(files: Sequence[Path]) -> Reading:
    dataset = pydicom.dcmread(files[0])
    with tempfile.TemporaryDirectory(prefix="ember-pdf-") as folder:
        out = Path(folder) / "out.pdf"
        subprocess.run([command("dcm2pdf"), str(files[0]), str(out)], capture_output=True, check=True)
        same = out.read_bytes() == dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    return Reading(int(dataset.EncapsulatedDocumentLength), "bytes", "" if same else "other bytes")


_ASKED: dict[str, dict[str, Callable[[Sequence[Path]], Reading]]] = {
    "Segmentation Storage": {"dcmqi": _segments_by_dcmqi, "highdicom": _segments_by_highdicom, "SimpleITK": _frames_by_simpleitk},
    "Comprehensive 3D SR Storage": {"DCMTK": _numbers_by_dsrdump, "dcmqi": _numbers_by_dcmqi, "highdicom": _numbers_by_highdicom},
    "Positron Emission Tomography Image Storage": {"SimpleITK": _maps_by_simpleitk},
    "Parametric Map Storage": {"dcmqi": _map_by_dcmqi, "highdicom": _map_by_highdicom},
    "Secondary Capture Image Storage": {"SimpleITK": _pictures_by_simpleitk},
    "Key Object Selection Document Storage": {"DCMTK": _parsed_report, "highdicom": _selection},
    "Encapsulated PDF Storage": {"DCMTK": _document},
}
"""SOP class → the readers that know it, beside those that are asked of everything."""
