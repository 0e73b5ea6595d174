"""`Retrievals`: what peers were asked for, which series they offer, and what became of each that was fetched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa

from node.domain.ports import Clock
from node.workflow.store.tables import retrievals, searches

PRIORS = "priors"
"""The purpose of fetching earlier exams; the others are names of roles."""

BY_HAND = "by hand"
"""The purpose of what a person asked for."""


class RetrievalState(Enum):
    """Where a series stands that a peer has."""

    OFFERED = "offered"  #: found at the peer; fetched when it is needed
    WANTED = "wanted"  #: to be fetched
    RUNNING = "running"  #: being fetched
    FETCHED = "fetched"  #: the peer has sent all of it
    PARTLY = "partly fetched"  #: the peer has sent what it could
    LEFT = "left"  #: not fetched: it is here already, or beyond what the site allows
    FAILED = "failed"  #: given up


ACTIVE = (RetrievalState.WANTED, RetrievalState.RUNNING)


@dataclass(frozen=True)
class SearchRow:
    """A question of one version of an exam; `next_at` is none where it is not to be asked (again)."""

    id: int
    exam: int
    version: int
    purpose: str
    tries: int
    told: str
    next_at: datetime | None


@dataclass(frozen=True)
class Offer:
    """A series at a peer that may be fetched.

    Parameters
    ----------
    exam, version : none where a person asked for it
    asked_by : who asked: the node, or a person
    patient_id : of whom every image must be; empty where that is not known
    expected : how many images the peer says there are
    """

    exam: int | None
    version: int | None
    purpose: str
    asked_by: str
    peer: str
    patient_id: str
    study_uid: str
    series_uid: str
    modality: str
    description: str
    expected: int | None


@dataclass(frozen=True)
class RetrievalRow(Offer):
    """An offer, and where it stands."""

    id: int
    kept: int
    state: RetrievalState
    told: str
    tries: int
    created_at: datetime
    updated_at: datetime
    next_at: datetime | None


class Retrievals:
    """The rows of searches and retrievals."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._clock = clock

    def search(self, exam: int, version: int, purpose: str) -> SearchRow:
        """The question of that purpose, to be asked now where it is new."""
        mine = sa.and_(searches.c.exam == exam, searches.c.version == version, searches.c.purpose == purpose)
        with self._reading.begin() as connection:
            known = connection.execute(sa.select(searches).where(mine)).first()
        if known is None:
            now = self._clock.now().isoformat()
            row = {"exam": exam, "version": version, "purpose": purpose, "tries": 0, "told": "", "created_at": now, "next_at": now}
            with self._engine.begin() as connection:
                connection.execute(searches.insert().prefix_with("OR IGNORE", dialect="sqlite").values(row))
                known = connection.execute(sa.select(searches).where(mine)).one()
        return _search(known)

    def due_search(self) -> SearchRow | None:
        """The question whose time has come first."""
        query = sa.select(searches).where(searches.c.next_at <= self._clock.now().isoformat()).order_by(searches.c.next_at).limit(1)
        with self._reading.begin() as connection:
            row = connection.execute(query).first()
        return None if row is None else _search(row)

    def searched(self, search: SearchRow, told: str, offers: Iterable[Offer], *, next_at: datetime | None) -> None:
        """A question was asked: what was found, once each, and when it is asked again."""
        values = {"tries": search.tries + 1, "told": told, "next_at": next_at.isoformat() if next_at else None}
        with self._engine.begin() as connection:
            connection.execute(searches.update().where(searches.c.id == search.id).values(values))
            state = RetrievalState.WANTED if search.purpose == PRIORS else RetrievalState.OFFERED
            for offer in offers:
                mine = [retrievals.c[name] == getattr(offer, name) for name in ("exam", "version", "purpose", "peer", "series_uid")]
                if connection.execute(sa.select(retrievals.c.id).where(*mine)).first() is None:
                    self._insert(connection, offer, state)

    def ask(self, offers: Iterable[Offer]) -> tuple[int, ...]:
        """A person wants these fetched, all or none; returns their numbers."""
        with self._engine.begin() as connection:
            return tuple(self._insert(connection, offer, RetrievalState.WANTED) for offer in offers)

    def want(self, number: int) -> None:
        """What was offered is needed now."""
        self._set(number, RetrievalState.WANTED, next_at=self._clock.now().isoformat())

    def due(self) -> RetrievalRow | None:
        """What is to be fetched next."""
        now = self._clock.now().isoformat()
        query = sa.select(retrievals).where(retrievals.c.next_at <= now).order_by(retrievals.c.next_at, retrievals.c.id).limit(1)
        with self._reading.begin() as connection:
            row = connection.execute(query).first()
        return None if row is None else _retrieval(row)

    def begin(self, number: int) -> None:
        """It is being fetched. Where the process ends in the middle, it stays due, and is begun again."""
        self._set(number, RetrievalState.RUNNING, tries=retrievals.c.tries + 1)

    def progress(self, number: int, kept: int) -> None:
        """So many images have come."""
        self._set(number, RetrievalState.RUNNING, kept=kept)

    def end(self, number: int, state: RetrievalState, told: str, **columns: Any) -> None:
        """How it ended."""
        self._set(number, state, told=told, next_at=None, **columns)

    def again(self, number: int, told: str, next_at: datetime) -> None:
        """It did not work now, and is tried again."""
        self._set(number, RetrievalState.WANTED, told=told, next_at=next_at.isoformat())

    def of_exam(self, exam: int, version: int) -> tuple[RetrievalRow, ...]:
        """What was offered to a version of an exam, in the order in which it is to be tried."""
        return self._some(sa.and_(retrievals.c.exam == exam, retrievals.c.version == version))

    def some(self, numbers: Iterable[int]) -> tuple[RetrievalRow, ...]:
        """These."""
        return self._some(retrievals.c.id.in_(list(numbers)))

    def last(self, limit: int = 100) -> tuple[RetrievalRow, ...]:
        """What was to be fetched last, newest first; without what is merely offered."""
        query = sa.select(retrievals).where(retrievals.c.state != RetrievalState.OFFERED.value)
        with self._reading.begin() as connection:
            rows = connection.execute(query.order_by(retrievals.c.updated_at.desc(), retrievals.c.id.desc()).limit(limit))
            return tuple(_retrieval(row) for row in rows)

    def is_prior(self, study_uid: str) -> bool:
        """Whether a study came, or comes, as an earlier exam of another one."""
        return bool(self._some(sa.and_(retrievals.c.study_uid == study_uid, retrievals.c.purpose == PRIORS)))

    def studies_since(self, at: datetime) -> frozenset[str]:
        """Studies of which the node itself has fetched anything since."""
        mine = sa.and_(retrievals.c.updated_at >= at.isoformat(), retrievals.c.tries > 0, retrievals.c.purpose != BY_HAND)
        return frozenset(row.study_uid for row in self._some(mine))

    def _insert(self, connection: sa.Connection, offer: Offer, state: RetrievalState) -> int:
        now = self._clock.now().isoformat()
        times = {"created_at": now, "updated_at": now, "next_at": now if state is RetrievalState.WANTED else None}
        row = vars(offer) | {"kept": 0, "state": state.value, "told": "", "tries": 0} | times
        key = connection.execute(retrievals.insert().values(row)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def _set(self, number: int, state: RetrievalState, **columns: Any) -> None:
        values = {"state": state.value, "updated_at": self._clock.now().isoformat(), **columns}
        with self._engine.begin() as connection:
            connection.execute(retrievals.update().where(retrievals.c.id == number).values(values))

    def _some(self, condition: sa.ColumnElement[bool]) -> tuple[RetrievalRow, ...]:
        with self._reading.begin() as connection:
            return tuple(_retrieval(row) for row in connection.execute(sa.select(retrievals).where(condition).order_by(retrievals.c.id)))


def _search(row: sa.Row[Any]) -> SearchRow:
    columns = {name: row._mapping[name] for name in SearchRow.__dataclass_fields__}
    return SearchRow(**columns | {"next_at": _time(columns["next_at"])})


def _retrieval(row: sa.Row[Any]) -> RetrievalRow:
    columns = dict(row._mapping)
    times = {name: _time(columns[name]) for name in ("created_at", "updated_at", "next_at")}
    return RetrievalRow(**columns | times | {"state": RetrievalState(columns["state"])})


def _time(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
