"""Whether the forms in which a map is written say the same, read by programs that nobody here wrote.

::

    python benchmarks/map_forms.py OBJECTS_FOLDER [--json]

The folder holds the objects of one exam, all kinds written. Each map as PET images (read by SimpleITK) is compared with the same map as a
parametric map (read by dcmqi), at random voxels of the MR's grid, through the matrices of the spatial registrations and linear
interpolation by SciPy. So one figure tells of values, of places, of both geometries and of the direction of the matrices. Ends with 1 where
two forms differ by more than half a stored step, and where a map has no partner.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.uid import ParametricMapStorage, PositronEmissionTomographyImageStorage, SpatialRegistrationStorage
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.images import read_image
from benchmarks.peers import command
from node.domain.volume import Array, Volume

POINTS = 200_000
ROUNDING = 2e-5
"""Beyond half a step: linear interpolation in 32 bits, and positions as Decimal Strings; a share of the largest value."""

END = " Research use only."


def headers_of(folder: Path) -> dict[str, list[tuple[Path, pydicom.Dataset]]]:
    """SOP class → files with their headers, by Instance Number."""
    found: dict[str, list[tuple[Path, pydicom.Dataset]]] = defaultdict(list)
    for path in sorted(folder.rglob("*.dcm")):
        header = pydicom.dcmread(path, defer_size=1024)
        found[str(header.SOPClassUID)].append((path, header))
    for files in found.values():
        files.sort(key=lambda item: int(item[1].InstanceNumber))
    return found


def matrices(registrations: list[tuple[Path, pydicom.Dataset]]) -> dict[str, Array]:
    """SOP Instance UID of an image → (4, 4) that takes its LPS mm to the T1's; of the T1 itself too."""
    out: dict[str, Array] = {}
    for _, dataset in registrations:
        for item in dataset.RegistrationSequence:
            text = item.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix
            for image in item.ReferencedImageSequence:
                out[str(image.ReferencedSOPInstanceUID)] = np.array(text, dtype=float).reshape(4, 4)
    return out


def by_dcmqi(path: Path) -> Volume:
    """A parametric map, as dcmqi reads it."""
    with tempfile.TemporaryDirectory(prefix="ember-dcmqi-") as folder:
        words = [command("paramap2itkimage"), "--inputDICOM", str(path), "--outputDirectory", folder, "--outputType", "nrrd"]
        subprocess.run(words, check=True, capture_output=True)
        return read_image(next(Path(folder).glob("*.nrrd")))


def by_simpleitk(files: list[Path]) -> Volume:
    """A series of PET images in slice order, as SimpleITK reads it."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(file) for file in files])
    image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = (np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing()))[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return Volume(sitk.GetArrayFromImage(image), affine)


def greatest_difference(shown: Volume, computed: Volume, computed_from_shown: Array) -> tuple[float, float]:
    """At random voxels of `shown` that lie within `computed`: the greatest difference, and the largest value there."""
    rng = np.random.default_rng(20260101)
    index = np.array([rng.integers(0, size, POINTS) for size in shown.shape])
    there = computed.index_from_lps @ computed_from_shown @ shown.affine @ np.vstack([index, np.ones(POINTS)])
    inside = ((there[:3] >= 0) & (there[:3] <= np.array(computed.shape)[:, None] - 1)).all(axis=0)
    values = ndimage.map_coordinates(computed.array, there[:3, inside], order=1, output=np.float64)
    return float(np.abs(shown.array[tuple(index[:, inside])] - values).max()), float(np.abs(values).max())


def compare(folder: Path) -> list[dict[str, object]]:
    """One row a map series: what it is, the greatest difference, and how much may be."""
    found = headers_of(folder)
    t1_from = matrices(found[SpatialRegistrationStorage])
    series = defaultdict(list)
    for path, header in found[PositronEmissionTomographyImageStorage]:
        series[str(header.SeriesDescription)].append((path, header))
    return [_row(name, files, found[ParametricMapStorage], t1_from) for name, files in sorted(series.items())]


def _row(
    name: str,
    files: list[tuple[Path, pydicom.Dataset]],
    maps: list[tuple[Path, pydicom.Dataset]],
    t1_from: dict[str, Array],
) -> dict[str, object]:
    first = files[0][1]
    partner = [item for item in maps if first.DerivationDescription.startswith(item[1].DerivationDescription.removesuffix(END))]
    if len(partner) != 1:
        return {"series": name, "difference": None, "allowed": 0.0, "images": len(files)}
    path, header = partner[0]
    reading = t1_from[str(first.ReferencedImageSequence[0].ReferencedSOPInstanceUID)]
    pet = t1_from[str(header.SourceImageSequence[0].ReferencedSOPInstanceUID)]
    shown = by_simpleitk([file for file, _ in files])
    difference, largest = greatest_difference(shown, by_dcmqi(path), np.linalg.inv(pet) @ reading)
    return {
        "series": name,
        "difference": difference,
        "allowed": float(first.RescaleSlope) / 2 + ROUNDING * largest,
        "images": len(files),
    }


def main() -> int:
    """Compare the maps of a folder."""
    parser = argparse.ArgumentParser(description="PET images against parametric maps, by SimpleITK, dcmqi and SciPy.")
    parser.add_argument("objects", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = compare(options.objects)
    if not rows:
        parser.error(f"{options.objects} holds no map as PET images")
    if options.json:
        print(json.dumps(rows, indent=1))
    for row in [] if options.json else rows:
        found = "no parametric map of it" if row["difference"] is None else f"{row['difference']:.2g}, allowed {row['allowed']:.2g}"
        print(f"{row['series']}: {row['images']} images; greatest difference {found}")
    return 0 if all(row["difference"] is not None and row["difference"] <= row["allowed"] for row in rows) else 1  # type: ignore[operator]


if __name__ == "__main__":
    sys.exit(main())
