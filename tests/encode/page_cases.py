"""Exams that pages must cope with: much, little, long, failed, released, with norms and with an earlier visit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from encode_phantom import Phantom, Plan, make_phantom
from rich_phantom import rich_phantom

from node.domain.exam import Check, Gravity, LesionImport
from node.domain.history import Change, Fate, History, LesionChange, Visit
from node.domain.result import Finding, LesionOrigin, Norm, Phenotype, Quantity
from node.encode.headers import Maker
from node.encode.material import Material, gather
from node.encode.objects import EncodeOptions

LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff-WWWWWWWWW^Hubert Blaine WWWW"
"""As long as a name may be, in wide letters."""

WIDE = "WWWW WWW WWWWWWWW " * 3
"""A series' description in wide letters."""

SOURCE = "DVR of 12 people scanned twice, from test and retest (ours)"


def plain(tmp_path: Path) -> Material:
    return make_phantom(tmp_path).material()


def every_phenotype(tmp_path: Path) -> Material:
    return rich_phantom(tmp_path, Plan(lesions=6)).material()


def many_lesions(tmp_path: Path) -> Material:
    return make_phantom(tmp_path, Plan(lesions=110)).material()


def no_lesions(tmp_path: Path) -> Material:
    return make_phantom(tmp_path, Plan(lesions=0)).material()


def no_flair(tmp_path: Path) -> Material:
    phantom = make_phantom(tmp_path, Plan(flair=False, lesions=0))
    assert phantom.segmentation.lesion_origin is LesionOrigin.NONE
    return phantom.material()


def long_words(tmp_path: Path) -> Material:
    extra = (
        ("PatientID", "X" * 64),
        ("StudyDescription", "A very long description of a study of the brain in 64 letters"),
        ("SeriesDescription", "W" * 64),
        ("AccessionNumber", "8" * 16),
    )
    phantom = make_phantom(tmp_path, Plan(name=LONG_NAME, extra=extra))
    lesions = tuple(
        replace(lesion, place="a place with many words in its name", note=f"note {lesion.number} " * 12)
        for lesion in phantom.result.lesions
    )
    return phantom.with_result(
        headline="TSPO signal is raised in the thalamus, the cortex and in lesions. " * 5, lesions=lesions
    ).material()


def failed_checks(tmp_path: Path) -> Material:
    checks = tuple(
        Check(f"c{i}", i % 3 == 0, f"Check {i}: " + "found much more than was seen before. " * (1 + i % 4), list(Gravity)[i % 3])
        for i in range(24)
    )
    reasons = ("Something was not computed, and here is why. " * 60,) * 2
    return make_phantom(tmp_path).with_result(checks=checks, not_computed=reasons).material()


def no_warning(tmp_path: Path) -> Material:
    return (
        make_phantom(tmp_path).with_result(checks=(Check("c", True, "The PET lies on the T1.", Gravity.HOLD),), not_computed=()).material()
    )


def no_suv(tmp_path: Path) -> Material:
    phantom = make_phantom(tmp_path)
    findings = tuple(f for f in phantom.result.findings if f.quantity is Quantity.SUVR)
    return phantom.with_result(findings=findings, not_computed=("SUV was not computed: the header has no weight.",)).material()


def many_regions(tmp_path: Path) -> Material:
    phantom = make_phantom(tmp_path)
    findings = tuple(
        Finding(f"region_number_{i}", q, 1.0, "1", 0.1, f"basis {i}") for i in range(30) for q in (Quantity.SUVR, Quantity.SUV)
    )
    return phantom.with_result(findings=findings).material()


def with_norms(tmp_path: Path) -> Material:
    """The thalamus (1.14) above its norm, the NAWM (1.57) below, the cortex (1.86) within."""
    norms = {
        "thalamus": Norm(1.0, 0.9, 1.1, 2.8, "norm of the clinic, n = 30"),
        "nawm": Norm(1.7, 1.6, 1.8, -2.6, "norm of the clinic, n = 30"),
    }
    norms["cortex"] = Norm(1.8, 1.7, 2.0, None, "norm of the clinic, n = 30")
    phantom = rich_phantom(tmp_path)
    findings = tuple(
        replace(f, norm=norms[f.region]) if f.region in norms and f.quantity is Quantity.SUVR and not f.partial_volume else f
        for f in phantom.result.findings
    )
    return phantom.with_result(findings=findings).material()


def with_a_visit(tmp_path: Path) -> Material:
    """Thalamus changed beyond repeatability, NAWM not; lesion 1 grown, 2 new, 9 vanished."""
    changes = (
        Change("thalamus", Quantity.SUVR, 1.02, 1.14, "1", "E-000000", 0.09, SOURCE),
        Change("nawm", Quantity.SUVR, 1.59, 1.57, "1", "E-000000", 0.05, SOURCE),
        Change("cortex", Quantity.SUVR, 1.85, 1.86, "1", "E-000000", None, "nobody has published it"),
    )
    lesions = (
        LesionChange(1, Fate.ENLARGED, "E-000000", 5.1, 7.2, Phenotype.INACTIVE, Phenotype.RIM_ACTIVE),
        LesionChange(2, Fate.NEW, "E-000000", None, 0.5, None, Phenotype.OVERALL_ACTIVE),
        LesionChange(9, Fate.VANISHED, "E-000000", 0.31, None, Phenotype.INACTIVE, None),
    )
    phantom = rich_phantom(tmp_path)
    visit = Visit("E-000000", datetime.fromisoformat("2023-03-01 10:00"), "1.2.3.0", "[18F]DPA-714", "SUVR", phantom.result.findings, ())
    return remembered(phantom, History((visit,), changes, lesions))


def crowded(tmp_path: Path) -> Material:
    """Everything at once: a visit, changes everywhere, long descriptions, an imported SEG, a released exam, much that was not computed."""
    phantom = rich_phantom(tmp_path, Plan(lesions=6))
    checks = tuple(
        Check(f"c{i}", False, f"Check {i}: " + "found much more than was seen before. " * 3, list(Gravity)[i % 3]) for i in range(12)
    )
    result = replace(
        phantom.result, headline=phantom.result.headline * 12, checks=checks, not_computed=("Not this: and here is why; and more.",) * 9
    )
    pet, t1 = phantom.exam.pet, phantom.exam.t1
    exam = replace(
        phantom.exam,
        pet=replace(pet, source=replace(pet.source, description=WIDE)),
        t1=replace(t1, source=replace(t1.source, description=WIDE)),
        lesions=LesionImport(phantom.segmentation.lesions, replace(t1.source, description=WIDE), "Reader"),
    )
    phantom = replace(phantom, exam=exam, result=result)
    changes = tuple(Change(region, Quantity.SUVR, 1.0, 1.3, "1", "E-000000", 0.05, SOURCE) for region in ("nawm", "thalamus", "cortex"))
    lesions = tuple(LesionChange(n, list(Fate)[n % 5], "E-000000", 1.0, 1.0) for n in range(1, 7))
    visit = Visit("E-000000", datetime.fromisoformat("2023-03-01 10:00"), "1.2.3.0", "[18F]DPA-714", "SUVR", phantom.result.findings, ())
    return remembered(phantom, History((visit,), changes, lesions))


def remembered(phantom: Phantom, history: History) -> Material:
    """The phantom's material with a history."""
    maker = Maker(phantom.result.provenance, EncodeOptions(), phantom.storage)
    return gather(*phantom.parts, storage=phantom.storage, maker=maker, history=history)


CASES = (
    *(plain, every_phenotype, many_lesions, no_lesions, no_flair, long_words, failed_checks, no_warning),
    *(no_suv, many_regions, with_norms, with_a_visit, crowded),
)
