"""OHIF in Chromium on an Orthanc: what a radiologist's viewer draws of our objects, and where.

::

    python -m benchmarks.ohif FOLDER … --ohif DIST [--shots OUT] [--json]

Every DICOM file below the folders (the exam's own series and the node's objects) is stored in an Orthanc; OHIF opens their studies; each
series that the node wrote is opened in a viewport. Printed for each: whether the viewport drew it, and for each SEG how far the centre of
each segment as OHIF holds and draws it lies from its centre as pydicom reads it. Ends non-zero when a series does not open, or a segment
lies further than `LIMIT_MM`.

DIST is the ``dist`` folder of the npm package ``@ohif/app`` (``npm pack @ohif/app@3.13.2``). Needs Chromium, the Python package playwright,
Orthanc and its DICOMweb plugin. Slow (a software renderer): half a minute a series.
"""

from __future__ import annotations

import argparse
import http.client
import http.server
import json
import mimetypes
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import PositronEmissionTomographyImageStorage, SecondaryCaptureImageStorage, SegmentationStorage

from benchmarks.peers import Orthanc, send

LIMIT_MM = 1.0
"""OHIF draws a mask voxel for voxel: what is left is rounding."""

DRAWN = (SecondaryCaptureImageStorage, PositronEmissionTomographyImageStorage, SegmentationStorage)
"""What is opened. Parametric maps are looked at by hand: over a dynamic PET OHIF loads them for minutes."""

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
"""A renderer without a graphics card, and no way to the net."""

DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"

CONFIGURATION = """window.config = {
  routerBasename: null, extensions: [], modes: [], showStudyList: true, maxNumberOfWebWorkers: 2,
  investigationalUseDialog: { option: 'never' }, defaultDataSourceName: 'orthanc',
  dataSources: [{ namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'orthanc', configuration: {
    friendlyName: 'Orthanc', name: 'orthanc', wadoUriRoot: '/dicom-web', qidoRoot: '/dicom-web', wadoRoot: '/dicom-web',
    qidoSupportsIncludeField: false, imageRendering: 'wadors', thumbnailRendering: 'wadors', enableStudyLazyLoad: true,
    supportsWildcard: true, omitQuotationForMultipartRequest: true, bulkDataURI: { enabled: true, relativeResolution: 'studies' } } }] };"""

CENTRES = """() => {
  const { segmentation } = window.cornerstoneTools, { cache } = window.cornerstone, found = [];
  for (const item of segmentation.state.getSegmentations()) {
    const labelmap = item.representationData.Labelmap;
    if (!labelmap) continue;
    const sums = {};
    for (const id of labelmap.imageIds) {
      const image = cache.getImage(id); if (!image) continue;
      const plane = window.cornerstone.metaData.get('imagePlaneModule', image.referencedImageId || id);
      const pixels = image.voxelManager.getScalarData(), columns = image.columns;
      for (let i = 0; i < pixels.length; i++) if (pixels[i]) {
        const s = sums[pixels[i]] = sums[pixels[i]] || [0, 0, 0, 0], r = Math.floor(i / columns), c = i % columns;
        for (let k = 0; k < 3; k++) s[k] += plane.imagePositionPatient[k] + plane.rowCosines[k] * plane.columnPixelSpacing * c
          + plane.columnCosines[k] * plane.rowPixelSpacing * r;
        s[3] += 1;
      }
    }
    const centres = {};
    for (const n in sums) centres[n] = [sums[n][0] / sums[n][3], sums[n][1] / sums[n][3], sums[n][2] / sums[n][3], sums[n][3]];
    found.push({ label: item.label, centres });
  }
  return found;
}"""
"""In the page: of each segmentation that OHIF holds, the centre (LPS mm) and the voxels of each segment on the images that it lies on."""


SECOND = """async () => {
  window.commandsManager.runCommand('setViewportGridLayout', { numRows: 1, numCols: 2 });
  await new Promise(done => setTimeout(done, 4000));
  const grid = window.services.viewportGridService;
  grid.setActiveViewportId(Array.from(grid.getState().viewports.keys())[1]);
}"""
"""In the page: two viewports, and the second one active. OHIF 3.13 makes a viewport that has shown a PET of several frames a volume for
good, and a volume of colour pictures stays black (a shader fails): what is examined is opened beside the PET."""

ACTIVE = """
  const { cornerstoneViewportService, viewportGridService } = window.services;
  const viewport = cornerstoneViewportService.getCornerstoneViewport(viewportGridService.getActiveViewportId());
  const ids = viewport.getImageIds ? viewport.getImageIds() : [];
  const scroll = async (index) => {
    if (viewport.setImageIdIndex) await viewport.setImageIdIndex(index);
    else await window.cornerstone.utilities.jumpToSlice(viewport.element, { imageIndex: index });
    viewport.render();
    await new Promise(done => setTimeout(done, 1500));
  };"""
"""In the page: the viewport that is active, its images, and how to scroll it."""

MIDDLE = f"async () => {{{ACTIVE} if (ids.length > 20) await scroll(Math.floor(ids.length / 2)); }}"
"""In the page: scroll a stack of slices to its middle."""

PLACE = f"""async (world) => {{{ACTIVE}
  let best = 0, nearest = Infinity;
  ids.forEach((id, index) => {{
    const plane = window.cornerstone.metaData.get('imagePlaneModule', id), a = plane.rowCosines, b = plane.columnCosines;
    const normal = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    const away = Math.abs(normal.reduce((sum, n, k) => sum + n * (world[k] - plane.imagePositionPatient[k]), 0));
    if (away < nearest) {{ nearest = away; best = index; }}
  }});
  await scroll(best);
  const box = viewport.element.getBoundingClientRect(), at = viewport.worldToCanvas(world);
  return [box.x + at[0], box.y + at[1]];
}}"""
"""In the page: scroll the viewport to the image nearest to a point (LPS mm); where on the screen the point is."""

COLOURED = 8
"""Difference of the colour channels from which on a pixel counts as coloured; those of a grey MR do not differ."""


@dataclass(frozen=True)
class Shown:
    """What the viewer made of one series.

    Parameters
    ----------
    spread : of the grey levels drawn, 0 of a blank viewport
    worst_mm : farthest centre of a segment, as held, from the file's; None of what is no SEG
    drawn : whether the screen is coloured at a voxel deep in a segment
    beside : how many of eight points outside of every segment are coloured
    """

    description: str
    modality: str
    opened: bool
    spread: float
    worst_mm: float | None = None
    segments: int = 0
    drawn: bool | None = None
    beside: int = 0

    @property
    def fault(self) -> str:
        """What is wrong with it, or empty."""
        if not self.opened:
            return "not in the viewer's list"
        if self.modality in ("OT", "PT") and self.spread < 1:
            return "blank viewport"
        if self.worst_mm is None:
            return ""
        if self.worst_mm > LIMIT_MM:
            return f"a segment lies {self.worst_mm:.2f} mm away"
        return "" if self.drawn and not self.beside else "a segment is not drawn where it lies, or colour is where none lies"


class Viewer:
    """OHIF, served beside an Orthanc from one origin, as a context manager; `page` is Chromium's."""

    def __init__(self, dist: Path, upstream: int) -> None:
        self._server = _serve(dist, upstream)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._stack: Any = None
        self.page: Any = None

    def __enter__(self) -> Viewer:
        from playwright.sync_api import sync_playwright

        self._stack = sync_playwright()
        browser = self._stack.__enter__().chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        self.page = browser.new_page(viewport={"width": 1500, "height": 900})
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.__exit__(None, None, None)
        self._server.shutdown()
        self._server.server_close()

    def open(self, studies: Iterable[str]) -> None:
        """Show studies beside each other in the study list of the viewer."""
        self.page.goto(f"{self.url}/viewer?StudyInstanceUIDs={','.join(studies)}")
        self.page.wait_for_selector("[data-cy^='study-browser-thumbnail']", timeout=120_000)
        self.page.wait_for_timeout(8000)
        self._click("Skip all")
        self.page.evaluate(SECOND)
        self.page.wait_for_timeout(4000)

    def show(self, description: str) -> bool:
        """Put the series of that description into the viewport, in its middle and alone; whether the list holds it."""
        thumbnail = self.page.locator("[data-cy^='study-browser-thumbnail']", has_text=description).first
        if not thumbnail.count():
            return False
        self.page.evaluate("() => window.cornerstoneTools.segmentation.removeAllSegmentationRepresentations()")
        thumbnail.scroll_into_view_if_needed()
        thumbnail.dblclick()
        for _ in range(6):
            self.page.wait_for_timeout(2500)
            self._click("Yes")
        self.page.evaluate(MIDDLE)
        self.page.wait_for_timeout(2500)
        return True

    def centres(self) -> list[dict[str, Any]]:
        """See `CENTRES`; waits until two looks agree, since a SEG is read frame by frame."""
        last: list[dict[str, Any]] = []
        for _ in range(20):
            now = list(self.page.evaluate(CENTRES))
            if now and now == last:
                break
            last = now
            self.page.wait_for_timeout(4000)
        return last

    def coloured(self, point: np.ndarray) -> bool:
        """Whether the screen shows colour at a point (LPS mm), after scrolling to it."""
        x, y = self.page.evaluate(PLACE, [float(value) for value in point])
        pixel = np.asarray(Image.open(BytesIO(self.picture())).convert("RGB"), int)[round(y), round(x)]
        return int(pixel.max() - pixel.min()) >= COLOURED

    def picture(self) -> bytes:
        """The whole window, PNG."""
        return bytes(self.page.screenshot())

    def _click(self, name: str) -> None:
        button = self.page.get_by_role("button", name=name)
        if button.count() and button.first.is_visible():
            button.first.click()
            self.page.wait_for_timeout(1500)


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves a page drops what it has asked for; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _serve(dist: Path, upstream: int) -> http.server.ThreadingHTTPServer:
    mimetypes.add_type("application/wasm", ".wasm")
    mimetypes.add_type("text/javascript", ".js")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(dist))

        def end_headers(self) -> None:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path.startswith("/dicom-web"):
                self._forward()
            elif path == "/app-config.js":
                self._answer(200, "text/javascript", CONFIGURATION.encode())
            else:
                if not (dist / path.lstrip("/")).is_file():
                    self.path = "/index.html"
                super().do_GET()

        def do_POST(self) -> None:
            self._forward()

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            link = http.client.HTTPConnection("127.0.0.1", upstream, timeout=120)
            link.request(self.command, self.path, body, {k: v for k in ("Accept", "Content-Type") if (v := self.headers.get(k))})
            answer = link.getresponse()
            self._answer(answer.status, answer.headers.get("Content-Type", "application/json"), answer.read())
            link.close()

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the browser asks for thousands of things."""

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def segment_voxels(seg: Dataset) -> dict[int, np.ndarray]:
    """Segment number → (n, 3) centres of its voxels (LPS mm), as pydicom reads a BINARY SEG."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    axes = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    spacing = [float(value) for value in shared.PixelMeasuresSequence[0].PixelSpacing]
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    for frame, groups in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        rows, columns = np.nonzero(frame)
        origin = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        holder = groups if "SegmentIdentificationSequence" in groups else shared
        number = int(holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        found[number].append(origin + columns[:, None] * spacing[1] * axes[0] + rows[:, None] * spacing[0] * axes[1])
    return {number: np.concatenate(parts) for number, parts in found.items()}


def examine(viewer: Viewer, series: list[Dataset], shots: Path | None = None) -> Iterator[Shown]:
    """Open each series in turn, given by one of its objects; pictures go to `shots`."""
    for number, one in enumerate(series):
        opened = viewer.show(str(one.SeriesDescription))
        shown = Shown(str(one.SeriesDescription), str(one.Modality), opened, _spread(viewer.picture()))
        if opened and one.Modality == "SEG":
            shown = _compared(viewer, one, shown)
        if shots is not None:
            (shots / f"{number:02d}-{one.Modality}.png").write_bytes(viewer.picture())
        yield shown


def _compared(viewer: Viewer, seg: Dataset, shown: Shown) -> Shown:
    voxels = segment_voxels(seg)
    centres = {str(number): voxels[number].mean(0) for number in _alone(voxels)}
    held = [item["centres"] for item in viewer.centres() if centres.keys() <= item["centres"].keys()]
    misses = [max(float(np.linalg.norm(item[number][:3] - at)) for number, at in centres.items()) for item in held]
    everything, inside = np.concatenate(list(voxels.values())), _deep(seg, voxels)
    beside = [point for point in _around(inside, seg) if np.linalg.norm(everything - point, axis=1).min() > APART_MM]
    return replace(
        shown,
        worst_mm=min(misses, default=float("inf")),
        segments=len(centres),
        drawn=any(viewer.coloured(inside) for _ in range(4)),
        beside=sum(viewer.coloured(point) for point in beside),
    )


def _deep(seg: Dataset, voxels: dict[int, np.ndarray]) -> np.ndarray:
    """A voxel with much of its own segment around it, of a segment whose colour is no grey."""
    coloured = [int(item.SegmentNumber) for item in seg.SegmentSequence if _chroma(item) > GREY]
    found = []
    for points in (voxels[number] for number in coloured if number in voxels):
        middle = points[np.linalg.norm(points - points.mean(0), axis=1).argmin()]
        found.append((int((np.linalg.norm(points - middle, axis=1) < APART_MM).sum()), tuple(middle)))
    return np.array(max(found)[1])


GREY = 0.05
"""Chroma, of 1 at most, below which a recommended colour is a grey."""


def _chroma(segment: Dataset) -> float:
    """Distance of a segment's recommended colour from grey (PS3.3 C.10.7.1.1: a* and b* from 0 to 65535, grey in the middle)."""
    _, a, b = segment.RecommendedDisplayCIELabValue
    return float(np.hypot(int(a) - 32896, int(b) - 32896) / 32896)


def _alone(voxels: dict[int, np.ndarray]) -> list[int]:
    """Segments that share no voxel with another: of those that do, OHIF 3.13 keeps only what the last one leaves."""
    points = np.round(np.concatenate(list(voxels.values())), 2)
    owner = np.repeat(list(voxels), [len(part) for part in voxels.values()])
    _, first, count = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    return [number for number in voxels if (count[first.reshape(-1)[owner == number]] == 1).all()]


APART_MM = 3.0
"""A point outside is farther than this from every segment: outlines are drawn thicker than a voxel."""


def _around(point: np.ndarray, seg: Dataset) -> Iterator[np.ndarray]:
    """Eight points around one, 20 mm away, in its image's plane."""
    axes = np.array(seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    for turn in np.arange(8) * np.pi / 4:
        yield point + 20 * (np.cos(turn) * axes[0] + np.sin(turn) * axes[1])


def _spread(picture: bytes) -> float:
    """Standard deviation of the grey levels in the middle of the window, where the viewport is."""
    return float(np.asarray(Image.open(BytesIO(picture)).convert("L"), float)[150:750, 900:1400].std())


@contextmanager
def pacs(folder: Path, files: list[Path]) -> Iterator[Orthanc]:
    """An Orthanc with DICOMweb that holds files."""
    with Orthanc(folder, plugins=(DICOMWEB,)) as orthanc:
        send(files, port=orthanc.dicom_port, called=orthanc.ae_title)
        yield orthanc


def run(files: list[Path], dist: Path, shots: Path | None = None) -> list[Shown]:
    """Store, open, compare; one row for each series of the node that a viewer draws."""
    headers = [dcmread(path) for path in files]
    ours: dict[str, Dataset] = {}
    for header in headers:
        if header.get("Manufacturer") == "Ember" and header.SOPClassUID in DRAWN:
            ours.setdefault(header.SeriesInstanceUID, header)
    studies = sorted({str(header.StudyInstanceUID) for header in headers})
    order = sorted(ours.values(), key=lambda header: int(header.SeriesNumber))
    with (
        tempfile.TemporaryDirectory(prefix="ember-ohif-") as scratch,
        pacs(Path(scratch), files) as orthanc,
        Viewer(dist, orthanc.http_port) as viewer,
    ):
        viewer.open(studies)
        return list(examine(viewer, order, shots))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--ohif", type=Path, required=True)
    parser.add_argument("--shots", type=Path)
    parser.add_argument("--json", action="store_true", dest="as_json")
    said = parser.parse_args()
    if said.shots is not None:
        said.shots.mkdir(parents=True, exist_ok=True)
    rows = run([path for folder in said.folders for path in sorted(folder.rglob("*")) if path.is_file()], said.ohif, said.shots)
    if said.as_json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        for row in rows:
            place = "" if row.worst_mm is None else f"{row.segments} segments by themselves, farthest {row.worst_mm:.3f} mm off"
            print(f"{row.modality:4}{row.description:56}{row.fault or 'shown'}  {place}")
    return 1 if any(row.fault for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
