"""`Credentials`: a TLS port's side of it: its context, made again when a file changes, and what is asked about a caller's certificate."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import structlog
from cryptography import x509

from node.domain.arrivals import Certificate
from node.errors import RefusedError, SettingsError
from node.tls.certificates import certificate_of, certificates_in, own_certificate
from node.tls.contexts import TlsFiles, server_context
from node.tls.ocsp import Ocsp, Responders

log = structlog.get_logger()

OCSP_TIMEOUT_S = 2.0
"""Less than any sensible handshake_timeout_s, within which the caller must have come in."""

COMPLAINT_EVERY_S = 60.0

LONGEST_S = 300.0
"""A context is made again after this, and with it what it remembers of sessions: TLS 1.2 resumes them without looking at a certificate."""

Stamp = tuple[tuple[int, int, int], ...]
"""Inode, size and time of change of each file."""


@dataclass(frozen=True)
class _Loaded:
    stamp: Stamp
    until: float
    context: ssl.SSLContext
    authorities: Sequence[x509.Certificate]
    own: Certificate


class Credentials:
    """What a TLS port shows and whom it trusts. May be called from several threads.

    Parameters
    ----------
    files : looked at with each handshake
    make : the kind of context

    Raises
    ------
    SettingsError : a file cannot be read, or does not belong to the others
    """

    def __init__(self, files: TlsFiles, ocsp: Ocsp = Ocsp.OFF, *, make: Callable[[TlsFiles], ssl.SSLContext] = server_context) -> None:
        self._files = files
        self._make = make
        self._responders = Responders(ocsp, timeout_s=OCSP_TIMEOUT_S)
        self._lock = threading.Lock()
        self._broken: Stamp = ()
        self._complained = 0.0
        self._loaded = self._load(self._stamp())

    def server(self) -> ssl.SSLContext:
        """The context for the next handshake, from the files as they are now, or as they were while they were whole."""
        return self._current().context

    @property
    def own(self) -> Certificate:
        """Our own certificate, the one in force."""
        return self._current().own

    def caller(self, connection: ssl.SSLSocket) -> Certificate:
        """The certificate of a caller whose handshake is done.

        Raises
        ------
        RefusedError : it was revoked, says the responder, or that could not be found out; or only OpenSSL can read it
        """
        der = connection.getpeercert(binary_form=True)
        if der is None:
            raise RefusedError("it showed no certificate")
        try:
            certificate = certificate_of(der)
            self._responders.check(der, self._current().authorities)
        except ValueError as error:
            raise RefusedError(f"its certificate cannot be read: {error}") from error
        return certificate

    def _current(self) -> _Loaded:
        with self._lock:
            stamp = self._stamp()
            if stamp != self._loaded.stamp or monotonic() > self._loaded.until:
                self._take(stamp)
            return self._loaded

    def _take(self, stamp: Stamp) -> None:
        """New files where they are whole; else the old ones stay, and that is told once a minute."""
        if stamp == self._broken and monotonic() < self._complained + COMPLAINT_EVERY_S:
            return
        former = self._loaded
        try:
            self._loaded = self._load(stamp)
        except SettingsError as error:
            self._broken, self._complained = stamp, monotonic()
            log.error("the changed TLS files are not taken; the former ones stay in force", why=str(error))
            return
        if former.stamp != stamp:
            log.info("TLS files taken", subject=self._loaded.own.subject, until=self._loaded.own.not_after.isoformat())

    def _load(self, stamp: Stamp) -> _Loaded:
        context = self._make(self._files)
        until = monotonic() + LONGEST_S
        return _Loaded(stamp, until, context, certificates_in(self._files.trusted, "tls.trusted"), own_certificate(self._files.certificate))

    def _stamp(self) -> Stamp:
        files = (self._files.certificate, self._files.key, self._files.trusted, self._files.revoked)
        return tuple(_stamp(file) for file in files if file is not None)


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
