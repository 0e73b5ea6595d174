"""`ember rules`: what the site's rules would do with what is here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.commands.opening import as_json, settings_of, store_of, width

if TYPE_CHECKING:
    from node.workflow.steps.trying import TriedExam


@click.group()
def rules() -> None:
    """The site's rules: which exams are analysed, how, and how soon."""


@rules.command(name="try")
@click.option("--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Rules to try; the site's own without it.")
@click.option("--last", type=click.IntRange(1), default=50, show_default=True, help="Of so many exams, the latest.")
@click.option("--series", "with_series", is_flag=True, help="Below each exam its series: role, and why.")
@as_json
@click.pass_obj
def try_(config: Path, *, file: Path | None, last: int, with_series: bool, as_json: bool) -> None:
    """Dry run over the series already received: which rule, what it would do, what differs from what was done. Nothing is written."""
    from node.app import SystemClock
    from node.settings import read_toml
    from node.workflow.steps.trying import try_rules

    settings = settings_of(config)
    tried = try_rules(settings, read_toml(file or settings.analysis.rules), store_of(settings), SystemClock(), last=last)
    click.echo(json.dumps([asdict(one) for one in tried], indent=1) if as_json else table(tried, width(), with_series=with_series))


def table(tried: Sequence[TriedExam], room: int, *, with_series: bool = False) -> str:
    """For people: a line an exam, and below it what differs, and its series."""
    from node.workflow.story import columns

    if not tried:
        return "No exam yet."
    rows = []
    for one in tried:
        how = ", ".join(filter(None, (one.protocol and f"protocol {one.protocol}", one.priority if one.would == "analyse" else "")))
        rows.append((one.exam, one.rule or "–", one.would, how, one.reason))
        rows += [("", "", "", "differs:", sentence) for sentence in one.differs]
        rows += [("", "", series.role or "–", series.modality, series.reason) for series in one.series if with_series]
    differing = sum(bool(one.differs) for one in tried)
    return f"{columns(('EXAM', 'RULE', 'WOULD', 'HOW', 'WHY'), rows, room)}\n\n{differing} of {len(tried)} exams would differ."
