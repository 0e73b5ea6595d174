"""`Searching`: asks the peers for what an exam lacks, and puts what they offer in order, best first.

What a series is cannot be known from a peer's answer: its description is a hint for the order, nothing more. Whose it is must be known: a
study whose birth date, sex or issuer differs from the PET's is not fetched, and the story says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from node.assemble.header import Header, from_json
from node.assemble.rules import Rules
from node.errors import DataError, NodeError
from node.retrieve import PersonFound, Question, SeriesFound, Source, StudyFound, find_series, find_studies
from node.settings import Settings
from node.workflow.states import ENDED
from node.workflow.steps.sources import sources
from node.workflow.store.database import Store
from node.workflow.store.retrievals import PRIORS, Offer, SearchRow
from node.workflow.store.rows import ExamRow

FIRST_PAUSE_S, LONGEST_PAUSE_S = 300.0, 3600.0
"""Until the peers are asked again for what they did not have."""

HINTS = {
    "T1": re.compile(r"t1|mp2?rage|bravo|spgr|tfe|flash|ir.?fspgr", re.IGNORECASE),
    "FLAIR": re.compile(r"flair|tirm|dark.?fluid", re.IGNORECASE),
    "PET": re.compile(r"", re.IGNORECASE),
}
"""What people call series that may fill a role: they are tried first."""

FEW = 20
"""Series with fewer images are tried last: localizers, maps; an enhanced one has few as well."""


@dataclass(frozen=True)
class _Seen:
    """A series at a peer, in its study; `here` of its images are here already."""

    source: Source
    study: StudyFound
    series: SeriesFound
    here: int


class Searching:
    """Asks one question at a time."""

    def __init__(self, settings: Settings, store: Store, rules: Rules) -> None:
        self._settings = settings
        self._store = store
        self._rules = rules

    def ask(self, search: SearchRow, now: datetime) -> None:
        """Ask every peer, and write down what they offer; what a peer does not answer is told, and asked again."""
        exam = self._store.exams.get(search.exam)
        if exam.version != search.version or exam.plan is not None or exam.state in ENDED:
            self._store.retrievals.searched(search, "no longer needed", (), next_at=None)
            return
        header = self._header(exam)
        seen, notes = self._seen(search.purpose, exam, header)
        offers = [_offer(search, one, header) for one in self._ordered(search.purpose, exam, header, seen)]
        told = "; ".join([f"{len(offers)} series offered as {search.purpose}", *_counted(notes)])
        pause_s = min(FIRST_PAUSE_S * 2**search.tries, LONGEST_PAUSE_S)
        again = now + timedelta(seconds=pause_s) if search.purpose != PRIORS or any(" answered" in note for note in notes) else None
        self._store.retrievals.searched(search, told, offers, next_at=again)
        if told != search.told:
            self._store.exams.note(exam.number, f"peers were asked: {told}")

    def _header(self, exam: ExamRow) -> Header:
        """Of the PET: whose it is, and when it was measured.

        Raises
        ------
        DataError : it is no longer here
        """
        for count in self._store.register.series_of_studies([exam.anchor]):
            for row in self._store.register.instances_of(count.series_uid)[:1]:
                if row.header is not None and (header := from_json(row.header)).modality == "PT":
                    return header
        raise DataError(f"{exam.name}: expected the PET of study {exam.anchor}; found none of it here")

    def _seen(self, purpose: str, exam: ExamRow, header: Header) -> tuple[list[_Seen], list[str]]:
        notes: list[str] = []
        seen: list[_Seen] = []
        question = self._question(purpose, header)
        if not header.person.patient_id or question is None:
            return [], ["the PET says no patient ID, or no date, by which peers could be asked"]
        for source in sources(self._settings):
            try:
                seen += self._of_source(source, question, purpose, exam, header, notes)
            except NodeError as error:
                notes.append(f"{source.name} has not answered: {error}")
        return seen, notes

    def _of_source(
        self, source: Source, question: Question, purpose: str, exam: ExamRow, header: Header, notes: list[str]
    ) -> Iterator[_Seen]:
        for study in find_studies(source, question):
            differing = _differing(header, study.person)
            if differing and study.study_uid != exam.anchor:
                notes.append(f"a study at {source.name} has the same patient ID and differs in {differing}: not fetched")
            elif not study.modalities or _modality(purpose) in study.modalities:
                for series in find_series(source, study.study_uid):
                    yield _Seen(source, study, series, self._here(series))

    def _question(self, purpose: str, header: Header) -> Question | None:
        at = header.acquired_at or header.series_at or header.study_at
        if at is None:
            return None
        day = at.date()
        if purpose == PRIORS:
            first = day - timedelta(days=365.25 * self._settings.retrieve.prior_years)
            return Question(header.person.patient_id, first, day - timedelta(days=1))
        within = timedelta(days=self._rules.mr_within_days)
        return Question(header.person.patient_id, day - within, day + within)

    def _ordered(self, purpose: str, exam: ExamRow, header: Header, seen: Iterable[_Seen]) -> list[_Seen]:
        """Those that may be it and are not here, each once, best first."""
        day = (header.acquired_at or header.series_at or header.study_at or datetime.min).date()  # noqa: DTZ901
        fitting = {one.series.series_uid: one for one in seen if self._may_fit(purpose, exam, one)}
        hint = HINTS.get(purpose, HINTS["PET"])
        return sorted(fitting.values(), key=lambda one: _rank(one, hint, exam.anchor, day))

    def _may_fit(self, purpose: str, exam: ExamRow, one: _Seen) -> bool:
        series = one.series
        if series.modality != _modality(purpose) or (purpose == "PET" and series.study_uid != exam.anchor):
            return False
        if purpose == PRIORS and self._has_ended(series.study_uid):
            return False  # it is compared with what is here of it; fetched again, it would be the same exam and not begin anew
        words = series.description.replace("_", " ")
        never = any(pattern.search(words) for pattern in self._rules.never_descriptions) if purpose != PRIORS else False
        whole = one.here > 0 and (series.images is None or one.here >= series.images)
        return not never and not whole and series.body_part.upper() not in self._rules.never_body_parts

    def _has_ended(self, study_uid: str) -> bool:
        number = self._store.register.exam_of(study_uid)
        return number is not None and self._store.exams.get(number).state in ENDED

    def _here(self, series: SeriesFound) -> int:
        return sum(count.images for count in self._store.register.series(series.series_uid))


def _modality(purpose: str) -> str:
    return "PT" if purpose in ("PET", PRIORS) else "MR"


def _rank(one: _Seen, hint: re.Pattern[str], anchor: str, day: date) -> tuple[bool, bool, bool, bool, int, int, str]:
    """What is here in part comes first; then what is called so; then the PET's own study; then the nearest in time."""
    series, apart = one.series, 10**6 if one.study.at is None else abs((one.study.at.date() - day).days)
    images = series.images or 0
    unlike = hint.search(series.description) is None
    return one.here == 0, unlike, images < FEW, one.study.study_uid != anchor, apart, -images, series.series_uid


def _differing(header: Header, found: PersonFound) -> str:
    """In what the peer's answer differs from the PET; what a side does not say differs from nothing."""
    person = header.person
    pairs = (
        ("issuer of the patient ID", person.issuer, found.issuer),
        ("birth date", person.birth_date, found.birth_date),
        ("sex", person.sex, found.sex),
    )
    return ", ".join(what for what, ours, theirs in pairs if ours and theirs and ours != theirs)


def _offer(search: SearchRow, one: _Seen, header: Header) -> Offer:
    return Offer(
        exam=search.exam,
        version=search.version,
        purpose=search.purpose,
        asked_by="the node",
        peer=one.source.name,
        patient_id=header.person.patient_id,
        study_uid=one.study.study_uid,
        series_uid=one.series.series_uid,
        modality=one.series.modality,
        description=one.series.description,
        expected=one.series.images,
    )


def _counted(notes: Iterable[str]) -> list[str]:
    return [note if n == 1 else f"{note} ({n} times)" for note, n in Counter(notes).items()]
