"""What a person says of an exam: `correct` a value, `release` what is HELD, `accept` or `reject` a result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from node.commands.opening import author_of, by, exam_name, exam_of, settings_of, store_of
from node.domain.correction import Correctable

VALUES = {
    Correctable.WEIGHT: ("KG", "Body weight."),
    Correctable.HEIGHT: ("M", "Body height."),
    Correctable.SEX: ("M|F|O", "Sex."),
    Correctable.ACTIVITY: ("MBQ", "Injected activity at the time of injection, residual not yet taken off."),
    Correctable.RESIDUAL: ("MBQ", "Activity left in the syringe, at the time of injection."),
    Correctable.INJECTED_AT: ("TIME", "Local time of the scanner to which the activity refers: 2026-03-01T09:30:00."),
    Correctable.KINETIC_ZERO: ("TIME", "Local time of the scanner at which the tracer entered the vein; for the kinetics alone."),
    Correctable.GENOTYPE: ("CLASS", "rs6971: HAB, MAB, LAB or unknown. Beats the site's list."),
}
"""How each value is written on the command line, and what it is."""


def _correctable(command: Callable[..., None]) -> Callable[..., None]:
    """One option a value that may be corrected."""
    for what in reversed(Correctable):
        command = click.option(f"--{what.value}", what.name, metavar=VALUES[what][0], help=VALUES[what][1])(command)
    return command


@click.command()
@exam_name
@_correctable
@click.option("--undo", multiple=True, type=click.Choice([what.value for what in Correctable]), help="Take a correction back.")
@click.option("--author", help="Who says so. Without it the login name, called one.")
@click.option("--reason", required=True, help="Why, for the exam's story and the page.")
@click.pass_obj
def correct(config: Path, /, exam: str, undo: tuple[str, ...], author: str | None, reason: str, **values: str | None) -> None:
    """Put a value right that the headers have wrong, or say the genotype, as a new version; the files stay as they came."""
    from node.workflow.steps import correcting
    from node.workflow.steps.keeping import require_images

    store = store_of(settings_of(config))
    row = exam_of(store.exams.get, exam)
    require_images(store, row)
    said = {Correctable[name]: text for name, text in values.items() if text is not None}
    back = [Correctable(what) for what in undo]
    author = author_of(author)
    done = correcting.correct(store, row, said, undo=back, author=author, reason=reason)
    click.echo(f"{row.name}, by {author}: {done.told}.")
    replaces = f"analysed again as version {done.version}, which replaces version {done.before}"
    click.echo(f"{row.name} is {replaces}." if done.before else f"{row.name} has not begun yet; its version {done.version} will take it.")


@click.command()
@exam_name
@click.option("--reason", required=True, help="Why, for the exam's story.")
@click.pass_obj
def release(config: Path, exam: str, reason: str) -> None:
    """Let an exam go on that is HELD for a failed check; the check stays printed on its pages."""
    from node.workflow.steps.held import release as let_go

    settings = settings_of(config)
    store = store_of(settings)
    row = exam_of(store.exams.get, exam)
    state = let_go(store, settings.node.storage, row, reason)
    click.echo(f"{row.name} goes on from {state.value}.")


@click.command()
@exam_name
@by
@click.option("--reason", required=True, help="Why, for the exam's story.")
@click.pass_obj
def accept(config: Path, exam: str, by: str | None, reason: str) -> None:
    """Say that a delivered result was looked at and is used; kept with the exam."""
    from node.workflow.steps import judging

    store = store_of(settings_of(config))
    row = exam_of(store.exams.get, exam)
    judging.accept(store, row, author=author_of(by), reason=reason)
    click.echo(f"{row.name} version {row.version} is accepted by {author_of(by)}.")


@click.command()
@exam_name
@by
@click.option("--reason", required=True, help="Why, for the exam's story and for the page or note.")
@click.option("--unsafe", is_flag=True, help="For patient safety: the objects must not be seen again.")
@click.pass_obj
def reject(config: Path, exam: str, by: str | None, reason: str, *, unsafe: bool) -> None:
    """Reject a result: what was delivered is withdrawn by a rejection note; for a HELD exam, a page says why it was not analysed."""
    from node.domain.verdict import Verdict
    from node.workflow.steps import judging

    store = store_of(settings_of(config))
    row = exam_of(store.exams.get, exam)
    verdict = Verdict.UNSAFE if unsafe else Verdict.REJECTED
    state = judging.reject(store, row, author=author_of(by), reason=reason, verdict=verdict)
    click.echo(f"{row.name} version {row.version} is {state.value}{_FOLLOWS[state.value]}.")


_FOLLOWS = {
    "WITHDRAWN": "; the rejection note is on its way",
    "REJECTED": "; the page that says so is on its way",
    "IGNORED": ": it held nothing but lesions that waited for their images",
}
"""What comes after `reject`."""
