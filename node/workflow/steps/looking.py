"""`Look`: what each series is that has come in, judged anew only when images of it have come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from node.assemble.header import from_json
from node.assemble.roles import Judgement, judge, made_here
from node.assemble.rules import Rules
from node.assemble.series import SeriesSummary, summarise
from node.domain.tracer import TracerProfile
from node.workflow.store.register import InstanceRegister, SeriesCount


@dataclass(frozen=True)
class Judged:
    """A series as it was when it had so many images; `source` and `called` are the AE titles of the association that began it."""

    count: SeriesCount
    summary: SeriesSummary
    judgement: Judgement
    source: str
    called: str


class Look:
    """Judges series by the site's rules, and remembers."""

    def __init__(self, register: InstanceRegister, rules: Rules, tracers: Mapping[str, TracerProfile]) -> None:
        self._register = register
        self._rules = rules
        self._tracers = tracers
        self._judged: dict[str, Judged] = {}

    def at(self, counts: Iterable[SeriesCount]) -> list[Judged]:
        """What these series are."""
        return [self._judge(count) for count in counts]

    def at_series(self, series_uid: str) -> tuple[SeriesSummary, Judgement]:
        """What a series is that is known to be here."""
        found = self._judge(self._register.series(series_uid)[0])
        return found.summary, found.judgement

    def has_pet(self, study_uid: str) -> bool:
        """Whether a study holds a PET that the site wants analysed."""
        items = self.at(self._register.series_of_studies([study_uid]))
        return any(item.judgement.wanted and item.summary.modality == "PT" for item in items)

    def _judge(self, count: SeriesCount) -> Judged:
        known = self._judged.get(count.series_uid)
        if known is None or known.count != count:
            rows = self._register.instances_of(count.series_uid)
            headers = [from_json(row.header) for row in rows if row.header is not None]
            summary = summarise(headers)
            if self._register.is_series_made_here(count.series_uid):
                judgement = made_here(summary)
            else:
                judgement = judge(summary, self._rules, self._tracers, source=rows[0].calling_ae)
            known = Judged(count, summary, judgement, rows[0].calling_ae, rows[0].called_ae)
            self._judged[count.series_uid] = known
        return known
