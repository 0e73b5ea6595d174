"""The two kinds of TLS context: of a port that asks for certificates, and of a connection to a peer (RFC 9325)."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Protocol

from node.errors import SettingsError
from node.tls.certificates import certificates_in, read, revoked_in

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:@SECLEVEL=2"
"""For TLS 1.2 (RFC 9325 4.2); level 2 asks for RSA of 2048 bits, curves of 224, and no SHA-1. All suites of TLS 1.3 are as good."""


class TlsFiles(Protocol):
    """The files of [tls], PEM each; `node.settings.network.TlsSection` is one."""

    @property
    def certificate(self) -> Path:
        """Our certificate, with those that lead to its authority."""
        ...

    @property
    def key(self) -> Path:
        """Its private key, without a passphrase."""
        ...

    @property
    def trusted(self) -> Path:
        """The certificates of the authorities that we trust."""
        ...

    @property
    def revoked(self) -> Path | None:
        """Their lists of revoked certificates."""
        ...


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For a port: every caller must show a certificate that a trusted authority issued and has not revoked.

    Raises
    ------
    SettingsError : a file cannot be read, or does not belong to the others
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, files)
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def server_context_without_callers(files: TlsFiles) -> ssl.SSLContext:
    """For a web port, whose callers show a token instead of a certificate."""
    context = server_context(files)
    context.verify_mode = ssl.CERT_NONE
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """For one connection to a peer: it shows our certificate, and wants one in the name by which the peer is called.

    Raises
    ------
    SettingsError : a file cannot be read, or does not belong to the others
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, files)  # certificate and host name are checked, as is that kind's default


def _context(protocol: int, files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    _show(context, files)
    _trust(context, files)
    return context


def _show(context: ssl.SSLContext, files: TlsFiles) -> None:
    certificates_in(files.certificate, "tls.certificate")
    read(files.key, "tls.key")

    def no_passphrase() -> str:
        raise SettingsError(
            [f"tls.key: {files.key} has a passphrase, and nobody is there to type it; expected one without (openssl pkey -in … -out …)"]
        )

    try:
        context.load_cert_chain(files.certificate, files.key, password=no_passphrase)
    except ssl.SSLError as error:
        raise SettingsError([f"tls.key: {files.key} and {files.certificate} do not belong together: {error.reason or error}"]) from error


def _trust(context: ssl.SSLContext, files: TlsFiles) -> None:
    certificates_in(files.trusted, "tls.trusted")
    try:
        context.load_verify_locations(files.trusted)
        if files.revoked is not None:
            revoked_in(files.revoked)
            context.load_verify_locations(files.revoked)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    except ssl.SSLError as error:
        raise SettingsError([f"tls.trusted: OpenSSL does not take it: {error.reason or error}"]) from error
