"""Sending to destinations that are down, slow, full or gone: nothing is lost, nothing is sent twice, nobody waits for another."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from delivery_site import Site
from network import dataset_bytes, digest

from node.workflow.states import State, Verb


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


@contextmanager
def rejecting(result: int, source: int, reason: int) -> Iterator[int]:
    """A port where every association is rejected with these (PS3.8 9.3.4)."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(100_000)
                connection.sendall(bytes([3, 0, 0, 0, 0, 4, 0, result, source, reason]))
                connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def frozen(site: Site) -> list[tuple[str, str]]:
    return sorted((path.stem, digest(dataset_bytes(path))) for path in site.paths)


def next_in_s(site: Site, name: str = "pacs") -> float:
    return (site.store.deliveries.planned(1, 1)[name] - site.clock.now()).total_seconds()


def test_a_destination_that_is_down_is_tried_at_growing_distances_for_ever(site: Site) -> None:
    site.connect("pacs", 1)
    waits = []
    for _ in range(14):
        site.run()
        waits.append(next_in_s(site))
        site.clock.time = site.store.deliveries.planned(1, 1)["pacs"]

    assert all(after > before for before, after in pairwise(waits[:10]))
    assert 4 <= waits[0] <= 6
    assert 2880 <= waits[-1] <= 4320
    assert (site.exam, site.states()) == (State.ENCODED, ["queued"] * 3)
    assert "0 of 3 objects stored by pacs, 3 again at " in (site.store.exams.get(1).progress or "")
    assert [event.text for event in site.store.exams.events(1)].count("encoded") == 1
    assert len([event for event in site.store.exams.events(1) if "could not be sent" in event.text]) == 1


def test_a_destination_that_is_down_keeps_no_other_waiting(site: Site) -> None:
    site.connect("old", 1)
    archive = site.add("pacs")

    site.run()

    assert sorted(archive.stored) == frozen(site)
    assert (site.states("pacs"), site.states("old")) == (["proven"] * 3, ["queued"] * 3)
    assert site.exam is State.ENCODED


def test_what_waits_goes_out_as_soon_as_anything_gets_through(site: Site) -> None:
    archive = site.add("pacs")
    first = site.settings.destination
    site.set(destination=(first[0].model_copy(update={"port": 1}),))
    for _ in range(8):
        site.run()
        site.clock.time = site.store.deliveries.planned(1, 1)["pacs"]
    site.run()
    assert next_in_s(site) > 600
    site.store.exams.create(anchor="1.3", patient_key="Q", text="new")
    site.store.exams.move(2, State.ENCODED, "encoded", plan={})

    site.deliverer._settings = site.settings = site.settings.model_copy(update={"destination": first})  # it is back
    _post_second_exam(site)
    site.ensure(Verb.DELIVER, 2, 1)
    site.run()

    assert sorted({uid for uid in archive.uids if uid in site.uids}) == sorted(site.uids)
    assert (site.exam, site.store.deliveries.planned(2, 1)) == (State.DELIVERED, {})


def test_while_a_destination_is_away_no_other_exam_tries_it_in_vain(site: Site) -> None:
    site.connect("pacs", 1)
    site.store.exams.create(anchor="1.3", patient_key="Q", text="new")
    _post_second_exam(site)
    for _ in range(5):
        site.run()
        site.clock.time = site.store.deliveries.planned(1, 1)["pacs"]
    site.run()

    assert site.store.deliveries.planned(2, 1)["pacs"] > site.clock.now()
    assert site.deliverer.due(2, 1) == ()
    assert {row.attempts for row in site.store.deliveries.of_exam(2)} == {0}


def test_after_a_start_what_waits_is_tried_at_once(site: Site) -> None:
    archive = site.add("pacs")
    there = site.settings.destination
    site.set(destination=(there[0].model_copy(update={"port": 1}),))
    for _ in range(9):
        site.run()
        site.clock.time = site.store.deliveries.planned(1, 1)["pacs"]
    site.run()
    assert next_in_s(site) > 600

    site.set(destination=there)
    site.run()

    assert sorted(archive.stored) == frozen(site)
    assert site.exam is State.DELIVERED


@pytest.mark.parametrize(("answer", "words"), [((1, 1, 7), "Called AE title not recognised"), ((2, 3, 2), "Local limit exceeded")])
def test_a_rejected_association_is_a_matter_of_settings_or_time_and_told(site: Site, answer: tuple[int, int, int], words: str) -> None:
    with rejecting(*answer) as port:
        site.connect("pacs", port)
        site.run()

    assert (site.exam, site.states()) == (State.ENCODED, ["queued"] * 3)
    assert words in (site.store.exams.get(1).progress or "")
    assert words in site.store.exams.events(1)[-1].text


def test_a_disk_that_is_full_half_way_costs_those_objects_alone_another_try(site: Site) -> None:
    archive = site.add("pacs")
    answers = iter([0x0000, 0xA700, 0xA700])
    archive.answer = lambda event: next(answers, 0x0000)

    site.run()
    assert sorted(site.states()) == ["proven", "queued", "queued"]
    assert "answered 0xA700 (out of resources)" in (site.store.exams.get(1).progress or "")
    site.later(10)

    assert site.exam is State.DELIVERED
    assert sorted(archive.stored) == frozen(site)


def test_an_object_that_is_refused_for_good_does_not_stop_the_others(site: Site) -> None:
    archive = site.add("pacs")
    bad = site.uids[1]
    archive.answer = lambda event: 0xC001 if event.request.AffectedSOPInstanceUID == bad else 0x0000

    site.run()
    site.later(10 * 3600)

    assert (site.exam, site.states()) == (State.HELD, ["proven", "refused", "proven"])
    assert "first refusal: summary by pacs: answered 0xC001 (cannot understand)" in site.reason
    assert len(archive.stored) == 2


def test_an_object_whose_answer_is_missing_is_asked_after_and_accepted_once(site: Site) -> None:
    archive = site.add("pacs")

    def cut(event: Any) -> int:
        if len(archive.stored) == 1:
            archive.answer = lambda event: 0x0000
            archive.stored.append((str(event.request.AffectedSOPInstanceUID), digest(event.encoded_dataset(include_meta=False))))
            event.assoc.dul.socket.socket.shutdown(2)
        return 0x0000

    archive.answer = cut
    site.run()
    assert sorted(site.states()) == ["proven", "queued", "sending"]
    site.later(10)

    assert sorted(set(archive.stored)) == frozen(site)
    assert site.exam is State.DELIVERED


def test_an_object_that_ends_each_association_keeps_no_other_back(site: Site) -> None:
    archive = site.add("pacs")
    bad = site.uids[1]

    def answer(event: Any) -> int:
        if event.request.AffectedSOPInstanceUID == bad:
            event.assoc.dul.socket.socket.shutdown(2)
            return 0x0110
        return 0x0000

    archive.answer = answer
    site.run()
    assert archive.stored == []
    site.later(10)

    assert site.states() == ["proven", "sending", "proven"]


@pytest.mark.parametrize("died_in", ["sending", "stored"])
def test_a_node_that_dies_between_two_objects_sends_none_twice(site: Site, died_in: str) -> None:
    archive = site.add("pacs")
    real = archive.answer
    answered: list[Any] = []

    def die(event: Any) -> int:
        answered.append(event)
        return real(event)

    archive.answer = die
    receipts = site.store.deliveries.receipts
    site.store.deliveries.receipts = lambda name: Dying(receipts(name), died_in)  # type: ignore[method-assign, assignment]
    with pytest.raises(SystemExit):
        site.run()
    del site.store.deliveries.receipts

    site.set()
    site.run()
    site.later(10)

    assert sorted(archive.stored) == frozen(site)
    assert site.exam is State.DELIVERED


def test_a_node_that_is_back_before_a_slow_archive_has_stored_does_not_send_again(site: Site) -> None:
    archive = site.add("pacs", timeout_s=1)
    slow = site.uids[1]
    late: list[tuple[str, str]] = []

    def answer(event: Any) -> int:
        if event.request.AffectedSOPInstanceUID == slow and not late:
            late.append((slow, digest(event.encoded_dataset(include_meta=False))))
            event.assoc.dul.socket.socket.shutdown(2)
            return 0x0110
        return 0x0000

    archive.answer = answer
    site.run()
    site.set()
    site.run()
    assert "sending" in site.states()
    archive.stored += late
    site.later(2)

    assert sorted(archive.stored) == frozen(site)
    assert site.exam is State.DELIVERED


def test_what_an_archive_never_shows_is_sent_again_once_it_has_had_its_time(site: Site) -> None:
    archive = site.add("pacs", timeout_s=1, query=False)
    cut: list[str] = []

    def answer(event: Any) -> int:
        if not cut:
            cut.append(event.request.AffectedSOPInstanceUID)
            event.assoc.dul.socket.socket.shutdown(2)
            return 0x0110
        return 0x0000

    archive.answer = answer
    site.run()
    site.later(1)
    assert len(archive.stored) == 0 or cut[0] not in dict(archive.stored)
    site.later(60)
    assert sorted(archive.stored) == frozen(site)


class Dying:
    """Receipts of a node that dies at the second object: as it is handed over, or before its answer is noted."""

    def __init__(self, real: Any, where: str) -> None:
        self._real, self._where, self._count = real, where, 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self._count += name == self._where
            if self._count == 2 and name == self._where:
                if name == "sending":
                    self._real.sending(*args)
                raise SystemExit
            return getattr(self._real, name)(*args)

        return call


def test_what_was_not_sent_of_an_overtaken_version_is_not_sent_any_more(site: Site) -> None:
    archive = site.add("pacs")
    site.store.exams.again(1, "a late image")

    site.dispatch.once()
    site.run()

    assert archive.stored == []
    assert site.states() == ["dropped"] * 3
    assert site.store.deliveries.unattended(["pacs"]) == ()


def test_what_may_be_there_of_an_overtaken_version_is_asked_after(site: Site) -> None:
    archive = site.add("pacs", commitment=True)
    site.run()
    site.store.exams.again(1, "a late image")
    site.commits(archive)
    assert site.states() == ["proven"] * 3


def test_a_destination_that_was_removed_is_not_asked_after_and_the_exam_ends(site: Site) -> None:
    site.add("old", commitment=True, proof="commitment")
    site.add("pacs")
    site.run()
    assert (site.states("old"), site.exam) == (["stored"] * 3, State.ENCODED)

    site.set(destination=site.settings.destination[1:])
    site.later(1)

    assert site.exam is State.DELIVERED
    assert "not proven: the settings no longer name old" in site.reason
    assert "proof is next" not in site.reason


def test_nobody_looks_for_ever_at_what_a_removed_destination_did_not_get(site: Site) -> None:
    site.connect("old", 1)
    site.run()
    site.store.exams.again(1, "a late image")
    site.set(destination=())
    site.clock.time += timedelta(hours=2)
    looked: list[int] = []
    site.ensure = lambda verb, exam, version: looked.append(exam)  # type: ignore[method-assign]

    site.dispatch.once()

    assert looked == []


def test_a_page_that_the_archive_has_lost_since_is_sent_again(site: Site) -> None:
    archive = site.add("pacs")
    site.store.exams.move(1, State.REJECTED, "no dose", progress="page owed")
    site.run()
    assert site.store.exams.get(1).progress is None

    with sa.create_engine(site.store.url).begin() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET state = 'stored' WHERE sop_instance_uid = ?", (site.uids[0],))
    site.store.deliveries.lost("pacs", [site.uids[0]], "sent again: it is not there")
    site.later(1)

    assert archive.uids.count(site.uids[0]) == 2
    assert site.states() == ["proven"] * 3


def test_a_fault_of_ours_stops_one_destination_after_some_tries(site: Site) -> None:
    site.add("pacs")
    site.deliverer.put_off(1, 1, "pacs", 60)
    assert site.deliverer.due(1, 1) == ()
    assert next_in_s(site) == 60
    site.deliverer.put_off(1, 1, "pacs", None)
    assert site.store.deliveries.planned(1, 1) == {}


def test_an_archive_that_does_not_answer_is_given_up_in_time(site: Site) -> None:
    archive = site.add("pacs", timeout_s=1)
    release = threading.Event()
    archive.answer = lambda event: (release.wait(20), 0x0000)[1]
    begun = time.monotonic()

    site.run(passes=1)
    took = time.monotonic() - begun
    release.set()

    assert took < 8
    assert sorted(site.states()) == ["queued", "queued", "sending"]


def _post_second_exam(site: Site) -> None:
    from network import instance, write
    from pydicom.uid import ExplicitVRLittleEndian

    from node.workflow.store.rows import Posting

    path = write(instance(50), site.folder / "objects")
    sop_class = str(instance().SOPClassUID)
    row = Posting(path.stem, "pacs", 2, 1, "summary", sop_class, str(ExplicitVRLittleEndian), f"objects/{path.name}", "cc")
    site.store.deliveries.post([row])
