"""`ember check`: tries everything that must work before the node may be trusted, and says what to do where it does not."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field

from node import settings as settings_module
from node.commands import doors
from node.commands.doors import Warned
from node.errors import NodeError, SettingsError
from node.settings import Destination, Settings
from node.settings.network import is_loopback

LONGEST_WAIT_S = 60.0
"""What waits longer to be filed says that something is wrong."""


@dataclass(frozen=True)
class Item:
    """One thing that was tried; `warning` where it works and deserves a look."""

    name: str
    passed: bool
    text: str
    warning: bool = field(default=False, kw_only=True)

    @property
    def mark(self) -> str:
        """How it went, in four letters."""
        return ("warn" if self.warning else "ok  ") if self.passed else "FAIL"


def run(settings: Settings) -> tuple[Item, ...]:
    """Try everything; nothing is changed but for a small file that is written to the storage folder and removed."""
    items = [Item("settings", True, "read, no mistake")]
    tries: list[tuple[str, Callable[[], str]]] = [
        ("rules", lambda: _rules(settings)),
        ("tracers", lambda: ", ".join(item.name for item in settings_module.tracers(settings.analysis.tracers).values())),
        ("scanners", lambda: f"{len(settings_module.scanners(settings.analysis.scanners))} point spreads known"),
        ("template", lambda: _template(settings)),
        ("genotypes", lambda: _genotypes(settings)),
        ("svca classes", lambda: _classes(settings)),
        ("atlas", lambda: _atlas(settings)),
        ("lesion program", lambda: _program(settings)),
        ("storage", lambda: _storage(settings)),
        ("register", lambda: _register(settings)),
        ("journal", lambda: _journal(settings)),
        ("receiver", lambda: doors.port(settings)),
        ("receiver by tls", lambda: doors.tls_port(settings)),
        ("tls", lambda: doors.tls(settings)),
        ("peers", lambda: doors.peers(settings)),
        ("web", lambda: _web(settings)),
    ]
    tries += [(f"destination {item.name}", lambda item=item: _destination(item, settings)) for item in settings.destination]  # type: ignore[misc]
    asked = [one for one in settings.peer if one.ask != "nothing" and one.host is not None]
    tries += [(f"peer {one.name}", lambda one=one: doors.query_service(one, settings)) for one in asked]  # type: ignore[misc]
    items += [_try(name, work) for name, work in tries]
    if not settings.destination:
        items.append(Item("destinations", False, "none is set: results stay in the storage folder; add a [[destination]]"))
    return tuple(items)


def text(items: tuple[Item, ...], width: int) -> str:
    """The items as a table for people."""
    from node.workflow.story import columns

    return columns((), [(item.mark, item.name, item.text.replace("\n", "; ")) for item in items], width)


def _try(name: str, work: Callable[[], str]) -> Item:
    try:
        found = work()
        return Item(name, True, str(found), warning=isinstance(found, Warned))
    except (NodeError, OSError) as error:
        return Item(name, False, str(error))


def _rules(settings: Settings) -> str:
    from node.assemble.rules import load_rules, unknown_tracers

    table = settings_module.read_toml(settings.analysis.rules)
    mistakes: list[str] = []
    try:
        rules = load_rules(table)
        mistakes += unknown_tracers(rules, settings_module.tracers(settings.analysis.tracers))
    except SettingsError as error:
        mistakes += error.mistakes
    try:
        protocols = settings_module.load_protocols(settings, table)
    except SettingsError as error:
        mistakes += error.mistakes
    if mistakes:
        raise SettingsError(mistakes)
    return f"{settings.analysis.rules.name}, no mistake; {len(rules.exams)} rules on exams, {len(protocols)} protocols"


def _template(settings: Settings) -> str:
    from node.atlas.template import load_template

    return load_template(settings.analysis.template).source


def _genotypes(settings: Settings) -> str:
    from node.workflow.genotypes import load_genotypes

    if settings.analysis.genotypes is None:
        return "no list; `ember correct EXAM --genotype` says one"
    count = len(load_genotypes(settings.analysis.genotypes))
    return f"{settings.analysis.genotypes.name}: {count} {'person' if count == 1 else 'people'}"


def _classes(settings: Settings) -> str:
    from node.train import told

    folder = settings.analysis.svca_classes
    if folder is None:
        return "none: a tracer that asks for them gets cerebellar grey matter"
    if not folder.is_dir():
        raise SettingsError([f"analysis.svca_classes: expected a folder; {folder} is none"])
    trained = told(folder, sorted(settings_module.tracers(settings.analysis.tracers)))
    return f"{len(trained)} trainings in {folder}"


def _atlas(settings: Settings) -> str:
    if settings.analysis.atlas is None:
        return "none: the node's own regions"
    from node.segment.atlas_file import read_atlas

    atlas = read_atlas(settings.analysis.atlas)
    return f"{atlas.name}, {len(atlas.labels)} labels"


def _program(settings: Settings) -> str:
    analysis = settings.analysis
    if not analysis.lesion_program:
        return "none: lesions of an incoming SEG, or found by the node"
    if shutil.which(analysis.lesion_program[0]) is None:
        raise SettingsError([f"analysis.lesion_program: {analysis.lesion_program[0]} is not there, or may not be run"])
    return f"{analysis.lesion_program_name} {analysis.lesion_program_version}".strip()


def _storage(settings: Settings) -> str:
    folder = settings.node.storage
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".check-") as file:
        file.write(b"ember")
        file.flush()
        os.fsync(file.fileno())
    free_gib = shutil.disk_usage(folder).free / 2**30
    if free_gib < settings.receiver.min_free_gib:
        raise OSError(
            f"{free_gib:.1f} GiB free in {folder}; below receiver.min_free_gib = {settings.receiver.min_free_gib} images are refused"
        )
    told, low = f"{folder} can be written", low_disk(settings)
    return Warned(f"{told}; {low}") if low else f"{told}, {free_gib:.1f} GiB free"


def low_disk(settings: Settings) -> str:
    """A warning where little of the disk is free, one sentence; empty where enough is. Nothing unprocessed is ever deleted to make room."""
    free_gib = shutil.disk_usage(settings.node.storage).free / 2**30
    if free_gib >= settings.keeping.warn_free_gib:
        return ""
    warn, least = settings.keeping.warn_free_gib, settings.receiver.min_free_gib
    return f"{free_gib:.1f} GiB free, less than keeping.warn_free_gib = {warn:g}; below {least:g} images are refused"


def _register(settings: Settings) -> str:
    from node.app import prepare_store

    store = prepare_store(settings)
    store.check()
    counts = store.register.counts()
    aside = counts["unreadable"] + counts["changed"]
    held = f"; {aside} in quarantine, see `ember quarantine`" if aside else ""
    return f"whole; {counts['instances']} images, {len(store.exams.all())} exams{held}"


def _journal(settings: Settings) -> str:
    from datetime import UTC, datetime

    from node.receive.waiting import waiting_in

    found = waiting_in(settings.node.storage / "journal")
    if found.since is None:
        return "everything that came in is filed"
    waited_s = (datetime.now(UTC) - found.since).total_seconds()
    told = f"{found.records} entries, {found.bytes / 2**20:.0f} MiB, wait to be filed, the first since {waited_s:.0f} s"
    if waited_s > LONGEST_WAIT_S:
        raise OSError(f"{told}: start the node, or look in its log why the filer cannot write")
    return told


def _web(settings: Settings) -> str:
    section = settings.web
    if section.port is None:
        return "off: [web] has no port"
    from node.receive.dicomweb.tokens import read_tokens

    who = "this machine alone, without tokens" if section.tokens is None else f"{len(read_tokens(section.tokens))} callers with a token"
    clear = section.tokens is not None and not section.tls and not is_loopback(section.host)
    return f"port {section.port}, {who}" + ("; without TLS: tokens and images travel in clear up to a reverse proxy" if clear else "")


def _destination(destination: Destination, settings: Settings) -> str:
    """A PACS is asked by C-ECHO, a DICOMweb server for one study; into a folder a small file is written, and removed."""
    if destination.kind == "dimse":
        return _echo(destination, settings)
    from node.workflow.steps.places import folder_at, stow_at

    return folder_at(destination, "").check() if destination.kind == "folder" else stow_at(destination, settings).check()


def _echo(destination: Destination, settings: Settings) -> str:
    from node.dimse import echo
    from node.workflow.steps.places import peer

    result = echo(peer(destination, settings))
    if result.status != 0:
        raise OSError(f"C-ECHO was answered with 0x{result.status:04X}; expected 0x0000")
    return f"{destination.ae_title} at {destination.host}:{destination.port} answers C-ECHO in {1000 * result.seconds:.0f} ms"
