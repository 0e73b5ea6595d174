"""The command `ember`. Running: `serve`, `check`, `demo`, `version`. Looking: `list`, `show`. An exam: `rerun`, `correct`, `release`,
`accept`, `reject`, `merge`, `split`, `assign`. The site: `callers`, `quarantine`, `rules`, `fetch`, `backup`, `restore`, `web-token`,
`svca`, `statement`.

Libraries are imported where they are used, so that a command that needs no DICOM answers at once. Tables are for people, `--json` is for
programs. Exit status: 0 done, 1 it did not work, 2 wrong use or wrong settings.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from node import __version__
from node.commands import belonging, persons
from node.commands.backup import backup, restore
from node.commands.callers import callers
from node.commands.fetch import fetch
from node.commands.opening import as_json, exam_name, exam_of, settings_of, store_of, width
from node.commands.quarantine import quarantine, unfiled
from node.commands.rules import rules
from node.commands.svca import svca
from node.commands.web import web, web_token
from node.errors import NodeError, SettingsError


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

    app.serve(config, settings_of(config))


@main.command(hidden=True)
@click.pass_obj
def receiver(config: Path) -> None:
    """The receiver process of `serve`."""
    from node import app

    app.receive(settings_of(config))


@main.command(hidden=True)
@click.pass_obj
def filer(config: Path) -> None:
    """The filer process of `serve`."""
    from node import app

    app.file(settings_of(config))


@main.command(hidden=True)
@click.pass_obj
def worker(config: Path) -> None:
    """The worker process of `serve`."""
    from node import app

    app.work(config, settings_of(config))


@main.command(hidden=True)
@click.pass_obj
def compute(config: Path) -> None:
    """The compute process of the worker."""
    from node import app

    app.compute(settings_of(config))


@main.command(name="list")
@as_json
@click.pass_obj
def list_(config: Path, *, as_json: bool) -> None:
    """All exams: state, and why."""
    from node.check import low_disk
    from node.workflow import story
    from node.workflow.store.snapshot import Snapshot

    settings = settings_of(config, quiet=True)
    storage = settings.node.storage
    store = Snapshot(storage)
    click.echo(json.dumps(story.listing(store), indent=1) if as_json else story.listing_text(store, width()) + unfiled(storage))
    if low := low_disk(settings):
        click.echo(f"Warning: {low}", err=True)


@main.command()
@exam_name
@as_json
@click.pass_obj
def show(config: Path, exam: str, *, as_json: bool) -> None:
    """The whole story of one exam: series, findings, checks, events, deliveries."""
    from node.workflow import story
    from node.workflow.store.snapshot import Snapshot

    storage = settings_of(config, quiet=True).node.storage
    store = Snapshot(storage)
    row = exam_of(store.exam, exam)
    if as_json:
        click.echo(json.dumps(story.showing(store, storage, row), indent=1))
    else:
        click.echo(story.showing_text(store, storage, row, width()))


@main.command()
@exam_name
@click.option("--reason", required=True, help="Why, for the exam's story.")
@click.pass_obj
def rerun(config: Path, exam: str, reason: str) -> None:
    """Analyse an exam again from what is here now, as a new version."""
    from node.workflow.steps.keeping import require_images

    store = store_of(settings_of(config))
    row = exam_of(store.exams.get, exam)
    require_images(store, row)
    version = store.exams.again(row.number, f"run again by a person: {reason}")
    click.echo(f"{row.name} is analysed again as version {version}.")


@main.command()
@as_json
@click.pass_obj
def check(config: Path, *, as_json: bool) -> None:
    """Try everything that must work: settings, ports, disk, register, certificates, peers, destinations."""
    from node import check as checks

    found = checks.run(settings_of(config))
    click.echo(json.dumps([vars(item) for item in found], indent=1) if as_json else checks.text(found, width()))
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
@click.argument("which", type=click.Choice(["conformance", "ihe"]))
def statement(which: str) -> None:
    """Print the DICOM conformance statement, or the IHE integration statement, in Markdown."""
    from node import statement as statements

    click.echo(statements.conformance() if which == "conformance" else statements.integration())


@main.command()
def version() -> None:
    """The version of Ember."""
    click.echo(f"ember {__version__}")


for command in (
    persons.correct,
    persons.release,
    persons.accept,
    persons.reject,
    callers,
    svca,
    web,
    web_token,
    belonging.merge,
    belonging.split,
    belonging.assign,
    rules,
    fetch,
    backup,
    restore,
    quarantine,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
