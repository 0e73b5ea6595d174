"""`ember quarantine`: what was kept and cannot be used: list it, look at one, let it in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from node.commands.opening import as_json, author_of, by, local, settings_of, store_of, width

KINDS = {"changed": "other bytes", "unreadable": "unreadable"}


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also what was released.")
@as_json
@click.pass_context
def quarantine(context: click.Context, *, everything: bool, as_json: bool) -> None:
    """What was received and cannot be used, and why; with `show` one of them, with `release` let it in."""
    if context.invoked_subcommand is not None:
        return
    from node.workflow.store.snapshot import Snapshot
    from node.workflow.story import columns

    found = Snapshot(settings_of(context.obj, quiet=True).node.storage).quarantined()
    found = tuple(row for row in found if everything or row.released_at is None)
    if as_json:
        click.echo(json.dumps([_told(row) for row in found], indent=1))
        return
    head = ("NUMBER", "SINCE", "FROM", "KIND", "INSTANCE AND REASON")
    rows = [
        (str(row.id), local(row.received_at), row.calling_ae, KINDS.get(row.kind, row.kind), f"{row.sop_instance_uid}: {row.reason}")
        for row in found
    ]
    click.echo(columns(head, rows, width()) if rows else "Nothing is in quarantine.")


@quarantine.command()
@click.argument("number", type=int)
@as_json
@click.pass_obj
def show(config: Path, number: int, *, as_json: bool) -> None:
    """All that is known of one: where it came from, where it lies, what became of it."""
    from node.workflow.store.snapshot import Snapshot

    storage = settings_of(config, quiet=True).node.storage
    row = next((row for row in Snapshot(storage).quarantined() if row.id == number), None)
    if row is None:
        raise click.UsageError(f"no quarantine number {number}; `ember quarantine --all` shows them all")
    told = _told(row) | {"path": str(storage / row.path)}
    click.echo(json.dumps(told, indent=1) if as_json else "\n".join(f"{name:18}{value}" for name, value in told.items() if value))


@quarantine.command()
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why, for the record.")
@by
@click.pass_obj
def release(config: Path, number: int, reason: str, by: str | None) -> None:
    """Let NUMBER in: changed bytes are what their UID stands for from now on; what could not be read is read again."""
    from node.workflow.steps import releasing

    settings = settings_of(config)
    store = store_of(settings)
    try:
        row = store.quarantine.get(number)
    except KeyError:
        raise click.UsageError(f"no quarantine number {number}; `ember quarantine` shows them all") from None
    click.echo(f"{number}: {releasing.release(store, settings.node.storage, row, author=author_of(by), reason=reason)}.")


def unfiled(storage: Path) -> str:
    """What the journal holds and nobody has filed, as the end of a listing; empty where that is nothing."""
    from node.receive.waiting import waiting_in

    found = waiting_in(storage / "journal")
    return f"; {found.records} more wait in the journal to be filed" if found.records else ""


def _told(row: Any) -> dict[str, Any]:
    times = {"received_at": row.received_at.isoformat(), "released_at": row.released_at.isoformat() if row.released_at else None}
    return {"number" if name == "id" else name: value for name, value in (vars(row) | times).items()}
