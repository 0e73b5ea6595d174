"""The planned series become one Exam, with what a person corrected and what the site's list says of the genotype."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filed import record
from pydicom.dataset import Dataset

from node import settings as settings_module
from node.assemble.header import read_header, to_json
from node.domain.correction import Correctable
from node.domain.exam import Exam
from node.domain.ports import Received
from node.errors import ConflictError, DataError, SettingsError
from node.settings import Settings
from node.workflow.states import State, Verb
from node.workflow.steps.compute import ComputeSteps
from node.workflow.steps.correcting import correct
from node.workflow.steps.reading import read_planned
from node.workflow.store.database import Store
from node.workflow.store.register import HeaderRow
from tests.assemble.assemble_dicom import MR_SERIES, PET_SERIES, STUDY, mr_series, pet_series, write

HEAD = "patient_id,issuer,genotype,source\n"


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Site:
    """A site with one exam, begun: an unknown genotype, 70 kg, 200 MBq."""

    folder: Path
    store: Store
    settings: Settings

    def begin(self) -> None:
        series = {"PET": {"series_uid": PET_SERIES}, "T1": {"series_uid": MR_SERIES}}
        self.store.exams.move(1, State.RECEIVED, "complete", plan={"series": series}, made_at="2026-03-01T12:00:00+00:00")

    def correct(self, values: dict[Correctable, str], *undo: Correctable) -> Exam:
        correct(self.store, self.store.exams.get(1), values, undo=undo, author="A. Smith", reason="typing error")
        self.begin()
        return self.read()

    def read(self) -> Exam:
        return read_planned(self.store.exams.get(1), self.settings, self.store)

    def list_genotypes(self, rows: str) -> None:
        (self.folder / "genotypes.csv").write_text(HEAD + rows, encoding="utf-8")


def make_site(tmp_path: Path, pet: Sequence[Dataset]) -> Site:
    shipped = settings_module.shipped_folder()
    places = "".join(f'{name} = "{shipped / place}"\n' for name, place in (("rules", "rules.toml"), ("tracers", "tracers")))
    text = f'[node]\nstorage = "storage"\n[analysis]\n{places}genotypes = "genotypes.csv"\n'
    (tmp_path / "node.toml").write_text(text, encoding="utf-8")
    settings = settings_module.load(tmp_path / "node.toml", {})
    settings.node.storage.mkdir()
    store = Store(settings.node.storage, StoppedClock())
    store.migrate()
    for dataset in (*pet, *mr_series()):
        path = write(dataset, settings.node.storage / f"{dataset.SOPInstanceUID}.dcm")
        header = read_header(path)
        uid = header.sop_instance_uid
        record(
            store,
            Received(
                uid,
                header.sop_class_uid,
                "1.2.840.10008.1.2.1",
                "0" * 64,
                10,
                path.name,
                "A",
                "PET",
                "EMBER",
                "x",
                datetime(2026, 5, 4, tzinfo=UTC),
            ),
        )
        store.register.headers_read([HeaderRow(uid, "P-1", STUDY, header.series_uid, to_json(header), None)])
    store.exams.create(anchor=STUDY, patient_key="P-1", text="new")
    made = Site(tmp_path, store, settings)
    made.list_genotypes("")
    made.begin()
    return made


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = make_site(tmp_path, pet_series())
    yield made
    made.store.close()


def test_a_person_whom_the_list_does_not_name_has_no_genotype(site: Site) -> None:
    subject = site.read().subject
    assert (subject.genotype, subject.genotype_source) == (None, "")


def test_the_list_is_read_anew_for_every_exam(site: Site) -> None:
    site.list_genotypes("P-1,,MAB,blood 2026-02\n")
    subject = site.read().subject
    assert (subject.genotype, subject.genotype_source) == ("MAB", "genotypes.csv: blood 2026-02")


def test_what_a_person_says_of_the_genotype_beats_the_list(site: Site) -> None:
    site.list_genotypes("P-1,,MAB,blood 2026-02\n")
    said = site.correct({Correctable.GENOTYPE: "HAB"}).subject
    assert (said.genotype, said.genotype_source) == ("HAB", "corrected by A. Smith: typing error")
    unknown = site.correct({Correctable.GENOTYPE: "unknown"}).subject
    assert unknown.genotype is None
    assert "A. Smith" in unknown.genotype_source
    assert site.correct({}, Correctable.GENOTYPE).subject.genotype == "MAB"


def test_a_list_with_a_mistake_stops_the_exam_and_names_nobody(site: Site) -> None:
    site.list_genotypes("P-1,,MAB,\n")
    with pytest.raises(SettingsError, match="line 2") as caught:
        site.read()
    assert "P-1" not in str(caught.value)


def test_a_corrected_value_is_used_until_it_is_taken_back(site: Site) -> None:
    assert site.read().subject.weight_kg == 70.0
    corrected = site.correct({Correctable.WEIGHT: "71.5", Correctable.ACTIVITY: "250"})
    assert corrected.subject.weight_kg == 71.5
    assert corrected.pet.administration.activity_bq == pytest.approx(250e6)
    assert {one.what for one in corrected.corrections} == {Correctable.WEIGHT, Correctable.ACTIVITY}
    assert "A. Smith" in " ".join(check.message for check in corrected.checks)
    again = site.correct({}, Correctable.WEIGHT)
    assert again.subject.weight_kg == 70.0
    assert again.pet.administration.activity_bq == pytest.approx(250e6)


def test_a_time_that_had_an_exam_rejected_is_put_right(tmp_path: Path) -> None:
    pet = pet_series()
    for dataset in pet:
        (item,) = dataset.RadiopharmaceuticalInformationSequence
        item.RadiopharmaceuticalStartDateTime, item.RadiopharmaceuticalStartTime = "20240305142000", "142000"
    site = make_site(tmp_path, pet)
    with pytest.raises(DataError, match="after the start of the scan"):
        site.read()
    right = datetime.fromisoformat("2024-03-05 10:20:00")
    assert site.correct({Correctable.INJECTED_AT: right.isoformat()}).pet.administration.injected_at == right
    assert site.store.corrections.of_exam(1)[0].header == "2024-03-05T14:20:00"
    site.store.close()


def test_other_words_of_a_person_are_another_provenance(site: Site) -> None:
    steps = ComputeSteps(site.settings, site.store, lambda text: None)
    before = steps._provenance(site.store.exams.get(1), ())
    site.correct({Correctable.WEIGHT: "71.5"})
    after = steps._provenance(site.store.exams.get(1), ())
    assert before.parameters == ()
    assert after.parameters == (("corrected weight", "71.5, by A. Smith: typing error"),)
    assert after.version == before.version + 1


def test_a_version_that_was_overtaken_before_its_step_began_is_not_computed(site: Site) -> None:
    steps = ComputeSteps(site.settings, site.store, lambda text: None)
    site.correct({Correctable.WEIGHT: "71.5"})
    with pytest.raises(ConflictError, match="version 1 was ordered"):
        steps.run(Verb.REFUSE, 1, 1)
    assert site.store.deliveries.of_exam(1, 2) == ()
    assert not list(site.settings.node.storage.glob("exams/E00001/*/*"))
