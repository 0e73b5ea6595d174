"""`Asking`: how many images the source has of each series of a study, asked where the site lets us.

The question goes out on a thread and never holds up the sweep; the answer becomes evidence when it is there. It is asked again when more
images have come, or after a pause that grows, as long as the source had more than is here or gave no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from node.domain.ports import Clock
from node.retrieve import SeriesFound, Source, find_images, find_series
from node.settings import PeerSection, Settings
from node.workflow.steps.looking import Judged
from node.workflow.steps.sources import source
from node.workflow.store.evidence import NO_ANSWER, Evidence, EvidenceKind, Said

log = structlog.get_logger()

FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 600.0
"""Between two questions about one study."""

QUESTIONS = 30
"""About one study: enough for a deadline of four hours."""

Count = Callable[[PeerSection, str, frozenset[str]], Sequence[SeriesFound]]
"""(peer, study UID, series that are here) → what the peer has of that study."""


@dataclass(frozen=True)
class Asked:
    """The last question about a study: with how many images here, when, and how many there were."""

    images: int
    at: datetime
    times: int


class Asking:
    """Asks about each study as often as it makes sense.

    Parameters
    ----------
    peers : those that may be asked, by the AE titles under which they send
    """

    def __init__(self, peers: Iterable[PeerSection], evidence: Evidence, clock: Clock, count: Count) -> None:
        self._peers = {title: peer for peer in peers if peer.ask != "nothing" for title in peer.ae_titles}
        self._evidence = evidence
        self._clock = clock
        self._count = count
        self._asked: dict[str, Asked] = {}
        self._running: dict[str, tuple[Said, Future[Sequence[SeriesFound]]]] = {}
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="asking")

    def collect(self) -> None:
        """Take in what was answered since."""
        for subject in [subject for subject, (_, future) in self._running.items() if future.done()]:
            word, future = self._running.pop(subject)
            error = future.exception()
            if error is None:
                self._evidence.answered(subject, [_counted(word, found) for found in future.result()])
            else:
                log.warning("a peer was asked for counts and gave none", peer=word.source, error=str(error))
                self._silent(word, str(error))

    def consider(self, items: Sequence[Judged]) -> None:
        """Ask about the studies of these series where it is time to."""
        for study in sorted({item.count.study_uid for item in items}):
            mine = [item for item in items if item.count.study_uid == study]
            peer = next((self._peers[item.source] for item in mine if item.source in self._peers), None)
            if peer is not None:
                self._ask(peer, study, mine)

    def close(self) -> None:
        """Ask nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, peer: PeerSection, study: str, items: Sequence[Judged]) -> None:
        subject, images, now = f"counts of {study} at {peer.name}", sum(item.count.images for item in items), self._clock.now()
        if subject in self._running or not self._is_time(self._asked.get(subject), images, now):
            return
        times = self._asked[subject].times if subject in self._asked else 0
        self._asked[subject] = Asked(images, now, times + 1)
        here = frozenset(item.count.series_uid for item in items)
        word = Said(EvidenceKind.COUNTED, peer.name, subject, study)
        self._running[subject] = word, self._threads.submit(self._count, peer, study, here)

    @staticmethod
    def _is_time(asked: Asked | None, images: int, now: datetime) -> bool:
        if asked is None:
            return True
        pause_s = FIRST_PAUSE_S if images != asked.images else min(FIRST_PAUSE_S * 2 ** (asked.times - 1), LONGEST_PAUSE_S)
        return asked.times < QUESTIONS and now - asked.at >= timedelta(seconds=pause_s)

    def _silent(self, word: Said, why: str) -> None:
        """A peer that does not answer is told of; what it answered before stands."""
        if not self._evidence.of_subject(word.subject):
            self._evidence.answered(word.subject, [replace(word, state=f"{NO_ANSWER}: {why}")])


def asking(settings: Settings, evidence: Evidence, clock: Clock) -> Asking:
    """As the site's settings have it."""

    def count(peer: PeerSection, study_uid: str, here: frozenset[str]) -> Sequence[SeriesFound]:
        return counted_series(peer, study_uid, here, settings)

    return Asking(settings.peer, evidence, clock, count)


def counted_series(peer: PeerSection, study_uid: str, here: frozenset[str], settings: Settings) -> tuple[SeriesFound, ...]:
    """The series of a study at a peer; those that are here are counted image by image where the peer has no counts.

    Raises
    ------
    NodeError : the peer does not answer, or not what was asked; a file of [tls] cannot be used
    """
    asked = source(peer, settings)
    found = find_series(asked, study_uid)
    return tuple(one if one.images is not None or one.series_uid not in here else _one_by_one(asked, one) for one in found)


def _one_by_one(asked: Source, one: SeriesFound) -> SeriesFound:
    return replace(one, images=len(find_images(asked, one.study_uid, one.series_uid)) or None)


def _counted(word: Said, found: SeriesFound) -> Said:
    said = replace(word, series_uid=found.series_uid, modality=found.modality)
    return replace(said, description=found.description, images=found.images)
