"""A certificate authority for tests: issues, revokes, and answers as an OCSP responder."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Files:
    """The files of one [tls] section."""

    certificate: Path
    key: Path
    trusted: Path
    revoked: Path | None = None


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"), x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    """Issues into a folder. Names are told apart by `common`."""

    def __init__(self, folder: Path, common: str = "Test CA") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name(common)
        self.key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(self.name, self.name, self.key, NOW + timedelta(days=3650))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())
        self.file = folder / "ca.crt"
        self.file.write_bytes(self.certificate.public_bytes(PEM))

    def issue(
        self, common: str, *, days: float = 365, host: str = "localhost", responder: str | None = None, passphrase: str = ""
    ) -> Files:
        """Key and certificate ``<common>.key`` and ``<common>.crt``, for both ends of a connection on this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        places = x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ip_address("127.0.0.1"))])
        if host != "localhost":
            places = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = _builder(name(common), self.name, key, NOW + timedelta(days=days))
        builder = builder.add_extension(uses, critical=False).add_extension(places, critical=False)
        if responder is not None:
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder))
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        certificate, keyfile = self.folder / f"{common}.crt", self.folder / f"{common}.key"
        certificate.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(PEM))
        secret = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        keyfile.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, secret))
        return Files(certificate, keyfile, self.file)

    def revoke(self, *revoked: Files, days: float = 7) -> Path:
        """A list of revoked certificates that is good for so many days."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(NOW - timedelta(days=8)).next_update(NOW + timedelta(days=days))
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(read(one.certificate).serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(NOW - timedelta(days=8)).build())
        file = self.folder / "ca.crl"
        file.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(PEM))
        return file

    def answer(self, question: bytes, status: ocsp.OCSPCertStatus, *, until: datetime, signer: Authority | None = None) -> bytes:
        """An OCSP answer, signed by this authority, or by another that has no business to."""
        asked = ocsp.load_der_ocsp_request(question)
        serial = asked.serial_number
        issued = next(one for one in map(read, self.folder.glob("*.crt")) if one.serial_number == serial)
        signer = signer or self
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=issued,
            issuer=self.certificate,
            algorithm=hashes.SHA1(),
            cert_status=status,
            this_update=NOW - timedelta(hours=2),
            next_update=until,
            revocation_time=NOW - timedelta(days=1) if status is ocsp.OCSPCertStatus.REVOKED else None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, signer.certificate)
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Responder:
    """An OCSP responder whose answers a test sets. `asked` counts the questions."""

    def __init__(self) -> None:
        self.authority: Authority | None = None
        self.status = ocsp.OCSPCertStatus.GOOD
        self.until = NOW + timedelta(days=1)
        self.signer: Authority | None = None
        self.asked = 0
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[Responder]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked += 1
                question = self.rfile.read(int(self.headers["Content-Length"]))
                answer = outer.authority.answer(question, outer.status, until=outer.until, signer=outer.signer)
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *words: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def read(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, until: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - timedelta(days=400))
    return builder.not_valid_after(until)
