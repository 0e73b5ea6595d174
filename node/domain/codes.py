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
LATERAL_VENTRICLE = Code("66720007", "SCT", "Lateral Ventricle")
THIRD_VENTRICLE = Code("49841001", "SCT", "Third ventricle")
FOURTH_VENTRICLE = Code("35918002", "SCT", "Fourth Ventricle")
CAUDATE_NUCLEUS = Code("11000004", "SCT", "Caudate Nucleus")
PUTAMEN = Code("89278009", "SCT", "Putamen")
GLOBUS_PALLIDUS = Code("14738005", "SCT", "Globus Pallidus")
CORPUS_STRIATUM = Code("31428008", "SCT", "Corpus striatum")
AMYGDALA = Code("4958002", "SCT", "Amygdala")
HIPPOCAMPUS = Code("5366008", "SCT", "Hippocampus")
CORPUS_CALLOSUM = Code("88442005", "SCT", "Corpus callosum")
FRONTAL_LOBE = Code("83251001", "SCT", "Frontal lobe")
PARIETAL_LOBE = Code("16630005", "SCT", "Parietal lobe")
TEMPORAL_LOBE = Code("78277001", "SCT", "Temporal lobe")
OCCIPITAL_LOBE = Code("31065004", "SCT", "Occipital lobe")
INSULA = Code("36169008", "SCT", "Insula")
BRAIN_PARENCHYMA = Code("BRAIN-PARENCHYMA", PRIVATE_SCHEME, "Brain parenchyma")
PERIVENTRICULAR_WHITE_MATTER = Code("WM-PERIVENTRIC", PRIVATE_SCHEME, "Periventricular white matter")
JUXTACORTICAL_WHITE_MATTER = Code("WM-JUXTACORTICAL", PRIVATE_SCHEME, "Juxtacortical white matter")
DEEP_WHITE_MATTER = Code("WM-DEEP", PRIVATE_SCHEME, "Deep white matter")
INFRATENTORIAL = Code("INFRATENTORIAL", PRIVATE_SCHEME, "Infratentorial brain")
LEFT = Code("7771000", "SCT", "Left")
RIGHT = Code("24028007", "SCT", "Right")
LESION_OF_BRAIN = Code("301766008", "SCT", "Lesion of brain")
NORMAL_APPEARING_WHITE_MATTER = Code("NAWM", PRIVATE_SCHEME, "Normal-appearing white matter")
RAISED_TSPO_SIGNAL = Code("RAISED-TSPO", PRIVATE_SCHEME, "Region of raised TSPO signal")

ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
TISSUE = Code("85756007", "SCT", "Tissue")
FUNCTION = Code("246464006", "SCT", "Function")
