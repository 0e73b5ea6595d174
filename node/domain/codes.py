"""Coded concepts: one small type, and the concepts that the node itself names.

Standard codes where there are any (PS3.16); what has none carries our own scheme, 99EMBER.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A coded concept: value, scheme, meaning (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str


PRIVATE_SCHEME = "99EMBER"

BRAIN = Code("12738006", "SCT", "Brain")
GRAY_MATTER = Code("389081007", "SCT", "Gray matter of brain")
WHITE_MATTER = Code("389080008", "SCT", "White matter of brain")
CEREBRAL_WHITE_MATTER = Code("68523003", "SCT", "Cerebral white matter")
CEREBRAL_GRAY_MATTER = Code("40146001", "SCT", "Cerebral gray matter")
CEREBELLAR_CORTEX = Code("25991003", "SCT", "Cerebellar cortex")
CEREBELLUM = Code("113305005", "SCT", "Cerebellum")
THALAMUS = Code("42695009", "SCT", "Thalamus")
BRAIN_STEM = Code("15926001", "SCT", "Brain stem")
CEREBELLAR_WHITE_MATTER = Code("33060004", "SCT", "Cerebellar white matter")
SUBCORTICAL_GRAY_MATTER = Code("223151", "FMA", "Subcortical gray matter")
BRAIN_VENTRICLE = Code("35764002", "SCT", "Brain ventricle")
LESION_OF_BRAIN = Code("301766008", "SCT", "Lesion of brain")
NORMAL_APPEARING_WHITE_MATTER = Code("NAWM", PRIVATE_SCHEME, "Normal-appearing white matter")
RAISED_TSPO_SIGNAL = Code("RAISED-TSPO", PRIVATE_SCHEME, "Region of raised TSPO signal")

ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
TISSUE = Code("85756007", "SCT", "Tissue")
FUNCTION = Code("246464006", "SCT", "Function")
