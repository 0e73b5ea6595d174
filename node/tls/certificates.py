"""Certificates and lists of revoked ones, as they are read from PEM files, and the ways in which the site may name one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from node.domain.arrivals import Certificate
from node.errors import SettingsError

_CRL = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Dates:
    """Until when something is good: a certificate, or a list of revoked ones."""

    what: str
    until: datetime


def certificate_of(der: bytes) -> Certificate:
    """A certificate as the rest of the node knows it; ValueError where it is none."""
    return _plain(x509.load_der_x509_certificate(der))


def own_certificate(file: Path) -> Certificate:
    """The first certificate of a PEM file, which is our own; those that follow lead to its authority.

    Raises
    ------
    SettingsError : it cannot be read
    """
    return _plain(certificates_in(file, "tls.certificate")[0])


def certificates_in(file: Path, key: str) -> Sequence[x509.Certificate]:
    """All certificates of a PEM file.

    Raises
    ------
    SettingsError : it cannot be read, or holds none; begins with the key
    """
    try:
        return x509.load_pem_x509_certificates(read(file, key))
    except ValueError as error:
        raise SettingsError([f"{key}: {file} holds no certificate in PEM form: {error}"]) from error


def revoked_in(file: Path) -> Sequence[x509.CertificateRevocationList]:
    """All lists of revoked certificates in a PEM file.

    Raises
    ------
    SettingsError : it cannot be read, or holds none
    """
    try:
        found = [x509.load_pem_x509_crl(part) for part in _CRL.findall(read(file, "tls.revoked"))]
    except ValueError as error:
        raise SettingsError([f"tls.revoked: {file} is damaged: {error}"]) from error
    if not found:
        raise SettingsError([f"tls.revoked: {file} holds no list of revoked certificates in PEM form (BEGIN X509 CRL)"])
    return found


def dates(certificate: Path, trusted: Path, revoked: Path | None) -> tuple[Dates, ...]:
    """Until when our own certificate, the authorities and the lists of revoked certificates are good, our own first.

    Raises
    ------
    SettingsError : one of the files cannot be read
    """
    found = [Dates("our certificate", own_certificate(certificate).not_after)]
    for authority in certificates_in(trusted, "tls.trusted"):
        found.append(Dates(f"trusted {authority.subject.rfc4514_string()}", authority.not_valid_after_utc))
    for revocations in revoked_in(revoked) if revoked else ():
        if revocations.next_update_utc is not None:
            found.append(Dates(f"list of revoked certificates of {revocations.issuer.rfc4514_string()}", revocations.next_update_utc))
    return tuple(found)


def normal_identity(text: str) -> str:
    """A certificate as the site names it, in the one form in which `Certificate` has it.

    Parameters
    ----------
    text : a SHA-256 fingerprint in hexadecimal, colons and case are no matter; or a subject as RFC 4514 writes it

    Raises
    ------
    ValueError : it is neither
    """
    digits = re.sub(r"[:\s]", "", text).lower()
    if _FINGERPRINT.fullmatch(digits):
        return digits
    try:
        name = x509.Name.from_rfc4514_string(text)
    except ValueError:
        name = x509.Name([])
    if not list(name):
        raise ValueError(f"expected a SHA-256 fingerprint of 64 hexadecimal digits, or a subject such as CN=mr3t,O=Hospital; found {text}")
    return name.rfc4514_string()


def read(file: Path, key: str) -> bytes:
    """The bytes of a file of [tls]; SettingsError where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError([f"{key}: {file} cannot be read: {error.strerror}"]) from error


def _plain(certificate: x509.Certificate) -> Certificate:
    return Certificate(
        subject=certificate.subject.rfc4514_string(),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        not_after=certificate.not_valid_after_utc,
    )
