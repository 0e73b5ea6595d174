"""What each phenotype of a lesion is called in coded form, and the colour that it is drawn in.

No coding scheme of the standard names chronic active, rim-active or inactive lesions (PS3.16 as of 2024; quantification section L), so the
codes are ours. The colours are those of Okabe and Ito (2008), which stay apart in the common kinds of colour blindness; none is
grey or white, which nobody sees on a lesion that is bright on FLAIR.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.domain.codes import PRIVATE_SCHEME, Code
from node.domain.result import Phenotype
from node.encode.colour import LESION_RGB

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """A phenotype as other systems meet it: its code, and its recommended display colour (sRGB)."""

    code: Code
    rgb: Rgb


LOOKS: dict[Phenotype, Look] = {
    Phenotype.RIM_ACTIVE: Look(Code("RIM-ACTIVE", PRIVATE_SCHEME, "Rim-active lesion"), (213, 94, 0)),
    Phenotype.OVERALL_ACTIVE: Look(Code("OVERALL-ACTIVE", PRIVATE_SCHEME, "Overall-active lesion"), (240, 228, 66)),
    Phenotype.INACTIVE: Look(Code("INACTIVE", PRIVATE_SCHEME, "Inactive lesion"), (0, 114, 178)),
    Phenotype.INDETERMINATE: Look(Code("INDETERMINATE", PRIVATE_SCHEME, "Lesion of indeterminate phenotype"), (204, 121, 167)),
    Phenotype.NOT_RESOLVABLE: Look(Code("NOT-RESOLVABLE", PRIVATE_SCHEME, "Lesion whose rim is not resolvable"), (0, 158, 115)),
}
"""Every phenotype; a test holds the table complete and its colours apart."""


def lesion_rgb(phenotype: Phenotype | None) -> Rgb:
    """The colour of a lesion; that of every lesion where none was called."""
    return LESION_RGB if phenotype is None else LOOKS[phenotype].rgb


def phenotype_code(phenotype: Phenotype | None) -> Code | None:
    """The code of a phenotype, None where nothing was called."""
    return None if phenotype is None else LOOKS[phenotype].code
