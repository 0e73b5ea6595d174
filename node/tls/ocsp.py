"""OCSP (RFC 6960): the question to the responder that a caller's certificate names, whether it has been revoked."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from http.client import HTTPConnection, HTTPException
from time import monotonic
from urllib.parse import urlsplit

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from node.errors import RefusedError, TemporaryError

log = structlog.get_logger()

SKEW = timedelta(minutes=5)
"""By how much the responder's clock and ours may differ."""

LONGEST_MEMORY = timedelta(hours=1)
"""An answer is asked for again after this, however long it says that it holds."""

LARGEST_ANSWER_BYTES = 65536
MOST_REMEMBERED = 1024


class Ocsp(Enum):
    """What the site wants of a certificate's responder; the values are those of the settings."""

    OFF = "off"
    WHEN_NAMED = "when-named"  #: ask the one that the certificate names; let in where none is named, or it does not answer
    REQUIRED = "required"  #: turn away whom no responder calls good


@dataclass(frozen=True)
class _Answer:
    status: ocsp.OCSPCertStatus
    until: datetime


class Responders:
    """Asks about certificates, and remembers the answers for a while. May be called from several threads.

    Parameters
    ----------
    timeout_s : for one question in all
    """

    def __init__(self, policy: Ocsp, *, timeout_s: float) -> None:
        self._policy = policy
        self._timeout_s = timeout_s
        self._answers: dict[bytes, _Answer] = {}
        self._lock = threading.Lock()

    def check(self, der: bytes, authorities: Sequence[x509.Certificate]) -> None:
        """Return where the caller may come in.

        Parameters
        ----------
        der : the caller's certificate, already verified
        authorities : among whom its issuer is looked for

        Raises
        ------
        RefusedError : it was revoked, or is not known to the responder; with `REQUIRED` also where that could not be found out
        """
        if self._policy is Ocsp.OFF:
            return
        certificate = x509.load_der_x509_certificate(der)
        url = _responder(certificate)
        if url is None:
            if self._policy is Ocsp.REQUIRED:
                raise RefusedError("its certificate names no OCSP responder")
            return
        try:
            status = self._status(certificate, authorities, url)
        except TemporaryError as error:
            if self._policy is Ocsp.REQUIRED:
                raise RefusedError(f"whether its certificate was revoked could not be found out: {error}") from error
            log.warning("let in without OCSP", subject=certificate.subject.rfc4514_string(), why=str(error))
            return
        if status is not ocsp.OCSPCertStatus.GOOD:
            raise RefusedError(f"OCSP says of its certificate: {status.name.lower()}")

    def _status(self, certificate: x509.Certificate, authorities: Sequence[x509.Certificate], url: str) -> ocsp.OCSPCertStatus:
        name = certificate.fingerprint(hashes.SHA256())
        now = datetime.now(UTC)
        with self._lock:
            known = self._answers.get(name)
        if known is not None and now < known.until:
            return known.status
        issuer = _issuer(certificate, authorities)
        answer = _read(_ask(url, _question(certificate, issuer), self._timeout_s), certificate, issuer, now)
        with self._lock:
            if len(self._answers) >= MOST_REMEMBERED:
                self._answers.clear()
            self._answers[name] = answer
        return answer.status


def _responder(certificate: x509.Certificate) -> str | None:
    try:
        places = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return None
    named = (place.access_location.value for place in places if place.access_method == AuthorityInformationAccessOID.OCSP)
    return next(iter(named), None)


def _issuer(certificate: x509.Certificate, authorities: Sequence[x509.Certificate]) -> x509.Certificate:
    for authority in authorities:
        if authority.subject == certificate.issuer and _issued(authority, certificate):
            return authority
    raise TemporaryError("the authority that issued it is not itself in tls.trusted")


def _issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _question(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    # SHA-1 only names the certificate here; it is the one hash that every responder knows (RFC 5019 2.1.1).
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()
    return request.public_bytes(serialization.Encoding.DER)


def _ask(url: str, question: bytes, timeout_s: float) -> bytes:
    """The responder's answer by HTTP POST (RFC 6960 A.1); TemporaryError where there is none in time."""
    place = urlsplit(url)
    if place.scheme != "http" or not place.hostname:
        raise TemporaryError(f"the responder {url} is not asked by http")
    end = monotonic() + timeout_s
    try:
        connection = HTTPConnection(place.hostname, place.port or 80, timeout=timeout_s)
        try:
            connection.request("POST", place.path or "/", question, {"Content-Type": "application/ocsp-request"})
            answer = connection.getresponse()
            found = b""
            while piece := answer.read1(4096):
                found += piece
                if len(found) > LARGEST_ANSWER_BYTES or monotonic() > end:
                    raise TemporaryError(f"the responder {url} did not come to an end")
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        raise TemporaryError(f"the responder {url} did not answer: {error}") from error
    if answer.status != 200:
        raise TemporaryError(f"the responder {url} answered with HTTP status {answer.status}")
    return found


def _read(encoded: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> _Answer:
    """What an answer says; TemporaryError where it says nothing that can be trusted."""
    try:
        answer = ocsp.load_der_ocsp_response(encoded)
    except ValueError as error:
        raise TemporaryError("the responder's answer is none") from error
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise TemporaryError(f"the responder answered: {answer.response_status.name.lower()}")
    if answer.serial_number != certificate.serial_number or answer.issuer_name_hash != _hash_of(issuer.subject, answer):
        raise TemporaryError("the responder's answer is about another certificate")
    begin, end = answer.this_update_utc, answer.next_update_utc or answer.this_update_utc + LONGEST_MEMORY
    if not begin - SKEW <= now <= end + SKEW:
        raise TemporaryError(f"the responder's answer held from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
    _verify(answer, issuer, now)
    return _Answer(answer.certificate_status, min(end, now + LONGEST_MEMORY))


def _hash_of(name: x509.Name, answer: ocsp.OCSPResponse) -> bytes:
    digest = hashes.Hash(answer.hash_algorithm)
    digest.update(name.public_bytes())
    return digest.finalize()


def _verify(answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> None:
    """Signed by the issuer itself, or by whom it has charged with that (RFC 6960 4.2.2.2)."""
    for signer in (issuer, *(one for one in answer.certificates if _is_charged(one, issuer, now))):
        if _signed(answer, signer):
            return
    raise TemporaryError("the responder's answer is not signed by the authority, nor in its name")


def _is_charged(signer: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    try:
        uses = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    in_time = signer.not_valid_before_utc <= now <= signer.not_valid_after_utc
    return ExtendedKeyUsageOID.OCSP_SIGNING in uses and in_time and signer.issuer == issuer.subject and _issued(issuer, signer)


def _signed(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, algorithm = signer.public_key(), answer.signature_hash_algorithm
    if algorithm is None:  # Ed25519 and its like, which no responder that we know of uses
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True
