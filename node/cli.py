"""The command `ember`: `serve`, `demo`, `check`, `list`, `show`, `rerun`, `correct`, `release`, `reject`, `svca`,
`version`.

Libraries are imported where they are used, so that a command that needs no DICOM answers at once. Tables are for people, `--json` is for
programs. Exit status: 0 done, 1 it did not work, 2 wrong use or wrong settings.
"""

from __future__ import annotations

import getpass
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node import __version__
from node.domain.correction import Correctable
from node.errors import NodeError, SettingsError, TemporaryError

if TYPE_CHECKING:
    from node.settings import Settings
    from node.workflow.store.database import Store
    from node.workflow.store.rows import ExamRow

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

as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")
exam_name = click.argument("exam", metavar="EXAM")


class _Commands(click.Group):
    """Turns the errors that the node raises on purpose into one sentence and an exit status."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except SettingsError as error:
            click.echo("The settings are wrong:\n" + "\n".join(f"  {mistake}" for mistake in error.mistakes), err=True)
            context.exit(2)
        except NodeError as error:
            click.echo(str(error), err=True)
            context.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config/node.toml"),
    envvar="EMBER_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The site's settings.",
)
@click.pass_context
def main(context: click.Context, config: Path) -> None:
    """Ember: a DICOM node that shows smouldering inflammation in TSPO PET and MR. Research use only."""
    context.obj = config


@main.command()
@click.pass_obj
def serve(config: Path) -> None:
    """Run the node: receive, analyse, send back. Ends with Ctrl-C or SIGTERM."""
    from node import app

    app.serve(config, _settings(config))


@main.command(hidden=True)
@click.pass_obj
def receiver(config: Path) -> None:
    """The receiver process of `serve`."""
    from node import app

    app.receive(_settings(config))


@main.command(hidden=True)
@click.pass_obj
def worker(config: Path) -> None:
    """The worker process of `serve`."""
    from node import app

    app.work(config, _settings(config))


@main.command(hidden=True)
@click.pass_obj
def compute(config: Path) -> None:
    """The compute process of the worker."""
    from node import app

    app.compute(_settings(config))


@main.command(name="list")
@as_json
@click.pass_obj
def list_(config: Path, *, as_json: bool) -> None:
    """All exams: state, and why."""
    from node.workflow import story
    from node.workflow.store.snapshot import Snapshot

    store = Snapshot(_settings(config, quiet=True).node.storage)
    click.echo(json.dumps(story.listing(store), indent=1) if as_json else story.listing_text(store, _width()))


@main.command()
@exam_name
@as_json
@click.pass_obj
def show(config: Path, exam: str, *, as_json: bool) -> None:
    """The whole story of one exam: series, findings, checks, events, deliveries."""
    from node.workflow import story
    from node.workflow.store.snapshot import Snapshot

    storage = _settings(config, quiet=True).node.storage
    store = Snapshot(storage)
    row = _exam(store.exam, exam)
    if as_json:
        click.echo(json.dumps(story.showing(store, storage, row), indent=1))
    else:
        click.echo(story.showing_text(store, storage, row, _width()))


@main.command()
@exam_name
@click.option("--reason", required=True, help="Why, for the exam's story.")
@click.pass_obj
def rerun(config: Path, exam: str, reason: str) -> None:
    """Analyse an exam again from what is here now, as a new version."""
    store = _store(_settings(config))
    row = _exam(store.exams.get, exam)
    version = store.exams.again(row.number, f"run again by a person: {reason}")
    click.echo(f"{row.name} is analysed again as version {version}.")


def _correctable(command: Callable[..., None]) -> Callable[..., None]:
    """One option a value that may be corrected."""
    for what in reversed(Correctable):
        command = click.option(f"--{what.value}", what.name, metavar=VALUES[what][0], help=VALUES[what][1])(command)
    return command


@main.command()
@exam_name
@_correctable
@click.option("--undo", multiple=True, type=click.Choice([what.value for what in Correctable]), help="Take a correction back.")
@click.option("--author", help="Who says so. Without it the login name, called one.")
@click.option("--reason", required=True, help="Why, for the exam's story and the page.")
@click.pass_obj
def correct(config: Path, /, exam: str, undo: tuple[str, ...], author: str | None, reason: str, **values: str | None) -> None:
    """Put a value right that the headers have wrong, or say the genotype, as a new version; the files stay as they came."""
    from node.workflow.steps import correcting

    store = _store(_settings(config))
    row = _exam(store.exams.get, exam)
    said = {Correctable[name]: text for name, text in values.items() if text is not None}
    back = [Correctable(what) for what in undo]
    author = author or f"login name {getpass.getuser()}"
    done = correcting.correct(store, row, said, undo=back, author=author, reason=reason)
    click.echo(f"{row.name}, by {author}: {done.told}.")
    replaces = f"analysed again as version {done.version}, which replaces version {done.before}"
    click.echo(f"{row.name} is {replaces}." if done.before else f"{row.name} has not begun yet; its version {done.version} will take it.")


@main.command()
@exam_name
@click.option("--reason", required=True, help="Why, for the exam's story.")
@click.pass_obj
def release(config: Path, exam: str, reason: str) -> None:
    """Let an exam go on that is HELD for a failed check; the check stays printed on its pages."""
    from node.workflow.steps.held import release as let_go

    store = _store(_settings(config))
    row = _exam(store.exams.get, exam)
    state = let_go(store, _settings(config).node.storage, row, reason)
    click.echo(f"{row.name} goes on from {state.value}.")


@main.command()
@exam_name
@click.option("--reason", required=True, help="Why, for the exam's story and the page.")
@click.pass_obj
def reject(config: Path, exam: str, reason: str) -> None:
    """Reject an exam that is HELD: a page in the PACS says why it was not analysed."""
    from node.workflow.steps.held import reject as turn_down

    store = _store(_settings(config))
    row = _exam(store.exams.get, exam)
    turn_down(store, row, reason)
    click.echo(f"{row.name} is rejected; the page that says so is on its way.")


@main.command()
@as_json
@click.pass_obj
def check(config: Path, *, as_json: bool) -> None:
    """Try everything that must work: settings, port, disk, register, tracers, destinations by C-ECHO."""
    from node import check as checks

    found = checks.run(_settings(config))
    click.echo(json.dumps([vars(item) for item in found], indent=1) if as_json else checks.text(found))
    if not all(item.passed for item in found):
        sys.exit(1)


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("ember-demo"), show_default=True, help="Where everything goes.")
@click.option("--full", is_flag=True, help="An exam of clinical size (1 mm MR) instead of a small one.")
@click.option("--keep", is_flag=True, help="Leave the node and the demo PACS running until Ctrl-C.")
def demo(folder: Path, *, full: bool, keep: bool) -> None:
    """Show the main job: node, demo PACS, a synthetic exam sent by C-STORE, its results back, beside the known truth."""
    from node import demo as show_it

    sys.exit(show_it.run(folder, full=full, keep=keep, say=click.echo))


@main.command()
def version() -> None:
    """The version of Ember."""
    click.echo(f"ember {__version__}")


@main.group()
def svca() -> None:
    """Classes of the clustered reference (SVCA4): train them from controls, show what is installed."""


@svca.command()
@click.argument("tracer")
@click.argument("controls", metavar="EXAM...", nargs=-1, required=True)
@click.option("--patient", "patients", metavar="EXAM", multiple=True, help="Of a patient: teaches what blood looks like alone.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the file goes; svca_classes of the settings without it.")
@click.pass_obj
def train(config: Path, tracer: str, controls: tuple[str, ...], patients: tuple[str, ...], folder: Path | None) -> None:
    """Train the classes of TRACER from exams of healthy controls that the node has processed."""
    from node.train import train as learn

    settings = _settings(config)
    place = folder or settings.analysis.svca_classes
    if place is None:
        raise click.UsageError("say where the classes go: --folder, or svca_classes under [analysis] in the settings")
    store = _store(settings)
    rows = [[_exam(store.exams.get, name) for name in names] for names in (controls, patients)]
    click.echo(f"Written: {learn(settings, tracer, rows[0], rows[1], place)}")


@svca.command()
@click.pass_obj
def inspect(config: Path) -> None:
    """Show the classes that are installed."""
    from node.settings import tracers
    from node.train import told

    settings = _settings(config)
    folder = settings.analysis.svca_classes
    lines = told(folder, sorted(tracers(settings.analysis.tracers))) if folder else []
    click.echo("\n".join(lines) or "No classes are installed: a tracer that asks for them gets cerebellar grey matter.")


def _settings(config: Path, *, quiet: bool = False) -> Settings:
    """The site's settings; a command that logs nothing need not set up logging."""
    from node.settings import load

    settings = load(config)
    if not quiet:
        from node.app import start_logging

        start_logging(settings)
    return settings


def _store(settings: Settings) -> Store:
    from node.app import SystemClock
    from node.workflow.store.database import Store
    from node.workflow.store.snapshot import Snapshot
    from node.workflow.store.tables import SCHEMA

    schema = Snapshot(settings.node.storage).schema()  # says so where there is no register yet
    if schema != SCHEMA:
        raise TemporaryError(
            f"the register is at schema {schema}, this version of Ember needs {SCHEMA}: start `ember serve` of this version first"
        )
    return Store(settings.node.storage, SystemClock())


def _exam(get: Callable[[int], ExamRow], name: str) -> ExamRow:
    digits = name.upper().removeprefix("E")
    try:
        return get(int(digits))
    except (KeyError, ValueError):
        raise click.UsageError(f"no exam {name}; `ember list` shows them all") from None


def _width() -> int:
    return min(160, max(80, shutil.get_terminal_size((120, 40)).columns))


if __name__ == "__main__":
    main()
