"""What each quantity is called in DICOM: its coded concept, its unit, and how a viewer opens its map.

Only SUVbw has a standard code (PS3.16 CID 218); the ratios of TSPO imaging have none, so that they carry our own scheme. DCM 126393
"R1" is relaxation of MR and must not carry the R1 of the reference tissue models.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from pydicom.sr.coding import Code as DicomCode

from node.domain.codes import PRIVATE_SCHEME, Code
from node.domain.result import ParametricMap, Quantity

_LIKENESS = str.maketrans({"–": "-", "—": "-", "−": "-", "′": "'", "’": "'", "≥": ">=", "≤": "<=", "µ": "u", "²": "2", "³": "3", "×": "x"})

RATIO = Code("1", "UCUM", "no units")
SUV_UNIT = Code("g/ml{SUVbw}", "UCUM", "g/ml{SUVbw}")


@dataclass(frozen=True)
class Measure:
    """One quantity that a map may hold.

    Parameters
    ----------
    concept, unit : as coded
    pet_units : Units (0054,1001) of a PET image of it, PS3.3 C.8.9.1.1.3. STDDEV is for a z-score against a norm alone
    window : lowest and highest value that a viewer opens it with, in `unit`. Defaults of ours
    """

    concept: Code
    unit: Code
    pet_units: str
    window: tuple[float, float]


MEASURES = {
    Quantity.SUV: Measure(Code("126401", "DCM", "SUVbw"), SUV_UNIT, "GML", (0.0, 2.0)),
    Quantity.SUVR: Measure(Code("SUVR", PRIVATE_SCHEME, "SUV ratio to a reference region"), RATIO, "NONE", (0.0, 1.5)),
    Quantity.DVR: Measure(Code("DVR", PRIVATE_SCHEME, "Distribution volume ratio to a reference region"), RATIO, "NONE", (0.0, 1.5)),
    Quantity.BP_ND: Measure(Code("BPND", PRIVATE_SCHEME, "Non-displaceable binding potential"), RATIO, "NONE", (0.0, 1.0)),
    Quantity.R1: Measure(Code("R1-SRTM", PRIVATE_SCHEME, "Relative delivery R1 of the reference tissue model"), RATIO, "NONE", (0.0, 2.0)),
    Quantity.CONTRAST: Measure(Code("NAWM-CONTRAST", PRIVATE_SCHEME, "Contrast score against own NAWM"), RATIO, "NONE", (-4.0, 4.0)),
}


def measure(quantity: Quantity) -> Measure:
    """The words of a quantity.

    Raises
    ------
    ValueError : no map holds that quantity
    """
    if quantity not in MEASURES:
        raise ValueError(f"expected a quantity that a map can hold; found {quantity.value}")
    return MEASURES[quantity]


def window(quantity: Quantity) -> tuple[float, float]:
    """Window Center and Window Width of a map, in its unit after the slope (PS3.3 C.11.2.1.2.1).

    The standard's linear function, whose upper end lies one below centre + width / 2. VOI LUT Function LINEAR_EXACT would say it
    plainer, but OHIF 3.13 fails to load an image that has any VOI LUT Function. Viewers that take centre ± width / 2 open a map
    up to one higher, which still shows a brain.
    """
    low, high = measure(quantity).window
    return (low + high + 1) / 2, high - low + 1


def described(made: ParametricMap) -> str:
    """How a map was made, in ASCII: quantity, method, parameters, citation."""
    parameters = "; ".join(f"{name} {value}" for name, value in made.parameters)
    return plain(". ".join(part for part in (f"{made.quantity.value}: {made.method}", parameters, made.citation) if part))


def plain(text: str) -> str:
    """Text in ASCII, which every character set of DICOM holds; accents are left out, and what has no likeness becomes "?"."""
    letters = unicodedata.normalize("NFKD", text.translate(_LIKENESS))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).encode("ascii", "replace").decode()


def dicom(code: Code) -> DicomCode:
    """A code as pydicom and highdicom take it."""
    return DicomCode(code.value, code.scheme, code.meaning)
