"""`ember fetch`: look at what a peer has, and have the running node fetch it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.commands.opening import as_json, author_of, local, settings_of, store_of, width
from node.errors import DataError

if TYPE_CHECKING:
    from node.retrieve import SeriesFound, Source, StudyFound
    from node.workflow.store.database import Store
    from node.workflow.store.retrievals import Offer, RetrievalRow


@click.command()
@click.option("--peer", metavar="NAME", help="The [[peer]] of the settings that is asked.")
@click.option("--study", "studies", metavar="UID", multiple=True, help="Study Instance UID.")
@click.option("--series", "series", metavar="UID", multiple=True, help="Of these studies, only these series.")
@click.option(
    "--patient", is_flag=True, help="Ask for the patient ID on standard input, so that no shell remembers it, and show the studies."
)
@click.option("--dry-run", is_flag=True, help="Show what would be fetched.")
@click.option("--by", metavar="NAME", help="Who asks. Without it the login name, called one.")
@as_json
@click.pass_obj
def fetch(
    config: Path,
    peer: str | None,
    studies: tuple[str, ...],
    series: tuple[str, ...],
    by: str | None,
    *,
    patient: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fetch studies from a peer. Without --peer: show the last fetches and what became of each."""
    if peer is None and (studies or series or patient or dry_run):
        raise click.UsageError('say whom to ask: --peer NAME, of a [[peer]] with ask = "images"')
    settings = settings_of(config)
    store = store_of(settings)
    if peer is None:
        _show(store.retrievals.last(), as_json=as_json)
        return
    from node.workflow.steps.sources import source_named

    if not (patient or studies):
        raise click.UsageError("say which study: --study UID; --patient shows those of a patient")
    source = source_named(settings, peer)
    patient_id = click.prompt("Patient ID", err=True) if patient else ""
    found = _found(source, studies, patient_id)
    lines = [(study, one, _here(store, one)) for study in found for one in _series(source, study, series)]
    _print(lines, as_json=as_json)
    offers = [_offer(source, study, one, author_of(by)) for study, one, here in lines if here != one.images]
    if dry_run or not studies or not offers:
        return
    numbers = store.retrievals.ask(offers)
    click.echo(f"{len(numbers)} series are fetched by the running node; `ember fetch` shows how far it is.", err=True)


def _found(source: Source, studies: Sequence[str], patient_id: str) -> list[StudyFound]:
    from node.retrieve import Question, find_studies, find_study

    if not studies:
        return list(find_studies(source, Question(patient_id)))
    found = [(uid, find_study(source, uid)) for uid in studies]
    missing = [uid for uid, study in found if study is None or (patient_id and study.person.patient_id != patient_id.strip())]
    if missing:
        raise DataError(f"{source.name} has no study {', '.join(missing)}{' of this patient' if patient_id else ''}")
    return [study for _, study in found if study is not None]


def _series(source: Source, study: StudyFound, wanted: Sequence[str]) -> list[SeriesFound]:
    from node.retrieve import find_series

    return [one for one in find_series(source, study.study_uid) if not wanted or one.series_uid in wanted]


def _here(store: Store, series: SeriesFound) -> int:
    return sum(count.images for count in store.register.series(series.series_uid))


def _offer(source: Source, study: StudyFound, one: SeriesFound, by: str) -> Offer:
    from node.workflow.store.retrievals import BY_HAND, Offer

    words = (source.name, study.person.patient_id, study.study_uid, one.series_uid, one.modality, one.description)
    return Offer(None, None, BY_HAND, by, *words, one.images)


def _print(lines: Sequence[tuple[StudyFound, SeriesFound, int]], *, as_json: bool) -> None:
    if as_json:
        rows = [vars(one) | {"date": study.at and study.at.date().isoformat(), "here": here} for study, one, here in lines]
        click.echo(json.dumps(rows, indent=1))
        return
    from node.workflow.story import columns

    studies = dict.fromkeys((study.study_uid, f"  {study.at:%Y-%m-%d}" if study.at else "") for study, _, _ in lines)
    tables = [
        f"Study {uid}{date}\n" + columns(SERIES_HEAD, [_line(one, here) for study, one, here in lines if study.study_uid == uid], width())
        for uid, date in studies
    ]
    click.echo("\n\n".join(tables) or "Nothing found.")


SERIES_HEAD = ("", "IMAGES", "HERE", "SERIES")


def _line(one: SeriesFound, here: int) -> tuple[str, ...]:
    return one.modality, str(one.images or "?"), str(here), f"{one.series_uid} {one.description}"


def _show(rows: Sequence[RetrievalRow], *, as_json: bool) -> None:
    if as_json:
        kept = ("id", "exam", "purpose", "asked_by", "peer", "study_uid", "series_uid", "expected", "kept", "told", "tries")
        table = [{key: getattr(row, key) for key in kept} | {"state": row.state.value, "at": row.updated_at.isoformat()} for row in rows]
        click.echo(json.dumps(table, indent=1))
        return
    from node.workflow.story import columns

    head = ("AT", "PEER", "FOR", "STATE", "IMAGES", "SERIES")
    lines = [
        (
            local(row.updated_at),
            row.peer,
            f"{row.purpose} of E{row.exam:05d}" if row.exam else row.asked_by,
            row.state.value,
            f"{row.kept} of {row.expected or '?'}",
            f"{row.series_uid} {row.told}",
        )
        for row in rows
    ]
    click.echo(columns(head, lines, width()) if lines else "Nothing was fetched yet.")
