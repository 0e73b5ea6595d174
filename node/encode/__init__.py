"""Encode: what was found, as DICOM objects that open in the PACS that a hospital already has.

`encode` writes the objects of an analysed exam, `encode_refusal` the page of an exam that could not be used. Both write closed files
into a folder and return one `Encoded` for each, with what the gate found wrong with it (`gate`): what has a complaint is not sent.

====================  =========================  ==============  ====================================================================
kind                  SOP class                  study           what it is
====================  =========================  ==============  ====================================================================
SUMMARY               Secondary Capture          the PET's       the pages to read, first the answer (see `pages`)
OVERLAY               Secondary Capture          the MR's        the map in colour on the MR, one image a slice of the reading series
OVERLAY_T1            Secondary Capture          the MR's        the same on the T1, where that is not the reading series
LESIONS               Segmentation               the MR's        the lesions, one segment each, coloured and coded by phenotype
RAISED                Segmentation               the MR's        the region of raised TSPO signal
RIMS                  Segmentation               the MR's        the 2 mm rims of the lesions, where the result holds them
REGIONS               Segmentation               the MR's        the regions measured, both sides, on the T1, in layers without overlap
REPORT                Comprehensive 3D SR        the PET's       every number, by lesion and by region (TID 1500)
PHYSICIST             Secondary Capture          the PET's       how the numbers were made: curves, fits, frames, dose and decay
MAP                   PET Image                  the MR's        the primary map's values, one image a slice of the reading series
MAP_SUVR, MAP_SUV     PET Image                  the MR's        SUVR beside a DVR; the registered PET in SUV, where SUV is known
PARAMETRIC_MAPS       Parametric Map             the PET's       every map, floating point, on the PET grid
REGISTRATION          Spatial Registration       the MR's        PET, FLAIR and earlier T1s → T1, so that viewers fuse the originals
PRESENTATION          Grayscale Softcopy PS      the MR's        the lesions' outlines and numbers on the reading series, as graphics
PDF                   Encapsulated PDF           the PET's       the pages for print: dark on white, with text that can be copied
KEY_OBJECTS           Key Object Selection       the PET's       which pages to open first
REFUSAL               Secondary Capture          the source's    "not analysed", why, and what to do
REJECTION             Key Object Selection       each            takes back what was delivered, in each study that holds some of it
====================  =========================  ==============  ====================================================================

*Reading series* means the MR series that the radiologist scrolls: the FLAIR where there is one, else the T1 (`EncodeOptions.reading`).

Decisions
---------
- **The same bytes every time.** UIDs are a hash of inputs, settings and software version (`uids`), dates are those of the Provenance,
  nothing asks for the time or for chance. We chose this because an object that is sent again must be the object that was sent before.
- **SEG is BINARY, Explicit VR Little Endian, without empty frames, on the reading series' own images.** We chose it because OHIF,
  dcmqi and DCMTK all read it; instead of FRACTIONAL (refused by OHIF), LABELMAP (refused by older stores) or a grid of our own
  (dropped or shifted by viewers). A lesion is a segment with its own tracking UID, so that a reader can step from one to the next and
  an SR can cite it; beyond 60 the smallest share a segment, since viewers fail above 90.
  A site may choose another form for all of them (`EncodeOptions.seg_form`).
- **Regions overlap by design, and their segments in no object** (`region_layers`): OHIF 3.13 loses voxels where they do, and a label map
  cannot hold them. Each layer is a series, because OHIF shows one object of a series of segmentations.
- **What is written by default** (`DEFAULT_OBJECTS`) is what common PACS take and a reader uses: pages, overlay, the two SEGs, one map
  series and the report. A site's choice (`EncodeOptions.objects`): registrations, which a viewer that knows none lists with a warning sign
  (OHIF); parametric maps, since few PACS viewers show them (OHIF does, as a colour layer) and the PET images hold
  the same values; key objects, since some PACS flag what they name and others show an empty series; SUVR and SUV beside the primary map,
  since each is 23 MB for 170 slices of 256 × 256; the overlay on the T1, which shows the same a second time; the physicist's pages,
  which a reader of images does not need (4 MB a page).
- **Maps as PET images** say in `derived_pet` why they are never in Bq/mL, and why the registered PET is the SUV map; **registrations** in
  `registration` how images of one frame of reference are told apart; **parametric maps** in `parametric_map` why frames rise.
- **The structured report** says its own decisions (`structured_report`, `sr_groups`). It is written by default, since an SR is small,
  every PACS files it and it is what other programs read; rims and regions are a site's choice, since a list of three dozen segments is
  work for a reader.
- **An empty mask gives no SEG**: an object without a segment is invalid, one with an empty segment opens as a fault. The page says
  "none found".
- **A secondary capture beside each SEG**, because many PACS show no SEG at all. The overlay has every slice of the MR, with its
  orientation, spacing and frame of reference, and of each slice the part with brain, lesions and raised signal and 4 mm around;
  the position is moved within the plane to the first pixel shown. We chose that instead of the whole image, because native RGB of 170
  whole slices is 48 MB and the same without air and neck 23 MB, and on a monitor the brain is larger. A viewer that links by position finds
  the same slice, since a shift within the plane changes no distance along the normal, and its cross-hair the same point; one that links by
  slice number finds the same number; one that copies zoom and pan in pixels shows the two at different sizes. Words, colour bar and legend
  are in a margin below, instead of over the anatomy (`overlay_margin`); lesions are numbered on every slice (`overlay_numbers`).
- **What is brought onto a series' grid is brought there at need and once** (`Material`), and a series is described once and turned from
  slice to slice (`slice_series`): describing, reading and projecting anew took more time than drawing. What several objects ask for is
  made once (`material.once`): the pages for screen and print, the regions that SEG and report name.
- **Pages are drawn with Pillow, not laid out by matplotlib**: text on whole pixels, no state between threads, the same bytes on
  every machine. They are one series, a page an instance, its title in Image Comments; `pages` says what stands on them and why.
- **What is drawn on a page is kept as strokes** (`strokes`), from which the PDF is printed: one layout for screen and paper, so that
  neither can say what the other does not. Ink and ground change places, images and the marks that stand for
  their colours do not (`print_ink`).
- **The presentation state is a site's choice**, since many viewers show none (OHIF marks it as unsupported); where one does, the reader
  switches outlines on and off over the scanner's own images.
- **Pages speak the site's language** (`languages`): what objects hold as data stays English, whatever the pages speak.
- **The colour scale is fixed** (`EncodeOptions.map_range`), because a colour must mean the same in two exams.
- **Every object names the scanners and the node** (`equipment`), the institution of its study, and the order and step that it answers to
  (`procedure`), since whoever meets it alone has nothing else to tell them by.
- **A re-run names what it replaces** (`former`): only what an earlier version really left at a destination, by the attribute that each
  IOD has for it. We chose that instead of "version less one", because a version may have been held, refused or withdrawn.
- **Series numbers begin with 9001** (9011 for version 2, 10001 for version 21: `series_number`), instead of 9xx: Philips numbers series by
  hundreds and reaches 1301.
- **Names of patients in any script**: headers keep their character set; our own text in headers is ASCII. On a page a name is printed
  in the first of its groups that the typeface holds, and where none is, the page says so instead of printing boxes.
- **Seen in a viewer**: OHIF 3.13 on Orthanc 1.10 opens pages, overlay and SEGs, in one study and in two; overlay and FLAIR scroll in the
  same order; the map as PET images opens with its window, and lies on the FLAIR as a foreground; of the report it lists each lesion and
  region with its numbers, and jumps to its point (in one study; in two it was not tried). OHIF writes its own words over the
  page's upper left corner, as viewers do; they can be switched off there.
- **An enhanced MR is cited by frame.** highdicom is given stand-ins with geometry and identity alone, because it stumbles over Pixel
  Measures that are kept in each frame, and over patients' odd headers.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from node.domain.exam import Exam
from node.domain.history import History
from node.domain.result import Alignment, Result, Segmentation
from node.encode.derived_pet import encode_map, encode_suv_map, encode_suvr_map
from node.encode.former import Former, replaced_version
from node.encode.gate import examine, known_of
from node.encode.headers import Maker, contributions
from node.encode.key_objects import encode_key_objects
from node.encode.material import gather
from node.encode.objects import Encoded, EncodeOptions, Kind
from node.encode.overlay import encode_overlay, encode_overlay_t1
from node.encode.parametric_map import encode_parametric_maps
from node.encode.pdf import encode_pdf
from node.encode.physicist import encode_physicist
from node.encode.presentation import encode_presentation
from node.encode.refusal import encode_refusal
from node.encode.region_segments import encode_regions
from node.encode.registration import encode_registrations
from node.encode.rejection import encode_rejection
from node.encode.segmentation import encode_lesions, encode_raised, encode_rims
from node.encode.structured_report import encode_report
from node.encode.summary import encode_summary

__all__ = ["Encoded", "EncodeOptions", "Former", "Kind", "encode", "encode_refusal", "encode_rejection"]

OBJECTS = (
    (Kind.SUMMARY, encode_summary),
    (Kind.OVERLAY, encode_overlay),
    (Kind.OVERLAY_T1, encode_overlay_t1),
    (Kind.LESIONS, encode_lesions),
    (Kind.RAISED, encode_raised),
    (Kind.RIMS, encode_rims),
    (Kind.REGIONS, encode_regions),
    (Kind.REPORT, encode_report),
    (Kind.PHYSICIST, encode_physicist),
    (Kind.MAP, encode_map),
    (Kind.MAP_SUVR, encode_suvr_map),
    (Kind.MAP_SUV, encode_suv_map),
    (Kind.PARAMETRIC_MAPS, encode_parametric_maps),
    (Kind.REGISTRATION, encode_registrations),
    (Kind.PRESENTATION, encode_presentation),
    (Kind.PDF, encode_pdf),
)
"""What may be written for an exam, in this order: from `Material` to the objects of one kind, perhaps none."""

ABOUT_OBJECTS = ((Kind.KEY_OBJECTS, encode_key_objects),)
"""What names other objects of the exam: from `Material` and all that was written before."""


def encode(
    exam: Exam,
    alignment: Alignment,
    segmentation: Segmentation,
    result: Result,
    *,
    storage: Path,
    folder: Path,
    options: EncodeOptions,
    history: History | None = None,
    formers: tuple[Former, ...] = (),
) -> tuple[Encoded, ...]:
    """Write the DICOM objects of an analysed exam.

    Parameters
    ----------
    storage : folder below which each source instance's `path` lies
    folder : where the objects are written, as ``<SOP Instance UID>.dcm``; it exists
    options : the site's choices; only the kinds that it wants are written
    history : the patient's earlier exams, none where it is left out
    formers : what earlier versions of this exam left at the destinations

    Raises
    ------
    DataError : a source file is missing, or does not fit its series
    ValueError : `segmentation` and `result` differ in their lesions
    """
    result = replace(result, provenance=replace(result.provenance, replaces=replaced_version(formers)))
    maker = Maker(result.provenance, options, folder, formers, contributions(exam, storage))
    material = gather(exam, alignment, segmentation, result, storage=storage, maker=maker, history=history)
    written = tuple(encoded for kind, make in OBJECTS if options.wants(kind) for encoded in make(material))
    for kind, name in ABOUT_OBJECTS:
        written += name(material, written) if options.wants(kind) else ()
    return examine(written, known_of(material), material)
