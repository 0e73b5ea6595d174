"""The web port: the process of `serve` that speaks DICOMweb, and `ember web-token`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.commands.opening import settings_of
from node.errors import SettingsError

if TYPE_CHECKING:
    from node.settings import Settings


@click.command(hidden=True)
@click.pass_obj
def web(config: Path) -> None:
    """The web process of `serve`."""
    from node import app

    app.web(settings_of(config))


@click.command(name="web-token")
@click.argument("name")
@click.pass_obj
def web_token(config: Path, name: str) -> None:
    """Make a bearer token for a caller of the web port: the token, once, and the line for the file of tokens."""
    from node.receive.dicomweb.tokens import new_token

    try:
        token, line = new_token(name)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"token, for {name} alone and told only now:\n  {token}\n")
    click.echo(f"line for {_file(settings_of(config, quiet=True))}:\n  {line}")


def _file(settings: Settings) -> str:
    return str(settings.web.tokens or "the file that [web] tokens names, which these settings do not yet")
