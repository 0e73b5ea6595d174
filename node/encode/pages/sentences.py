"""The answer in a few short sentences: raised or not, against the norm, which lesions smoulder, and what has changed."""

from __future__ import annotations

from node.domain.history import Change
from node.domain.result import LesionOrigin, Phenotype
from node.encode.material import Material
from node.encode.words import moment_words, number_words

TOLD = ("nawm", "thalamus", "cortex", "lesions")
"""Regions that the sentences may speak of."""


def answer(material: Material) -> tuple[str, ...]:
    """The sentences, in the order in which a reader asks."""
    return (_raised(material), *_norm(material), *_smouldering(material), *_changed(material))


def region_in_sentence(material: Material, region: str) -> str:
    """One of `TOLD`, as it stands within a sentence."""
    say = material.say
    return {"nawm": say("NAWM"), "thalamus": say("thalamus"), "cortex": say("cortex"), "lesions": say("lesions")}[region]


def _raised(material: Material) -> str:
    mask = material.result.raised
    volume_ml = float(mask.array.sum()) * mask.voxel_ml
    if not volume_ml:
        return material.say("No white matter has a TSPO signal raised above the patient's own NAWM.")
    volume = number_words(volume_ml, 1)
    return material.say("TSPO signal is raised above the patient's own NAWM in {volume} mL of white matter.", volume=volume)


def _norm(material: Material) -> tuple[str, ...]:
    say, quantity = material.say, material.result.primary.quantity
    found = [(region, finding) for region in TOLD if (finding := material.result.finding(region, quantity)) and finding.norm]
    if not found:
        return ()
    above = [region_in_sentence(material, region) for region, f in found if f.norm and f.value > f.norm.high]
    below = [region_in_sentence(material, region) for region, f in found if f.norm and f.value < f.norm.low]
    if not above and not below:
        return (say("All headline numbers lie within the norm."),)
    told = (
        *((say("Above the norm: {regions}.", regions=", ".join(above)),) if above else ()),
        *((say("Below the norm: {regions}.", regions=", ".join(below)),) if below else ()),
    )
    return told


def _smouldering(material: Material) -> tuple[str, ...]:
    say, lesions = material.say, material.result.lesions
    if material.segmentation.lesion_origin is LesionOrigin.NONE:
        return (say("Lesions were not assessed."),)
    if not lesions:
        return (say("No lesion was found."),)
    if all(lesion.phenotype in (None, Phenotype.NOT_RESOLVABLE) for lesion in lesions):
        return (say("{count} lesions, none of whose rims could be told from its core.", count=len(lesions)),)
    active = sum(lesion.phenotype is Phenotype.RIM_ACTIVE for lesion in lesions)
    if not active:
        return (say("None of {count} lesions is called rim-active.", count=len(lesions)),)
    if active == 1:
        return (say("1 of {count} lesions is rim-active.", count=len(lesions)),)
    return (say("{active} of {count} lesions are rim-active.", active=active, count=len(lesions)),)


def _changed(material: Material) -> tuple[str, ...]:
    """The headline regions whose change exceeds the repeatability, or that none does."""
    quantity = material.result.primary.quantity
    changes = [c for c in material.history.changes if c.region in TOLD and c.quantity is quantity and c.lesion is None]
    judged = [change for change in changes if change.exceeds is not None]
    if not judged:
        return ()
    say, date = material.say, _date(material, judged[-1])
    more = [_region_and_difference(material, change) for change in judged if change.exceeds]
    if more:
        return (say("Since {date}, beyond repeatability: {changes}.", date=date, changes=", ".join(more)),)
    return (say("Since {date} nothing has changed beyond repeatability.", date=date),)


def _region_and_difference(material: Material, change: Change) -> str:
    sign = "+" if change.difference > 0 else ""
    return f"{region_in_sentence(material, change.region)} {sign}{number_words(change.difference)}"


def _date(material: Material, change: Change) -> str:
    return moment_words(next((v.scanned_at for v in material.history.visits if v.exam == change.since), None))[:10]
