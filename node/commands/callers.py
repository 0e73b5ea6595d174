"""`ember callers`: who called and was turned away; let one in, or forget one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.commands.opening import as_json, author_of, by, local, settings_of, store_of, width
from node.errors import DataError

if TYPE_CHECKING:
    from node.workflow.store.callers import CallerRow

_NAME = re.compile(r"[a-z0-9-]{1,32}")
_title = click.argument("ae_title", metavar="AE_TITLE")
_host = click.argument("host", metavar="HOST")


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def callers(context: click.Context, *, as_json: bool) -> None:
    """Who called and was turned away, why and when, and whom a person has let in."""
    if context.invoked_subcommand is None:
        rows = store_of(settings_of(context.obj, quiet=True)).callers.all()
        click.echo(json.dumps([_told(row) for row in rows], indent=1) if as_json else _table(rows))


@callers.command()
@_title
@_host
@click.option("--as", "name", metavar="NAME", required=True, help="Name of the [[peer]] to which it belongs, or a new short name.")
@by
@click.option("--reason", required=True, help="Why, for those who ask later.")
@click.pass_obj
def accept(config: Path, /, ae_title: str, host: str, name: str, by: str | None, reason: str) -> None:
    """Let a caller in under its title, from its address alone, with the certificate that it showed; takes effect within seconds."""
    if not _NAME.fullmatch(name):
        raise click.UsageError(f"expected a short name of a–z, 0–9 and hyphen, up to 32 characters; found {name}")
    if not ae_title:
        raise DataError("a caller without a title was turned away by TLS: what helps is in [tls], or on its own side")
    settings = settings_of(config, quiet=True)
    row = store_of(settings).callers.accept(ae_title, host, name=name, author=author_of(by), reason=reason)
    known = "the peer" if name in {peer.name for peer in settings.peer} else "the new peer"
    how = f", with the certificate {row.certificate[:16]}… alone" if row.certificate else ""
    click.echo(f"{ae_title} at {host} may come in as {known} {name}{how}, within seconds.")


@callers.command()
@_title
@_host
@click.pass_obj
def forget(config: Path, ae_title: str, host: str) -> None:
    """Remove a caller from the list; one that was let in may not come in any more."""
    row = store_of(settings_of(config, quiet=True)).callers.forget(ae_title, host)
    click.echo(f"{ae_title} at {host} is forgotten{'' if row.accepted_as is None else ', and may not come in any more'}.")


def _told(row: CallerRow) -> dict[str, object]:
    times = {name: getattr(row, name) for name in ("first_at", "last_at", "accepted_at")}
    return vars(row) | {name: None if at is None else at.isoformat() for name, at in times.items()}


def _table(rows: tuple[CallerRow, ...]) -> str:
    from node.workflow.story import columns

    if not rows:
        return "Nobody was turned away."
    head = ("AE TITLE", "HOST", "CALLED", "TIMES", "LAST", "WHY")
    lines = [(row.calling_ae or "(TLS)", row.host, row.called_ae, str(row.times), local(row.last_at), _why(row)) for row in rows]
    let_in = "Let one in: ember callers accept AE_TITLE HOST --as NAME --reason …"
    return columns(head, lines, width()) + (f"\n\n{let_in}" if any(row.accepted_as is None for row in rows) else "")


def _why(row: CallerRow) -> str:
    if row.accepted_as is None or row.accepted_at is None:
        return row.why
    since = f"; turned away since: {row.why}" if row.last_at > row.accepted_at else ""
    return f"let in as {row.accepted_as} by {row.accepted_by}: {row.reason}{since}"
