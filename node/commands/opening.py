"""What every command needs: the site's settings, the register, one exam by its name."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.errors import TemporaryError

if TYPE_CHECKING:
    from node.settings import Settings
    from node.workflow.store.database import Store
    from node.workflow.store.rows import ExamRow

as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")
exam_name = click.argument("exam", metavar="EXAM")
by = click.option("--by", metavar="NAME", help="Who says so. Without it the login name, called one.")


def settings_of(config: Path, *, quiet: bool = False) -> Settings:
    """The site's settings; a command that logs nothing need not set up logging."""
    from node.settings import load

    settings = load(config)
    if not quiet:
        from node.app import start_logging

        start_logging(settings)
    return settings


def store_of(settings: Settings) -> Store:
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


def exam_of(get: Callable[[int], ExamRow], name: str) -> ExamRow:
    digits = name.upper().removeprefix("E")
    try:
        return get(int(digits))
    except (KeyError, ValueError):
        raise click.UsageError(f"no exam {name}; `ember list` shows them all") from None


def author_of(by: str | None) -> str:
    return by or f"login name {getpass.getuser()}"


def local(at: datetime) -> str:
    """Day, hour and minute on the clock of this machine, as tables tell times."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def width() -> int:
    return min(160, max(80, shutil.get_terminal_size((120, 40)).columns))
