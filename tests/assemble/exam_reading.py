"""What the tests of read_exam share: an exam of some datasets, its failed Checks, another radiopharmaceutical."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assemble_dicom import headers, mr_series, profiles, store
from pydicom.dataset import Dataset

from node.assemble.read import read_exam
from node.assemble.roles import Judgement, judge
from node.assemble.rules import load_rules
from node.assemble.series import summarise
from node.domain.exam import Exam
from node.settings import shipped_folder

RULES = load_rules(tomllib.loads((shipped_folder() / "rules.toml").read_text(encoding="utf-8")))
TRACERS = profiles()


def read(folder: Path, pet: Sequence[Dataset], t1: Sequence[Dataset] | None = None, **others: Any) -> Exam:
    """The exam of these series."""
    given = {name: store(datasets, folder) for name, datasets in others.items() if name in ("flair", "lesion_seg")}
    options = {name: value for name, value in others.items() if name not in given}
    mr = store(mr_series() if t1 is None else t1, folder)
    judgement = judge(summarise(headers(pet)), RULES, TRACERS)
    taken = judgement if judgement.tracer else Judgement(None, True, "dpa714", "code", "")
    return read_exam(pet=store(pet, folder), t1=mr, judgement=taken, storage=folder, rules=RULES, tracers=TRACERS, **given, **options)


def failed(exam: Exam) -> set[str]:
    """Names of the Checks that did not pass."""
    return {check.name for check in exam.checks if not check.passed}


def drug(datasets: Sequence[Dataset], **changes: Any) -> list[Dataset]:
    """The PET with other radiopharmaceutical attributes; None leaves one out. A date-time takes its time of day with it."""
    instant = changes.get("RadiopharmaceuticalStartDateTime")
    if isinstance(instant, str):
        changes.setdefault("RadiopharmaceuticalStartTime", instant[8:].strip())
    for dataset in datasets:
        (item,) = dataset.RadiopharmaceuticalInformationSequence
        for keyword, value in changes.items():
            if value is None:
                delattr(item, keyword)
            else:
                setattr(item, keyword, value)
    return list(datasets)
