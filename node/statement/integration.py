"""The IHE integration statement: which actors the node plays, and which it does not claim although parts are there."""

from __future__ import annotations

import tomllib
from importlib import resources
from string import Template

from node import __version__
from node.statement.markdown import table


def integration() -> str:
    """The statement, Markdown."""
    here = resources.files(__package__)
    actors = tomllib.loads(here.joinpath("actors.toml").read_text(encoding="utf-8"))["actor"]
    claimed = [(actor["profile"], actor["name"], actor["done"]) for actor in actors if "missing" not in actor]
    parts = [(actor["profile"], actor["name"], actor["done"], actor["missing"]) for actor in actors if "missing" in actor]
    return Template(here.joinpath("ihe.md").read_text(encoding="utf-8")).substitute(
        version=__version__,
        claimed=table(("profile", "actor", "what is there"), claimed) if claimed else "None as a whole in this version.",
        parts=table(("profile", "actor", "what is there", "what is missing"), parts),
    )
