"""`ember svca`: train the classes of the clustered reference, show what is installed."""

from __future__ import annotations

from pathlib import Path

import click

from node.commands.opening import exam_of, settings_of, store_of


@click.group()
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

    settings = settings_of(config)
    place = folder or settings.analysis.svca_classes
    if place is None:
        raise click.UsageError("say where the classes go: --folder, or svca_classes under [analysis] in the settings")
    store = store_of(settings)
    rows = [[exam_of(store.exams.get, name) for name in names] for names in (controls, patients)]
    click.echo(f"Written: {learn(settings, tracer, rows[0], rows[1], place)}")


@svca.command()
@click.pass_obj
def inspect(config: Path) -> None:
    """Show the classes that are installed."""
    from node.settings import tracers
    from node.train import told

    settings = settings_of(config)
    folder = settings.analysis.svca_classes
    lines = told(folder, sorted(tracers(settings.analysis.tracers))) if folder else []
    click.echo("\n".join(lines) or "No classes are installed: a tracer that asks for them gets cerebellar grey matter.")
