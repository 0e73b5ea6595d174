"""What a person says of which series are of an exam: `merge`, `split`, `assign`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.commands.opening import author_of, exam_name, exam_of, settings_of, store_of

if TYPE_CHECKING:
    from node.workflow.steps.assigning import By


ROLES = ("PET", "T1", "FLAIR", "LESION_SEG")
"""As `node.domain.exam.Role` has them; not imported, since a command that computes nothing answers at once."""


def _word(command: Callable[..., None]) -> Callable[..., None]:
    """Who says it and why, or that it is taken back."""
    command = click.option("--undo", is_flag=True, help="Take the word back.")(command)
    command = click.option("--reason", required=True, help="Why, for the exam's story and the page.")(command)
    return click.option("--by", metavar="NAME", help="Who says so. Without it the login name, called one.")(command)


@click.command()
@exam_name
@click.argument("other", metavar="OTHER")
@_word
@click.pass_obj
def merge(config: Path, /, exam: str, other: str, *, by: str | None, reason: str, undo: bool) -> None:
    """Have EXAM, which holds the PET, take the MR of OTHER, although their patient IDs differ. The report says so."""
    from node.workflow.steps import assigning

    store = store_of(settings_of(config))
    row, second = exam_of(store.exams.get, exam), exam_of(store.exams.get, other)
    version = assigning.merge(store, row, second, _said(by, reason, undo=undo))
    click.echo(f"{row.name} {'no longer takes' if undo else 'takes'} the MR of {second.name}, as version {version}.")


@click.command()
@exam_name
@click.argument("series", metavar="SERIES_UID...", nargs=-1, required=True)
@_word
@click.pass_obj
def split(config: Path, /, exam: str, series: tuple[str, ...], *, by: str | None, reason: str, undo: bool) -> None:
    """Say that series are not of EXAM."""
    from node.workflow.steps import assigning

    store = store_of(settings_of(config))
    row = exam_of(store.exams.get, exam)
    version = assigning.split(store, row, series, _said(by, reason, undo=undo))
    click.echo(f"{row.name} is made {'with' if undo else 'without'} {len(series)} series, as version {version}.")


@click.command()
@exam_name
@click.argument("role", type=click.Choice(ROLES))
@click.argument("series", metavar="SERIES_UID")
@_word
@click.pass_obj
def assign(config: Path, /, exam: str, role: str, series: str, *, by: str | None, reason: str, undo: bool) -> None:
    """Say that a series fills ROLE in EXAM, whatever its physics say. The report says so."""
    from node.domain.exam import Role
    from node.workflow.steps import assigning

    store = store_of(settings_of(config))
    row = exam_of(store.exams.get, exam)
    version = assigning.assign(store, row, Role(role), series, _said(by, reason, undo=undo))
    click.echo(f"series {series} is {'no longer ' if undo else ''}the {role} of {row.name}, as version {version}.")


def _said(by: str | None, reason: str, *, undo: bool) -> By:
    from node.workflow.steps.assigning import By

    return By(author_of(by), reason, holds=not undo)
