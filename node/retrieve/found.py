"""What is asked of a peer, and what it answers, as nouns: nothing beyond this file knows a data set. No name of a patient is among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class PersonFound:
    """Whose a study is, as the peer says; empty or none where it does not."""

    patient_id: str
    issuer: str
    birth_date: date | None
    sex: str


@dataclass(frozen=True)
class StudyFound:
    """One study at a peer.

    Parameters
    ----------
    at : StudyDate and StudyTime, local time of the hospital
    modalities : ModalitiesInStudy; empty where the peer does not say
    series, images : how many there are; none where the peer does not say
    """

    study_uid: str
    person: PersonFound
    at: datetime | None
    description: str
    modalities: tuple[str, ...]
    series: int | None
    images: int | None


@dataclass(frozen=True)
class SeriesFound:
    """One series at a peer; `images` is none where the peer does not say how many there are."""

    study_uid: str
    series_uid: str
    modality: str
    description: str
    body_part: str
    number: int | None
    images: int | None


@dataclass(frozen=True)
class ImageFound:
    """One instance at a peer."""

    sop_instance_uid: str
    sop_class_uid: str


@dataclass(frozen=True)
class Question:
    """Whose studies are sought, and of which days (both inclusive, none for any)."""

    patient_id: str
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Wanted:
    """What is to be fetched: a series, or some of its images by SOP Instance UID.

    Parameters
    ----------
    patient_id : of whom it must be; empty where that is not known
    """

    study_uid: str
    series_uid: str
    patient_id: str = ""
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fetched:
    """How a fetch ended that was not cut off.

    Parameters
    ----------
    kept : images that came and are durable here; by C-MOVE, those that the peer says our receiver took
    turned_away : images that came and were not what was asked for; none of them was kept
    failed : images that the peer could not send
    """

    kept: int
    turned_away: int = 0
    failed: int = 0
