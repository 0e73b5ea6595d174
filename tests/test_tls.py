"""TLS: who is let in and who is not, files that change, and the answers of OCSP responders."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from authority import NOW, Authority, Files, Responder
from cryptography.x509 import ocsp
from structlog.testing import capture_logs

from node.domain.arrivals import Certificate
from node.errors import RefusedError, SettingsError
from node.settings.network import TlsSection
from node.tls import Credentials, Ocsp, client_context, dates, normal_identity, own_certificate, server_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def node(authority: Authority) -> Files:
    return authority.issue("node")


@pytest.fixture(scope="module")
def mr3t(authority: Authority) -> Files:
    return authority.issue("mr3t")


def met(credentials: Credentials, client: ssl.SSLContext, *, name: str = "127.0.0.1") -> Certificate:
    """What the port learns of a caller; raises what either side raised, ours first."""
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    theirs.settimeout(5)
    failures: list[Exception] = []

    def call() -> None:
        try:
            with client.wrap_socket(theirs, server_hostname=name) as connection:
                connection.recv(1)  # in TLS 1.3 a refusal of our certificate comes after the handshake
        except OSError as error:
            failures.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    try:
        with credentials.server().wrap_socket(ours, server_side=True) as connection:
            return credentials.caller(connection)
    finally:
        ours.close()
        caller.join()


def test_a_caller_with_a_certificate_of_ours_is_known_by_subject_and_fingerprint(node: Files, mr3t: Files) -> None:
    certificate = met(Credentials(node), client_context(mr3t))

    assert certificate == own_certificate(mr3t.certificate)
    assert certificate.subject == "CN=mr3t,C=CH"
    assert certificate.not_after == NOW + timedelta(days=365)


def test_the_settings_section_names_the_files(node: Files, mr3t: Files) -> None:
    section = TlsSection(certificate=node.certificate, key=node.key, trusted=node.trusted)

    assert met(Credentials(section), client_context(mr3t)).subject == "CN=mr3t,C=CH"


def test_strangers_the_nameless_and_the_expired_are_not_let_in(authority: Authority, node: Files, tmp_path: Path) -> None:
    stranger = replace(Authority(tmp_path, "Other CA").issue("mr3t"), trusted=node.trusted)
    nameless = ssl.create_default_context(cafile=node.trusted)
    for client in (client_context(stranger), nameless, client_context(authority.issue("old", days=-1))):
        with pytest.raises(ssl.SSLError):
            met(Credentials(node), client)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_not_spoken(node: Files, mr3t: Files, version: ssl.TLSVersion) -> None:
    client = client_context(mr3t)
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.minimum_version = client.maximum_version = version
    with pytest.raises(ssl.SSLError):
        met(Credentials(node), client)


@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES256-GCM-SHA384"])
def test_suites_without_forward_secrecy_or_authenticated_encryption_are_not_spoken(node: Files, mr3t: Files, suite: str) -> None:
    client = client_context(mr3t)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(suite)
    with pytest.raises(ssl.SSLError):
        met(Credentials(node), client)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_are_spoken(node: Files, mr3t: Files, version: ssl.TLSVersion) -> None:
    client = client_context(mr3t)
    client.minimum_version = client.maximum_version = version

    assert met(Credentials(node), client).subject == "CN=mr3t,C=CH"


def test_a_revoked_caller_is_turned_away_and_another_is_not(authority: Authority, node: Files, mr3t: Files) -> None:
    revoked = authority.issue("stolen")
    credentials = Credentials(replace(node, revoked=authority.revoke(revoked)))

    assert met(credentials, client_context(mr3t)).subject == "CN=mr3t,C=CH"
    with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
        met(credentials, client_context(revoked))


def test_a_list_of_revoked_certificates_that_has_run_out_turns_everybody_away(authority: Authority, node: Files, mr3t: Files) -> None:
    credentials = Credentials(replace(node, revoked=authority.revoke(days=-1)))
    with pytest.raises(ssl.SSLCertVerificationError, match="CRL has expired"):
        met(credentials, client_context(mr3t))


def test_a_peer_in_another_name_than_the_one_called_is_not_spoken_to(authority: Authority, mr3t: Files) -> None:
    other = authority.issue("other", host="other.hospital.example")
    with pytest.raises(ssl.SSLError):
        met(Credentials(other), client_context(mr3t))
    assert met(Credentials(other), client_context(mr3t), name="other.hospital.example").subject == "CN=mr3t,C=CH"


def test_files_that_change_are_taken_at_the_next_handshake(authority: Authority, mr3t: Files, tmp_path: Path) -> None:
    files = copied(authority.issue("first"), tmp_path)
    credentials = Credentials(files)
    before = credentials.own
    renewed = authority.issue("second")
    files.certificate.write_bytes(renewed.certificate.read_bytes())
    with capture_logs() as logs:
        assert met(credentials, client_context(mr3t)).subject == "CN=mr3t,C=CH"  # the key does not fit yet: the former pair serves
        assert credentials.own == before
        files.key.write_bytes(renewed.key.read_bytes())
        assert credentials.own.subject == "CN=second,C=CH"

    assert [entry["log_level"] for entry in logs] == ["error", "info"]
    assert "do not belong together" in logs[0]["why"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_outlives_five_minutes_or_a_change_of_the_files(
    authority: Authority, mr3t: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: ssl.TLSVersion
) -> None:
    now = [1000.0]
    monkeypatch.setattr("node.tls.credentials.monotonic", lambda: now[0])
    files = copied(authority.issue("node"), tmp_path)
    credentials, client = Credentials(files), client_context(mr3t)
    client.minimum_version = client.maximum_version = version
    session = resumed(credentials, client, None)[0]
    known = resumed(credentials, client, session)[1]
    now[0] += 301
    later, reused_later = resumed(credentials, client, session)
    files.certificate.touch()
    reused_after_a_change = resumed(credentials, client, later)[1]

    assert known is (version is ssl.TLSVersion.TLSv1_2)
    assert not reused_later
    assert not reused_after_a_change


def resumed(credentials: Credentials, client: ssl.SSLContext, session: ssl.SSLSession | None) -> tuple[ssl.SSLSession, bool]:
    """The session of a connection, and whether it was an earlier one."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        with credentials.server().wrap_socket(ours, server_side=True) as connection:
            connection.sendall(b"!")
            connection.unwrap()  # an end that is not said spoils the session

    answering = threading.Thread(target=answer)
    answering.start()
    try:
        with client.wrap_socket(theirs, server_hostname="127.0.0.1", session=session) as connection:
            connection.recv(1)
            session, reused = connection.session, connection.session_reused
            connection.unwrap()
            return session, reused
    finally:
        answering.join()


def test_a_file_that_vanishes_keeps_the_former_ones_in_force(authority: Authority, mr3t: Files, tmp_path: Path) -> None:
    files = copied(authority.issue("node"), tmp_path)
    credentials = Credentials(files)
    files.trusted.unlink()
    with capture_logs() as logs:
        assert met(credentials, client_context(mr3t)).subject == "CN=mr3t,C=CH"

    assert [entry["log_level"] for entry in logs] == ["error"]


def copied(files: Files, folder: Path) -> Files:
    """The same files in a folder of their own, to be changed."""
    for file in (files.certificate, files.key, files.trusted):
        (folder / file.name).write_bytes(file.read_bytes())
    return Files(folder / files.certificate.name, folder / files.key.name, folder / files.trusted.name)


def test_a_key_with_a_passphrase_is_refused_with_a_sentence(authority: Authority) -> None:
    with pytest.raises(SettingsError, match="has a passphrase"):
        server_context(authority.issue("secret", passphrase="geheim"))


@pytest.mark.parametrize("broken", ["certificate", "key", "trusted", "revoked"])
@pytest.mark.parametrize("how", ["missing", "garbage"])
def test_a_broken_file_is_told_with_its_key(node: Files, tmp_path: Path, broken: str, how: str) -> None:
    file = tmp_path / "broken.pem"
    if how == "garbage":
        file.write_text("-----BEGIN NONSENSE-----\n")
    with pytest.raises(SettingsError, match=rf"^tls\.{broken}: .*broken\.pem"):
        server_context(replace(node, **{broken: file}))


def test_dates_are_told_of_our_certificate_the_authority_and_the_list(authority: Authority, node: Files) -> None:
    found = dates(node.certificate, node.trusted, authority.revoke(days=3))

    assert [(one.what, (one.until - NOW).days) for one in found] == [
        ("our certificate", 365),
        ("trusted CN=Test CA,C=CH", 3650),
        ("list of revoked certificates of CN=Test CA,C=CH", 3),
    ]


def test_a_certificate_may_be_named_by_fingerprint_or_subject(mr3t: Files) -> None:
    ours = own_certificate(mr3t.certificate)
    spaced = ":".join(ours.fingerprint.upper()[start : start + 2] for start in range(0, 64, 2))

    assert normal_identity(spaced) == ours.fingerprint
    assert normal_identity("CN=mr3t, C=CH".replace(", ", ",")) == ours.subject
    for wrong in ("", "mr3t", "ab" * 31, "CN"):
        with pytest.raises(ValueError, match="expected a SHA-256 fingerprint"):
            normal_identity(wrong)


@pytest.fixture
def responder(authority: Authority) -> Responder:
    with Responder().running() as responder:
        responder.authority = authority
        yield responder


@pytest.mark.parametrize("policy", [Ocsp.WHEN_NAMED, Ocsp.REQUIRED])
@pytest.mark.parametrize("status", list(ocsp.OCSPCertStatus))
def test_what_a_responder_says_holds(
    authority: Authority, node: Files, responder: Responder, policy: Ocsp, status: ocsp.OCSPCertStatus
) -> None:
    caller = authority.issue("asked", responder=responder.url)
    responder.status = status
    credentials = Credentials(node, policy)
    if status is ocsp.OCSPCertStatus.GOOD:
        assert met(credentials, client_context(caller)).subject == "CN=asked,C=CH"
    else:
        with pytest.raises(RefusedError, match=status.name.lower()):
            met(credentials, client_context(caller))


def test_an_answer_is_remembered(authority: Authority, node: Files, responder: Responder) -> None:
    client = client_context(authority.issue("asked", responder=responder.url))
    credentials = Credentials(node, Ocsp.REQUIRED)
    for _ in range(3):
        met(credentials, client)

    assert responder.asked == 1


def _stale(responder: Responder, _folder: Path) -> None:
    responder.until = NOW - timedelta(hours=1)


def _forged(responder: Responder, folder: Path) -> None:
    responder.signer = Authority(folder, "Test CA")  # the same name, another key


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("spoil", [_stale, _forged])
def test_an_answer_that_cannot_be_trusted_is_none(
    authority: Authority, node: Files, responder: Responder, tmp_path: Path, spoil: Callable[[Responder, Path], None]
) -> None:
    caller = client_context(authority.issue("asked", responder=responder.url))
    responder.status = ocsp.OCSPCertStatus.GOOD
    spoil(responder, tmp_path)
    with pytest.raises(RefusedError, match="could not be found out"):
        met(Credentials(node, Ocsp.REQUIRED), caller)
    with capture_logs() as logs:
        assert met(Credentials(node, Ocsp.WHEN_NAMED), caller).subject == "CN=asked,C=CH"
    assert [entry["event"] for entry in logs] == ["let in without OCSP"]


def test_a_responder_that_does_not_answer_turns_away_only_where_it_is_required(authority: Authority, node: Files) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        caller = client_context(authority.issue("asked", responder=f"http://127.0.0.1:{deaf.getsockname()[1]}/"))
        deaf.close()  # nobody listens there any more
        with pytest.raises(RefusedError, match="did not answer"):
            met(Credentials(node, Ocsp.REQUIRED), caller)
        with capture_logs() as logs:
            assert met(Credentials(node, Ocsp.WHEN_NAMED), caller).subject == "CN=asked,C=CH"
        assert [entry["log_level"] for entry in logs] == ["warning"]


def test_a_certificate_without_a_responder_comes_in_unless_one_is_required(node: Files, mr3t: Files) -> None:
    assert met(Credentials(node, Ocsp.WHEN_NAMED), client_context(mr3t)).subject == "CN=mr3t,C=CH"
    with pytest.raises(RefusedError, match="names no OCSP responder"):
        met(Credentials(node, Ocsp.REQUIRED), client_context(mr3t))
