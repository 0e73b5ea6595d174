"""`ember backup` and `ember restore`: the storage folder to another disk and back, while the node runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from node.commands.opening import as_json, settings_of
from node.errors import TemporaryError


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Make none, but read all files of all backups in TARGET and compare their digests.")
@click.option(
    "--keep", type=click.IntRange(min=1), default=7, show_default=True, help="How many backups TARGET holds; older ones are removed."
)
@as_json
@click.pass_obj
def backup(config: Path, target: Path, *, verify: bool, keep: int, as_json: bool) -> None:
    """Back up the storage folder into TARGET, also while the node runs; again into the same TARGET, only what is new is copied."""
    from node.app import SystemClock
    from node.workflow.backup import take
    from node.workflow.backup import verify as read_all

    if verify:
        count, complaints = read_all(target)
        _tell({"files": count, "complaints": complaints}, f"{_files(count)} read, {len(complaints)} damaged", complaints, as_json=as_json)
        return
    with _disk(target):
        made = take(settings_of(config).node.storage, target, SystemClock(), keep=keep)
    table = {"backup": made.manifest.file.name, "files": made.manifest.count, "new": made.new, "new_bytes": made.new_bytes}
    told = f"{made.manifest.file.name}: {_files(made.manifest.count)}, {made.new} of them new ({made.new_bytes / 2**20:.1f} MiB)"
    _tell(table | {"complaints": made.complaints}, told, made.complaints, as_json=as_json)


@click.command()
@click.argument("target", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("storage", type=click.Path(path_type=Path))
@click.option("--at", default="", metavar="TIME", help="Beginning of the backup's name, as 20260301T2. The latest without it.")
def restore(target: Path, storage: Path, at: str) -> None:
    """Make the storage folder STORAGE, which must not exist or be empty, from a backup in TARGET."""
    from node.workflow.backup import restore as make

    with _disk(storage):
        made = make(target, storage, at=at, complete=file_and_begin_anew)
    click.echo(f"{storage}: {_files(made.count)} of {made.file.name}. Name it as node.storage in the settings and start the node.")


def file_and_begin_anew(folder: Path) -> None:
    """File what the copied journals hold beyond the register, in the folder that is being restored."""
    from node.app import SystemClock
    from node.receive.filing import Filer
    from node.workflow.backup.restore import begin_anew
    from node.workflow.store.database import Store

    clock = SystemClock()
    store = Store(folder, clock)
    store.migrate()
    filer = Filer(folder, store.filing)
    filer.open()
    while filer.once():
        pass
    filer.close()
    store.close()
    begin_anew(folder, clock.now())


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """A disk that is full or read-only is no fault of ours."""
    try:
        yield
    except OSError as error:
        raise TemporaryError(f"{folder}: the disk does not take it, or does not give it: {error.strerror or error}") from error


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _tell(table: dict[str, object], told: str, complaints: tuple[str, ...], *, as_json: bool) -> None:
    click.echo(json.dumps(table, indent=1) if as_json else "\n".join([told, *complaints]))
    if complaints:
        sys.exit(1)
