"""Who drew the lesions: the node, a program of the site, or what came with the exam.

What was imported is still whose it was, though the node has carried it onto another grid: a lesion that a person drew is MANUAL, one that
he corrected SEMIAUTOMATIC, and one that another product found AUTOMATIC under that product's name. Viewers that correct a segment keep what
it was before, so that an AUTOMATIC segment of which it is known that a reader drew counts as SEMIAUTOMATIC.
"""

from __future__ import annotations

from pydicom import Dataset
from pydicom.sr.coding import Code as DicomCode

from node.domain.exam import LesionImport
from node.domain.result import LesionOrigin
from node.encode.headers import read_header
from node.encode.material import Material
from node.encode.segments import Method

PROGRAM, PROGRAM_VERSION = "lesion program", "lesion program version"
"""Names of the Provenance's parameters that tell the site's program, with its version after its name, and the version alone."""

UNTOLD = "not told"
"""Version of an algorithm that does not say its own."""

_FOUND = Method("Lesion finder on FLAIR", DicomCode("123108", "DCM", "Multispectral Processing"))
_CARRIED = DicomCode("123104", "DCM", "Morphological Operations")


def lesion_method(material: Material) -> Method:
    """How the lesions of an exam were drawn.

    Raises
    ------
    DataError : the file of the imported SEG is missing
    """
    imported = material.exam.lesions
    if material.segmentation.lesion_origin is LesionOrigin.PROGRAM:
        return _of_program(material)
    if material.segmentation.lesion_origin is LesionOrigin.IMPORTED and imported is not None:
        return of_import(imported, read_header(material.storage, imported.source))
    return _FOUND


def of_import(imported: LesionImport, header: Dataset) -> Method:
    """The same for lesions that came with the exam, by the header of their SEG."""
    kinds = {str(item.get("SegmentAlgorithmType", "")) for item in header.get("SegmentSequence", [])}
    told = f"Drawn elsewhere ({imported.creator}); carried onto the images that it is shown on"
    if kinds == {"MANUAL"}:
        return Method("", _CARRIED, "MANUAL", told=told)
    name, version = _algorithm(header)
    automatic = kinds == {"AUTOMATIC"} and not imported.by_reader
    return Method(name or imported.creator, _CARRIED, "AUTOMATIC" if automatic else "SEMIAUTOMATIC", version or UNTOLD, told)


def _of_program(material: Material) -> Method:
    parameters = dict(material.result.provenance.parameters)
    version = parameters.get(PROGRAM_VERSION, "")
    name = parameters.get(PROGRAM, "program of the site").removesuffix(version).strip()
    told = "Drawn by a program of the site; carried onto the images that it is shown on"
    return Method(name, _CARRIED, version=version or UNTOLD, told=told)


def _algorithm(header: Dataset) -> tuple[str, str]:
    """Name and version of the first segment's algorithm that tells them; empty where none does."""
    for item in header.get("SegmentSequence", []):
        identified = (item.get("SegmentationAlgorithmIdentificationSequence") or [Dataset()])[0]
        name = str(identified.get("AlgorithmName", "") or item.get("SegmentAlgorithmName", ""))
        if name:
            return name, str(identified.get("AlgorithmVersion", ""))
    return "", ""
