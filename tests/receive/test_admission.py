"""Who may come in: titles, addresses, certificates, limits, callers that a person let in, and strangers that are remembered."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from knocking import MemoryBook, Now, listening
from network import associated, wait_until
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from structlog.testing import capture_logs

from node.dimse import echo
from node.domain.arrivals import Caller, Certificate, Rejection
from node.domain.callers import AcceptedCaller
from node.errors import RefusedError, SettingsError, TemporaryError
from node.receive.admission import PeerAdmission
from node.receive.seldom import Seldom
from node.receive.strangers import MOST, Strangers
from node.settings.network import PeerSection

SHOWN = Certificate("CN=mr3t,C=CH", "ab" * 32, datetime(2030, 1, 1, tzinfo=UTC))
UNKNOWN = (1, 1, 3)
BUSY = (2, 3, 2)
UNKNOWN_TITLE = Rejection(*UNKNOWN, "no peer has this AE title")


def caller(title: str = "MR3T", host: str = "10.1.2.3", certificate: Certificate | None = None) -> Caller:
    return Caller(title, "EMBER", host, 40000, certificate=certificate)


class Site:
    """An admission and what it said of those that it turned away."""

    def __init__(self, *peers: PeerSection, most: int = 64) -> None:
        self.turned_away: list[str] = []
        self.admission = PeerAdmission(peers, max_associations=most)

    def admit(self, who: Caller) -> str | tuple[int, int, int]:
        """The peer's name, or the codes of the rejection."""
        answer = self.admission.admit(who)
        if isinstance(answer, str):
            return answer
        self.turned_away.append(answer.why)
        return (answer.result, answer.source, answer.reason)


def mr3t(**changes: object) -> PeerSection:
    return PeerSection(**{"name": "mr3t", "ae_titles": ("MR3T", "MR3T_QR"), **changes})


def test_with_no_peers_nobody_comes_in() -> None:
    site = Site()

    assert site.admit(caller()) == UNKNOWN
    assert site.turned_away == ["no peer has this AE title"]


def test_a_peer_comes_in_under_each_of_its_titles_and_under_no_other() -> None:
    site = Site(mr3t())

    assert [site.admit(caller(title)) for title in ("MR3T", "MR3T_QR", "mr3t", "MR3", "")] == ["mr3t", "mr3t", *[UNKNOWN] * 3]


@pytest.mark.parametrize(
    ("host", "let_in"), [("10.1.2.3", True), ("10.1.4.77", True), ("10.1.5.1", False), ("fd00::1", True), ("fd01::1", False)]
)
def test_a_peer_comes_in_from_its_addresses_alone(host: str, let_in: bool) -> None:
    site = Site(mr3t(addresses=("10.1.2.3", "10.1.4.0/24", "fd00::/16")))

    assert site.admit(caller(host=host)) == ("mr3t" if let_in else UNKNOWN)


@pytest.mark.parametrize("named", ["AB:" * 31 + "AB", "CN=mr3t,C=CH"])
def test_a_peer_with_certificates_comes_in_with_one_of_them_alone(named: str) -> None:
    site = Site(mr3t(certificates=(named,)))
    other = Certificate("CN=other,C=CH", "cd" * 32, SHOWN.not_after)

    assert site.admit(caller(certificate=SHOWN)) == "mr3t"
    assert site.admit(caller(certificate=other)) == UNKNOWN
    assert site.admit(caller()) == UNKNOWN  # the plain port is no way around it
    assert site.turned_away == [
        "its certificate is none of peer mr3t",
        "peer mr3t may come in by TLS with its certificate alone",
    ]


def test_a_certificate_that_none_can_be_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(SettingsError, match="peer mr3t: certificates: expected a SHA-256 fingerprint"):
        Site(mr3t(certificates=("mr3t",)))


def test_two_scanners_of_one_title_are_told_apart_by_address() -> None:
    site = Site(mr3t(addresses=("10.1.1.1",)), mr3t(name="other", addresses=("10.1.1.2",)))

    assert [site.admit(caller(host=f"10.1.1.{last}")) for last in (1, 2, 3)] == ["mr3t", "other", UNKNOWN]
    assert site.turned_away == ["its address is none of peer mr3t; its address is none of peer other"]


def test_a_peer_at_its_limit_waits_for_one_of_its_own_and_others_do_not() -> None:
    site = Site(mr3t(max_associations=2), PeerSection(name="ct", ae_titles=("CT",)))

    assert [site.admit(caller()) for _ in range(3)] == ["mr3t", "mr3t", BUSY]
    assert site.admit(caller("CT")) == "ct"
    site.admission.left("mr3t")
    assert site.admit(caller()) == "mr3t"
    assert site.turned_away == ["peer mr3t has 2 associations open, as many as it may"]


def test_all_peers_together_have_a_limit() -> None:
    site = Site(mr3t(), PeerSection(name="ct", ae_titles=("CT",)), most=2)

    assert [site.admit(caller()), site.admit(caller("CT")), site.admit(caller("CT"))] == ["mr3t", "ct", BUSY]


def test_a_caller_that_a_person_let_in_comes_in_from_its_host_alone() -> None:
    site = Site(mr3t(max_associations=1))
    site.admission.accept([AcceptedCaller("mr3t", "NEW", "10.9.9.9", ""), AcceptedCaller("pet", "PET", "10.9.9.8", SHOWN.fingerprint)])

    assert site.admit(caller("NEW", "10.9.9.9")) == "mr3t"
    assert site.admit(caller("NEW", "10.9.9.7")) == UNKNOWN
    assert site.admit(caller("MR3T")) == BUSY  # it counts as the peer as which it was let in
    assert site.admit(caller("PET", "10.9.9.8", SHOWN)) == "pet"
    assert site.admit(caller("PET", "10.9.9.8")) == UNKNOWN
    site.admission.accept([])
    assert site.admit(caller("PET", "10.9.9.8", SHOWN)) == UNKNOWN


def test_a_flood_of_strangers_is_one_entry_each_and_bounded() -> None:
    book = MemoryBook()
    strangers, admission = Strangers(book, Now(), ("EMBER",)), Site().admission
    for number in range(3 * MOST):
        strangers.turned_away(caller(f"S{number % (2 * MOST)}"), UNKNOWN_TITLE)
    strangers.turn(admission)
    strangers.turn(admission)

    (batch,) = book.batches
    assert len(batch) == MOST
    assert {one.times for one in batch} == {2}


def test_the_nodes_own_check_is_no_stranger() -> None:
    book = MemoryBook()
    strangers = Strangers(book, Now(), ("EMBER",))
    strangers.turned_away(caller("EMBER", "127.0.0.1"), UNKNOWN_TITLE)
    strangers.turned_away(caller("EMBER", "10.1.2.3"), UNKNOWN_TITLE)
    strangers.turn(Site().admission)

    assert book.seen == [("EMBER", "10.1.2.3", 1)]


def test_a_peer_that_may_come_again_later_is_no_stranger() -> None:
    book = MemoryBook()
    strangers = Strangers(book, Now(), ("EMBER",))
    with capture_logs() as logs:
        for _ in range(3):
            strangers.turned_away(caller(), Rejection(*BUSY, "peer mr3t has 2 associations open"))
    strangers.turn(Site().admission)

    assert book.batches == []
    assert [(entry["calling_ae"], entry["times"]) for entry in logs] == [("MR3T", 1)]


def test_a_register_that_fails_leaves_those_in_who_were_let_in() -> None:
    def fail() -> tuple[AcceptedCaller, ...]:
        raise TemporaryError("the register does not answer")

    site, book = Site(), MemoryBook(let_in=(AcceptedCaller("new", "NEW", "10.9.9.9", ""),))
    strangers = Strangers(book, Now(), ("EMBER",))
    strangers.turn(site.admission)
    broken = Strangers(SimpleNamespace(turned_away=None, accepted=fail), Now(), ("EMBER",))
    broken.turn(site.admission)

    assert site.admit(caller("NEW", "10.9.9.9")) == "new"


def test_strangers_whom_the_register_did_not_take_are_handed_over_later() -> None:
    def fail(callers: object) -> None:
        raise TemporaryError("the register does not answer")

    book = MemoryBook()
    strangers = Strangers(SimpleNamespace(turned_away=fail, accepted=book.accepted), Now(), ("EMBER",))
    strangers.turned_away(caller(), UNKNOWN_TITLE)
    strangers.turn(Site().admission)
    strangers._book = book
    strangers.turn(Site().admission)

    assert book.seen == [("MR3T", "10.1.2.3", 1)]


def test_what_is_told_seldom_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("node.receive.seldom.monotonic", lambda: now[0])
    seldom = Seldom(every_s=60)
    first = [seldom.due("a") for _ in range(5)]
    now[0] = 161.0

    assert first == [1, 0, 0, 0, 0]
    assert [seldom.due("a"), seldom.due("a")] == [5, 0]
    assert [seldom.due(f"k{number}") for number in range(1000)].count(1) < 300  # and what it remembers is bounded


def test_over_the_network_strangers_are_turned_away_listed_and_let_in_without_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.receive.receiver.EVERY_S", 0.05)
    with listening() as place:
        for _ in range(2):
            with pytest.raises(RefusedError, match="Calling AE title not recognised"):
                echo(place.peer(calling="STRANGER"))
        wait_until(lambda: sum(times for _, _, times in place.book.seen) == 2)
        with pytest.raises(RefusedError, match="Called AE title not recognised"):
            echo(place.peer(called="OTHER"))
        wait_until(lambda: place.book.batches[-1][-1].why == "called AE title is not ours")
        place.book.let_in = (AcceptedCaller("new", "STRANGER", "127.0.0.1", ""),)
        wait_until(lambda: comes_in(place))
    assert {(title, host) for title, host, _ in place.book.seen} == {("STRANGER", "127.0.0.1"), ("MR3T", "127.0.0.1")}


def comes_in(place: object) -> bool:
    try:
        return echo(place.peer(calling="STRANGER")).status == 0x0000
    except (RefusedError, TemporaryError):  # the library's client sometimes loses a rejection that came
        return False


def test_over_the_network_a_peer_at_its_limit_is_told_to_come_again() -> None:
    peers = [PeerSection(name="mr3t", ae_titles=("MR3T",), max_associations=2), PeerSection(name="ct", ae_titles=("CT",))]
    contexts = [(MRImageStorage, ExplicitVRLittleEndian)]
    with listening(peers) as place:
        held = [associated(place.receiver.port, contexts) for _ in range(2)]
        with pytest.raises(TemporaryError, match="Local limit exceeded"):
            echo(place.peer())
        assert echo(place.peer(calling="CT")).status == 0x0000
        held[0].release()
        wait_until(lambda: answers(place))
        held[1].release()


def answers(place: object) -> bool:
    try:
        return echo(place.peer()).status == 0x0000
    except TemporaryError:
        return False
