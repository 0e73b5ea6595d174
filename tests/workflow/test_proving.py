"""DELIVERED means proven: archives that commit, commit partly, late, twice, never, for another; that show what they have, or do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from delivery_site import Site
from faulty_archive import QUERY, report
from network import dataset_bytes, digest, instance, serving, write
from pydicom.dataset import Dataset

from node.deliver import DimseDestination, commitment
from node.settings import PeerSection
from node.workflow.states import State
from node.workflow.store.rows import Posting
from node.workflow.store.snapshot import Snapshot
from node.workflow.story import showing, showing_text


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commitment, "ANSWER_AT_ONCE_S", 0.05)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def once(site: Site, archive: object) -> bool:
    """Whether each object was accepted once, with the frozen bytes."""
    return sorted(archive.stored) == sorted((path.stem, digest(dataset_bytes(path))) for path in site.paths)


def test_what_the_archive_shows_is_proven_and_delivered(site: Site) -> None:
    archive = site.add("pacs")

    site.run()

    assert site.states() == ["proven"] * 3
    assert site.exam is State.DELIVERED
    assert site.reason == "3 of 3 objects stored by pacs, all proven (found by C-FIND)"
    assert once(site, archive)


def test_pages_go_before_overlays_and_these_before_reports(site: Site) -> None:
    archive = site.add("pacs")

    site.run()

    assert archive.uids == [site.uids[1], site.uids[0], site.uids[2]]  # summary, overlay, report


def test_an_archive_that_commits_later_on_its_own_association_proves_all(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    assert (site.exam, site.states()) == (State.ENCODED, ["stored"] * 3)
    assert "3 of 3 objects stored by pacs, commitment asked" in (site.store.exams.get(1).progress or "")

    told = site.commits(archive)
    site.run()

    assert told == "pacs commits to 3 of 3 objects"
    assert (site.exam, site.states()) == (State.DELIVERED, ["proven"] * 3)
    assert site.reason == "3 of 3 objects stored by pacs, all proven (storage commitment)"
    assert archive.queries == []
    assert once(site, archive)


def test_an_answer_that_is_quicker_than_the_question_counts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = site.add("pacs", commitment=True)
    ask = DimseDestination.commit

    def answered_meanwhile(self: DimseDestination, *asked: Any) -> Any:
        came = ask(self, *asked)
        site.commits(archive)
        return came

    monkeypatch.setattr(DimseDestination, "commit", answered_meanwhile)

    site.run()

    assert (site.exam, site.states()) == (State.DELIVERED, ["proven"] * 3)


def test_a_worker_killed_before_it_could_ask_asks_when_it_starts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = site.add("pacs", commitment=True)

    def killed(self: DimseDestination, *asked: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DimseDestination, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            site.run()
    assert archive.requests == []

    site.set()  # a worker that starts
    site.run()

    assert len(archive.requests) == 1


def test_an_archive_that_commits_on_the_same_association_is_done_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commitment, "ANSWER_AT_ONCE_S", 3.0)
    archive = site.add("pacs", commitment=True)
    archive.reports = lambda transaction, uids: [report(transaction, uids)]

    site.run()

    assert site.exam is State.DELIVERED


def test_a_report_that_overtakes_the_end_of_its_request_counts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commitment, "ANSWER_AT_ONCE_S", 1.0)
    archive = site.add("pacs", commitment=True)
    lost = site.uids[0]

    def by_another_association(transaction: str, uids: list[str]) -> list[Dataset]:
        site.told(report(transaction, [uid for uid in uids if uid != lost], [(lost, 0x0112)] if lost in uids else []))
        return []

    archive.reports = by_another_association
    site.run(passes=1)
    assert site.states() == ["queued", "proven", "proven"]
    assert site.store.deliveries.planned(1, 1)["pacs"] == site.clock.now()


def test_each_object_tells_how_and_when_it_was_proven(site: Site, tmp_path: Path) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    site.clock.time = site.clock.time.replace(minute=7)
    site.commits(archive)
    site.run()

    told = showing(Snapshot(tmp_path), tmp_path, site.store.exams.get(1))["deliveries"]
    assert {(row["proof"], row["proven_at"]) for row in told} == {
        (f"storage commitment {archive.requests[0][0]}", "2026-03-01T12:07:00+00:00")
    }
    text = showing_text(Snapshot(tmp_path), tmp_path, site.store.exams.get(1), 300)
    assert f"1 × summary  proven  answered 0x0000; storage commitment {archive.requests[0][0]}, 2026-03-01" in text


def test_an_archive_that_never_commits_is_asked_anew_and_then_queried(site: Site) -> None:
    archive = site.add("pacs", commitment=True, prove_within_s=600)
    site.run()

    for _ in range(3):
        site.later(601)

    transactions = [transaction for transaction, _ in archive.requests]
    assert len(transactions) == len(set(transactions)) == 3
    assert (site.exam, site.states()) == (State.DELIVERED, ["proven"] * 3)
    assert "found by C-FIND" in site.reason
    assert once(site, archive)


def test_an_archive_that_declines_our_request_is_queried_at_once(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    archive.action_status = 0x0110
    site.run()
    assert (site.exam, site.states(), len(archive.requests)) == (State.DELIVERED, ["proven"] * 3, 1)


def test_an_archive_that_hangs_up_at_our_request_is_queried_and_heard_all_the_same(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    archive.hangs_up, archive.hidden = True, set(site.uids)
    site.run()
    assert (site.states(), len(archive.requests)) == (["stored"] * 3, 1)
    site.commits(archive)
    site.run()
    assert site.exam is State.DELIVERED


def test_an_archive_known_to_be_silent_is_queried_at_once_for_a_day(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    for _ in range(3):
        site.later(601)
    asked = len(archive.requests)

    site.store.exams.move(1, State.ENCODED, "again")
    site.store.deliveries.refused("pacs", [], "")
    other = site.uids[0]
    _forget_proof(site, other)
    site.run()
    assert len(archive.requests) == asked

    _forget_proof(site, other)
    site.store.exams.move(1, State.ENCODED, "again")
    site.later(25 * 3600)
    assert len(archive.requests) == asked + 1


def test_silence_where_commitment_is_wanted_is_asked_for_ever_and_never_called_delivered(site: Site) -> None:
    archive = site.add("pacs", commitment=True, proof="commitment")
    site.run()

    for _ in range(20):
        site.later(601)

    assert len(archive.requests) == 21
    assert archive.queries == []
    assert (site.exam, site.states()) == (State.ENCODED, ["stored"] * 3)


def test_a_late_answer_to_a_request_that_was_given_up_counts(site: Site) -> None:
    archive = site.add("pacs", commitment=True, proof="commitment")
    site.run()
    site.later(601)

    site.commits(archive, 0)
    site.run()

    assert site.exam is State.DELIVERED
    assert site.commits(archive, 1) == "pacs commits to 3 of 3 objects, 0 of them new"


def test_an_answer_that_comes_twice_changes_nothing(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    site.commits(archive)
    site.run()
    before = site.store.deliveries.of_exam(1, 1)

    site.commits(archive)
    site.run()

    assert site.store.deliveries.of_exam(1, 1) == before


def test_only_what_the_archive_has_lost_is_sent_again(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    (transaction, uids) = archive.requests[0]
    lost = uids[1]

    site.told(report(transaction, [uid for uid in uids if uid != lost], [(lost, 0x0112)]))
    site.run()

    assert archive.uids[3:] == [lost]
    assert len(set(archive.stored)) == 3  # the same bytes
    assert archive.requests[1][1] == [lost]
    site.told(report(transaction, [uid for uid in uids if uid != lost], [(lost, 0x0112)]))  # the first answer once more
    site.run()
    assert len(archive.stored) == 4
    site.commits(archive)
    site.run()
    assert (site.exam, site.states()) == (State.DELIVERED, ["proven"] * 3)


def test_what_the_archive_loses_each_time_is_held_for_a_person(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    for _ in range(3):
        transaction, uids = archive.requests[-1]
        site.told(report(transaction, [uid for uid in uids if uid != site.uids[0]], [(site.uids[0], 0x0112)]))
        site.run()

    assert archive.uids.count(site.uids[0]) == 3
    assert (site.exam, site.states()) == (State.HELD, ["refused", "proven", "proven"])
    assert "answered Success 3 times, yet storage commitment failed with 0x0112 (no such object instance)" in site.reason


@pytest.mark.parametrize("reason", [0x0119, 0x0122])
def test_what_will_never_be_committed_to_is_held_with_the_reason(site: Site, reason: int) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    transaction, uids = archive.requests[0]

    site.told(report(transaction, uids[1:], [(uids[0], reason)]))
    site.run()

    assert site.exam is State.HELD
    assert f"storage commitment failed with 0x{reason:04X}" in site.reason
    assert len(archive.stored) == 3


@pytest.mark.parametrize("reason", [0x0110, 0x0213, 0x0131, 0x9999])
def test_what_can_not_be_committed_to_now_is_asked_for_later(site: Site, reason: int) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    transaction, uids = archive.requests[0]

    site.told(report(transaction, uids[1:], [(uids[0], reason)]))
    site.run()
    assert len(archive.requests) == 1
    site.later(30)

    assert archive.requests[1][1] == uids[:1]
    assert archive.requests[1][0] != transaction
    assert len(archive.stored) == 3


def test_an_object_that_a_report_leaves_out_is_asked_for_again(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    transaction, uids = archive.requests[0]

    site.told(report(transaction, uids[:2]))
    site.later(30)

    assert archive.requests[1][1] == uids[2:]


def test_reports_that_are_not_the_archives_are_not_believed(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    transaction, uids = archive.requests[0]

    assert site.commits(archive, calling_ae="MR3T") == "not believed: it comes from MR3T at 10.9.9.9:4711, and pacs was asked"
    assert site.told(report("2.25.4711", uids)) == "not believed: of no transaction that we asked for"
    assert site.told(report(transaction, ["1.9.9.9"])) == "pacs commits to 0 of 3 objects"
    assert site.states() == ["stored"] * 3


def test_an_archive_may_report_under_another_title_of_its_peer_block_or_from_its_host(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    assert site.commits(archive, calling_ae="PACS_SC").startswith("not believed")
    assert site.commits(archive, calling_ae="PACS_SC", address="127.0.0.1:5000").startswith("pacs commits to 3")

    site.set(peer=(PeerSection(name="archive", ae_titles=("PACS", "PACS_SC")),))
    assert site.commits(archive, calling_ae="PACS_SC").startswith("pacs commits to 3")


def test_what_is_accepted_and_not_shown_is_looked_for_sent_again_and_held(site: Site) -> None:
    archive = site.add("pacs", prove_within_s=600)
    archive.hidden = {site.uids[2]}
    site.run()
    assert site.states() == ["proven", "proven", "stored"]
    looked = len(archive.queries)

    for _ in range(10):
        site.later(60)
    assert len(archive.queries) > looked
    assert archive.uids.count(site.uids[2]) <= 2
    for _ in range(60):
        site.later(60)

    assert archive.uids.count(site.uids[2]) == 3
    assert len(set(archive.stored)) == 3
    assert (site.exam, site.states()) == (State.HELD, ["proven", "proven", "refused"])
    assert "answered Success 3 times, yet pacs does not show it by C-FIND" in site.reason


def test_a_rejection_note_that_the_archive_takes_out_of_sight_is_no_failure(site: Site) -> None:
    archive = site.add("pacs", prove_within_s=60)
    site.run()
    site.store.exams.move(1, State.WITHDRAWN, "by a reader", progress="rejection note owed")
    path = write(instance(40), site.folder / "objects")
    note = Posting(path.stem, "pacs", 1, 1, "rejection", str(instance().SOPClassUID), "1.2.840.10008.1.2.1", f"objects/{path.name}", "cc")
    site.store.deliveries.post([note])
    archive.hidden = {path.stem, *site.uids}

    for _ in range(10):
        site.later(60)

    assert archive.uids.count(path.stem) == 1
    assert (site.reason, site.store.exams.get(1).progress) == ("by a reader", None)
    assert "not proven: pacs shows nothing of its series by C-FIND" in site.store.exams.events(1)[-1].text


def test_an_index_that_is_late_costs_no_second_copy(site: Site) -> None:
    archive = site.add("pacs", prove_within_s=600)
    archive.hidden = set(site.uids)
    site.run()
    site.later(120)
    archive.hidden = set()

    site.later(120)

    assert site.exam is State.DELIVERED
    assert once(site, archive)


def test_without_any_means_of_proof_stored_is_the_end_and_said_so(site: Site) -> None:
    site.add("pacs", query=False)
    site.run()
    assert (site.exam, site.states()) == (State.DELIVERED, ["stored"] * 3)
    assert site.reason == "3 of 3 objects stored by pacs, not proven: pacs offers no C-FIND"


def test_an_exam_is_held_when_an_archive_disowns_an_object_after_all(site: Site) -> None:
    archive = site.add("pacs", query=False, commitment=True)
    for _ in range(10):
        site.run()
        site.later(3600)
    assert (site.exam, site.states()) == (State.DELIVERED, ["stored"] * 3)

    transaction, uids = archive.requests[-1]
    site.told(report(transaction, uids[1:], [(uids[0], 0x0119)]))

    assert sorted(site.states()) == ["proven", "proven", "refused"]
    assert site.exam is State.HELD
    assert "first refusal" in site.reason


def test_an_archive_that_answers_queries_at_another_door_is_asked_there(site: Site) -> None:
    archive = site.add("pacs", query=False)
    with serving([QUERY], archive.handlers(), ae_title="PACS_QR") as port:
        door = PeerSection(name="vna", ae_titles=("PACS",), host="127.0.0.1", port=port, ae_title="PACS_QR", archive=True, timeout_s=2)
        site.set(peer=(door,))
        site.run()
    assert (site.exam, site.states()) == (State.DELIVERED, ["proven"] * 3)


def test_a_site_that_wants_no_proof_gets_none(site: Site) -> None:
    archive = site.add("pacs", commitment=True, proof="none")
    site.run()
    assert (site.exam, archive.requests, archive.queries) == (State.DELIVERED, [], [])
    assert site.reason == "3 of 3 objects stored by pacs, not proven: the settings ask for none"


def test_a_query_that_the_settings_ask_for_and_nobody_answers_is_told_and_waited_for(site: Site) -> None:
    site.add("pacs", query=False, proof="query")
    site.run()
    site.later(3600)
    assert site.exam is State.ENCODED
    assert "pacs offers no C-FIND, which the settings ask for" in (site.store.exams.get(1).progress or "")


def test_a_node_that_dies_between_request_and_answer_hears_it_after_its_start(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()

    site.set()  # everything in memory is gone
    site.commits(archive)
    site.run()

    assert site.exam is State.DELIVERED
    assert len(archive.requests) == 1


def _forget_proof(site: Site, uid: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(site.store.url)
    with engine.begin() as connection:
        words = "UPDATE deliveries SET state = 'stored', next_at = :now, updated_at = :now, looks = 0 WHERE sop_instance_uid = :uid"
        connection.execute(sa.text(words), {"now": site.clock.now().isoformat(), "uid": uid})
    engine.dispose()
