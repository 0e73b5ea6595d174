"""The composition root: settings → clock, store, steps, engine, processes. Only this file (and the command line) sees everything.

The outside world enters here once, and is handed on.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from node.errors import SettingsError
from node.settings import Settings

if TYPE_CHECKING:
    from node.receive.dicomweb.server import WebServer
    from node.receive.journal import Journal
    from node.receive.receiver import ReceiverSettings
    from node.workflow.store.database import Store

log = structlog.get_logger()

SWEEP_PAUSE_S, LONGEST_PAUSE_S = 0.5, 3.0
SWEEP_REST = 3
"""A site with hundreds of waiting exams keeps no core busy with looking: the worker rests so many times as long as a look took, within
those bounds."""


FILER_NICE = 5
"""Senders wait for the receiver and nobody waits for the filer."""

READY_BYTES = 128 * 2**20
"""Of the receiver's journal at the start: a PET exam and its MR."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The aware present instant, UTC."""
        return datetime.now(UTC)


def start_logging(settings: Settings) -> None:
    """Log to standard error, as the site wants it."""
    level = logging.getLevelNamesMapping()[settings.log.level.upper()]
    last = structlog.processors.JSONRenderer() if settings.log.form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    # It names peers and prints identifiers; what matters of it comes back as our own errors.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    # It prints values that the standard forbids, which may be a patient's; the gate tells of those that matter.
    logging.getLogger("pydicom").disabled = True  # its level it sets itself, when it is imported
    warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")


def open_store(settings: Settings) -> Store:
    """The site's register, as `prepare_store` left it."""
    from node.workflow.store.database import Store

    return Store(settings.node.storage, SystemClock())


def prepare_store(settings: Settings) -> Store:
    """The site's register, made or brought up to date; so is the storage folder."""
    settings.node.storage.mkdir(parents=True, exist_ok=True)
    store = open_store(settings)
    store.migrate()
    return store


def compute(settings: Settings) -> None:
    """The compute process: do the verbs that the worker orders."""
    from node.workflow.child import answer_orders
    from node.workflow.steps.compute import ComputeSteps

    store = open_store(settings)
    answer_orders(lambda progress: ComputeSteps(settings, store, progress), settings.compute.memory_mib)


def serve(config: Path, settings: Settings) -> None:
    """Run the whole node until it is told to stop.

    Raises
    ------
    TemporaryError : another node runs on this storage folder
    SettingsError : the file of tokens for the web port is wrong, a file of [tls], or a peer's certificate
    """
    from node.receive.admission import PeerAdmission
    from node.receive.dicomweb.tokens import Tokens
    from node.workflow.supervise import supervise

    # Told now, instead of by a process that ends again and again.
    Tokens(settings.web.tokens if settings.web.port is not None else None)
    receiver_settings(settings)
    PeerAdmission(settings.peer, max_associations=settings.receiver.max_associations)
    prepare_store(settings).close()  # one process alone brings the schema up to date
    command = [sys.executable, "-m", "node.cli", "--config", str(config)]
    stop = _stop_by_signal()
    doors = {"port": settings.receiver.port if settings.receiver.plain else None, "tls_port": settings.receiver.tls_port}
    log.info("node starts", ae_title=settings.node.ae_title, **doors, storage=str(settings.node.storage))
    names = ("receiver", "filer", "worker", *(("web",) if settings.web.port is not None else ()))
    supervise({name: [*command, name] for name in names}, settings.node.storage / "run", stop)
    log.info("node has stopped")


def open_journal(settings: Settings, writer: str, *, ready_bytes: int = 0) -> Journal:
    """The journal into which a process puts what it brings in, as the only one of that name; to be closed by it."""
    from node.receive.journal import Journal, Limits

    limits = Limits(min_free_bytes=int(settings.receiver.min_free_gib * 2**30), ready_bytes=ready_bytes)
    journal = Journal(settings.node.storage / "journal", writer, SystemClock(), limits)
    journal.open()
    return journal


def file(settings: Settings) -> None:
    """The filer process: bring what stands in the journals to the inbox and the register until told to stop."""
    from node.receive.filing import Filer
    from node.workflow.child import die_with_parent

    die_with_parent()
    stop = _stop_by_signal()
    os.nice(FILER_NICE)
    store = open_store(settings)
    filer = Filer(settings.node.storage, store.filing)
    filer.open()
    log.info("filer is ready")
    filer.run(stop)
    filer.close()
    store.close()


def receive(settings: Settings) -> None:
    """The receiver process: listen until told to stop."""
    from node.receive.receiver import Receiver
    from node.workflow.child import die_with_parent

    die_with_parent()
    stop = _stop_by_signal()
    store = open_store(settings)
    journal = open_journal(settings, "receiver", ready_bytes=READY_BYTES)
    receiver = Receiver(receiver_settings(settings), settings.peer, journal, store.callers, SystemClock())
    receiver.start()
    stop.wait()
    receiver.stop()
    journal.close()
    store.close()


def receiver_settings(settings: Settings) -> ReceiverSettings:
    """The doors and limits of the receiver, as the site wants them.

    Raises
    ------
    SettingsError : a file of [tls] cannot be used
    """
    from node.receive.association import AssociationSettings
    from node.receive.listener import Door, ListenerLimits
    from node.receive.receiver import ReceiverSettings
    from node.tls import Credentials, Ocsp

    section = settings.receiver
    doors = [Door(section.host, section.port)] if section.plain else []
    if section.tls_port is not None and settings.tls is not None:
        doors.append(Door(section.host, section.tls_port, Credentials(settings.tls, Ocsp(settings.tls.ocsp))))
    association = AssociationSettings(
        ae_titles=(settings.node.ae_title, *section.also_called),
        handshake_timeout_s=section.handshake_timeout_s,
        idle_timeout_s=section.idle_timeout_s,
        commitment=section.commitment,
    )
    limits = ListenerLimits(patience_s=section.handshake_timeout_s, associations=section.max_associations)
    return ReceiverSettings(tuple(doors), association, limits)


def web(settings: Settings) -> None:
    """The web process: speak DICOMweb until told to stop.

    Raises
    ------
    SettingsError : the file of tokens, or one of [tls], cannot be used; there is no port
    """
    from node.workflow.child import die_with_parent

    die_with_parent()
    stop = _stop_by_signal()
    journal = open_journal(settings, "web")
    server = web_server(settings, journal)
    threading.Thread(target=server.stop_after, args=(stop,), daemon=True).start()
    log.info("listening for DICOMweb", host=settings.web.host, port=settings.web.port, tls=settings.web.tls)
    server.run()
    journal.close()


def web_server(settings: Settings, journal: Journal) -> WebServer:
    """DICOMweb as the site wants it."""
    from node.receive.dicomweb.index import ResultIndex
    from node.receive.dicomweb.qido import Qido
    from node.receive.dicomweb.server import WebAddress, WebServer
    from node.receive.dicomweb.service import BASE, service
    from node.receive.dicomweb.stow import Stow
    from node.receive.dicomweb.tokens import Tokens
    from node.receive.dicomweb.wado import Wado
    from node.tls import Credentials, server_context_without_callers
    from node.workflow.steps.shown import ShownResults

    section, storage = settings.web, settings.node.storage
    if section.port is None:
        raise SettingsError(["web.port: there is none, so that nothing listens for DICOMweb"])
    results = ShownResults(storage, delivers=bool(settings.destination))
    index = ResultIndex(storage / "web" / "index.db", results)
    threading.Thread(target=index.refresh, daemon=True).start()  # the first look at a large site takes a while
    stow = Stow(journal, settings.node.ae_title, section.max_request_mib * 2**20)
    application = service(stow, Qido(index, BASE), Wado(index, BASE), Tokens(section.tokens), max_requests=section.max_requests)
    credentials = Credentials(settings.tls, make=server_context_without_callers) if section.tls and settings.tls is not None else None
    tls = None if credentials is None else credentials.server
    return WebServer(application, WebAddress(section.host, section.port), tls=tls)


def work(config: Path, settings: Settings) -> None:
    """The worker process: sweep and run the engine until told to stop."""
    from node.workflow.child import die_with_parent
    from node.workflow.engine import Engine
    from node.workflow.steps.dispatching import Dispatch
    from node.workflow.steps.intake import ExamIntake
    from node.workflow.steps.sending import Worker
    from node.workflow.sweep import Sweep

    die_with_parent()
    stop = _stop_by_signal()
    store = open_store(settings)
    worker = Worker([sys.executable, "-m", "node.cli", "--config", str(config), "compute"], settings, store)
    engine = Engine(store.url, store.exams, worker, attempts=settings.compute.attempts)
    clock = SystemClock()
    sweep = Sweep(store.exams, ExamIntake(settings, store, clock), engine, clock, delivers=bool(settings.destination))
    engine.launch()
    keep_and_fetch(settings, store, stop)
    log.info("worker is ready")
    dispatch = Dispatch(settings, store, engine)
    took_s = 0.0
    while not stop.wait(min(max(SWEEP_PAUSE_S, SWEEP_REST * took_s), LONGEST_PAUSE_S)):
        began = time.monotonic()
        sweep.once()
        dispatch.once()
        engine.tidy()
        took_s = time.monotonic() - began
    worker.close()
    # The engine's threads may be in the middle of a step: everything that matters is on disk, and goes on at the next start.
    os._exit(0)


def keep_and_fetch(settings: Settings, store: Store, stop: threading.Event) -> None:
    """What the worker does beside the exams, each in a thread of its own: fetch from peers, and remove what has had its time."""
    from node.assemble.rules import load_rules
    from node.settings import read_toml
    from node.workflow.steps.fetching import Fetcher
    from node.workflow.steps.keeping import Keeper

    threading.Thread(target=Keeper(settings, store, SystemClock()).run, args=(stop,), name="keeper", daemon=True).start()
    if any(peer.ask == "images" for peer in settings.peer):
        rules = load_rules(read_toml(settings.analysis.rules))
        fetcher = Fetcher(settings, store, rules, open_journal(settings, "fetch"), SystemClock())
        threading.Thread(target=fetcher.run, args=(stop,), name="fetcher", daemon=True).start()


def _stop_by_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
