"""What goes to which destination: what it wants, of what passed the gate; what it does not take is told; what is held is never sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from network import instance, serving, write
from pydicom import dcmread
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from pynetdicom import evt
from pynetdicom.sop_class import Verification

from node.app import SystemClock
from node.domain.ports import DeliveryState
from node.encode import Encoded, Kind
from node.encode.objects import DEFAULT_OBJECTS, OBJECT_NAMES, SOP_CLASSES, Complaint
from node.errors import ConflictError
from node.settings import Destination, NodeSection, Settings
from node.settings.sections import PROFILES
from node.workflow.states import State, Verb
from node.workflow.steps import outbox
from node.workflow.steps.held import release
from node.workflow.steps.sending import Worker
from node.workflow.store.database import Store
from node.workflow.store.snapshot import Snapshot
from node.workflow.story import showing_text, version_folder

PAGES_ONLY = (SecondaryCaptureImageStorage,)
ALL = (SecondaryCaptureImageStorage, SegmentationStorage, Comprehensive3DSRStorage)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, SystemClock())
    store.migrate()
    store.exams.create(anchor="1.2", patient_key="P", text="new")
    store.exams.move(1, State.ENCODED, "encoded", plan={"series": {}})
    yield store
    store.close()


class Peers:
    """PACS that take some classes, and what each was sent."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.got: dict[str, list[str]] = {}

    def add(self, name: str, classes: tuple[UID, ...], **said: Any) -> Destination:
        def store(event: Any) -> int:
            self.got[name].append(str(event.request.AffectedSOPInstanceUID))
            return 0x0000

        self.got[name] = []
        contexts = [(Verification, ImplicitVRLittleEndian), *((sop_class, ExplicitVRLittleEndian) for sop_class in classes)]
        port = self._stack.enter_context(serving(contexts, [(evt.EVT_C_STORE, store)], ae_title=name.upper()))
        return Destination(name=name, host="127.0.0.1", port=port, ae_title=name.upper(), timeout_s=5, **said)


@pytest.fixture
def peers() -> Iterator[Peers]:
    with ExitStack() as stack:
        yield Peers(stack)


def encoded(folder: Path, *kinds: Kind, held: tuple[Kind, ...] = ()) -> tuple[Encoded, ...]:
    """One small object of each kind, some of which did not pass the gate."""
    made = []
    for number, kind in enumerate(kinds):
        dataset = instance(number, sop_class=SOP_CLASSES[kind])
        path = write(dataset, folder / "objects")
        uid = str(dataset.SOPInstanceUID)
        why = (Complaint(uid, "Modality", "type 1", "none"),) if kind in held else ()
        meta = dcmread(path, stop_before_pixels=True).file_meta
        made.append(Encoded(path, uid, str(dataset.SOPClassUID), meta.TransferSyntaxUID, "1.2", "1.3", kind, complaints=why))
    return tuple(made)


def posted(store: Store, folder: Path, destinations: tuple[Destination, ...], objects: tuple[Encoded, ...]) -> Settings:
    settings = Settings(node=NodeSection(storage=folder), destination=destinations)
    outbox.freeze(folder, "objects", objects)
    outbox.post(store, settings, store.exams.get(1), folder, "objects")
    store.exams.move(1, State.ENCODED, "encoded")
    return settings


def states(store: Store, name: str) -> dict[str, DeliveryState]:
    return {row.kind: row.state for row in store.deliveries.of_exam(1, 1) if row.destination == name}


def deliver(store: Store, settings: Settings) -> None:
    worker = Worker(["false"], settings, store)
    while due := worker.due(1, 1):
        for name in due:
            worker.deliver(1, 1, name)


def test_two_destinations_get_each_its_own_choice(store: Store, peers: Peers, tmp_path: Path) -> None:
    pacs = peers.add("pacs", ALL, profile="minimal")
    research = peers.add("research", ALL, objects=("lesions", "report"))
    objects = encoded(tmp_path, Kind.SUMMARY, Kind.LESIONS, Kind.REPORT)

    deliver(store, posted(store, tmp_path, (pacs, research), objects))

    uids = [item.sop_instance_uid for item in objects]
    assert peers.got == {"pacs": uids[:1], "research": uids[1:]}
    assert store.exams.get(1).state is State.DELIVERED


def test_a_pacs_that_takes_no_reports_gets_the_rest_and_the_story_says_so(store: Store, peers: Peers, tmp_path: Path) -> None:
    pacs = peers.add("pacs", PAGES_ONLY)

    deliver(store, posted(store, tmp_path, (pacs,), encoded(tmp_path, Kind.SUMMARY, Kind.LESIONS, Kind.REPORT)))

    exam = store.exams.get(1)
    assert states(store, "pacs") == {
        "summary": DeliveryState.STORED,
        "lesions": DeliveryState.NOT_TAKEN,
        "report": DeliveryState.NOT_TAKEN,
    }
    assert exam.state is State.DELIVERED
    assert exam.reason.startswith("1 of 3 objects stored by pacs")
    assert "pacs does not take Comprehensive 3D SR Storage" in exam.reason
    assert "pacs does not take Segmentation Storage" in showing_text(Snapshot(tmp_path), tmp_path, exam, 100)


def test_what_the_site_named_must_be_taken(store: Store, peers: Peers, tmp_path: Path) -> None:
    pacs = peers.add("pacs", PAGES_ONLY, objects=("summary", "report"))

    deliver(store, posted(store, tmp_path, (pacs,), encoded(tmp_path, Kind.SUMMARY, Kind.REPORT)))

    assert states(store, "pacs") == {"summary": DeliveryState.STORED, "report": DeliveryState.REFUSED}
    assert store.exams.get(1).state is State.HELD
    assert "first refusal: report by pacs" in store.exams.get(1).reason


def test_a_pacs_that_takes_no_page_is_a_failure(store: Store, peers: Peers, tmp_path: Path) -> None:
    pacs = peers.add("pacs", (SegmentationStorage,))

    deliver(store, posted(store, tmp_path, (pacs,), encoded(tmp_path, Kind.SUMMARY, Kind.LESIONS)))

    assert states(store, "pacs") == {"summary": DeliveryState.REFUSED, "lesions": DeliveryState.STORED}
    assert store.exams.get(1).state is State.HELD


def test_what_did_not_pass_the_gate_is_shown_and_never_sent_and_the_rest_goes(store: Store, peers: Peers, tmp_path: Path) -> None:
    pacs = peers.add("pacs", ALL)
    objects = encoded(tmp_path, Kind.SUMMARY, Kind.LESIONS, held=(Kind.LESIONS,))
    settings = posted(store, tmp_path, (pacs,), objects)

    deliver(store, settings)

    exam = store.exams.get(1)
    assert peers.got["pacs"] == [objects[0].sop_instance_uid]
    assert exam.state is State.HELD
    assert f"first held: lesions {objects[1].sop_instance_uid}: Modality: expected type 1; found none" in exam.reason
    told = showing_text(Snapshot(tmp_path), tmp_path, exam, 300)
    assert "1 × lesions" in told
    assert "ember rerun E00001" in told

    with pytest.raises(ConflictError, match="did not pass the gate"):
        release(store, tmp_path, exam, "send it anyway")
    store.deliveries.release(exam, State.ENCODED, "sent anyway")
    deliver(store, settings)
    assert states(store, "pacs")["lesions"] is DeliveryState.HELD
    assert len(peers.got["pacs"]) == 1


def test_a_release_sends_what_was_refused_and_leaves_what_is_held(store: Store, peers: Peers, tmp_path: Path) -> None:
    pacs = peers.add("pacs", PAGES_ONLY, objects=("summary", "lesions", "report"))
    settings = posted(store, tmp_path, (pacs,), encoded(tmp_path, Kind.SUMMARY, Kind.LESIONS, Kind.REPORT, held=(Kind.LESIONS,)))
    deliver(store, settings)

    release(store, tmp_path, store.exams.get(1), "the PACS takes reports now")

    assert states(store, "pacs") == {
        "summary": DeliveryState.STORED,
        "lesions": DeliveryState.HELD,
        "report": DeliveryState.QUEUED,
    }


def test_after_a_restart_posting_and_sending_again_change_nothing(store: Store, peers: Peers, tmp_path: Path) -> None:
    pacs = peers.add("pacs", (SecondaryCaptureImageStorage, SegmentationStorage))
    kinds = (Kind.SUMMARY, Kind.LESIONS, Kind.RAISED, Kind.REPORT)
    settings = posted(store, tmp_path, (pacs,), encoded(tmp_path, *kinds, held=(Kind.RAISED,)))
    deliver(store, settings)
    before, sent = states(store, "pacs"), list(peers.got["pacs"])

    again = Store(tmp_path, SystemClock())
    outbox.post(again, settings, again.exams.get(1), tmp_path, "objects")
    deliver(again, settings)
    again.close()

    assert states(store, "pacs") == before
    assert set(before.values()) == {DeliveryState.STORED, DeliveryState.HELD, DeliveryState.NOT_TAKEN}
    assert peers.got["pacs"] == sent


def test_results_made_without_a_destination_go_out_once_there_is_one(store: Store, peers: Peers, tmp_path: Path) -> None:
    folder = version_folder(tmp_path, store.exams.get(1))
    objects = encoded(folder, Kind.SUMMARY, Kind.LESIONS)
    posted(store, tmp_path, (), ())
    outbox.freeze(folder, "objects", objects)
    assert store.deliveries.of_exam(1, 1) == ()

    pacs = peers.add("pacs", ALL, objects=("summary",))
    deliver(store, Settings(node=NodeSection(storage=tmp_path), destination=(pacs,)))

    assert peers.got == {"pacs": [objects[0].sop_instance_uid]}
    assert store.exams.get(1).state is State.DELIVERED


@pytest.mark.parametrize("destinations", [(), (Destination(name="maps", host="h", port=104, ae_title="A", objects=("map",)),)])
def test_a_page_that_no_destination_takes_is_made_once_and_nothing_is_owed(
    store: Store, tmp_path: Path, destinations: tuple[Destination, ...]
) -> None:
    settings = Settings(node=NodeSection(storage=tmp_path), destination=destinations)
    store.exams.move(1, State.REJECTED, "PET series 1.0: Units are CNTS", progress="page owed")
    worker = Worker(["false"], settings, store)
    assert not worker.is_made(Verb.REFUSE, 1, 1)

    folder = version_folder(tmp_path, store.exams.get(1))
    outbox.freeze(folder, "refusal", encoded(folder, Kind.REFUSAL))
    assert worker.is_made(Verb.REFUSE, 1, 1)
    assert worker.due(1, 1) == ()

    exam = store.exams.get(1)
    assert (exam.state, exam.progress) == (State.REJECTED, None)
    assert store.exams.events(1)[-1].text == "the page that says why: no destination takes it, it stays here"


@pytest.mark.parametrize("seed", range(20))
def test_what_is_queued_is_wanted_and_has_passed_the_gate(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    kinds = chance.sample([kind for kind in Kind if kind is not Kind.REJECTION], 8)
    held = tuple(chance.sample(kinds, 3))
    said = ({}, {"profile": chance.choice(sorted(PROFILES))}, {"objects": tuple(chance.sample(OBJECT_NAMES, 4))})
    ports = [
        Destination(name=f"d{number}", host="h", port=104, ae_title="A", **chance.choice(said)) for number in range(chance.randint(1, 3))
    ]
    store = Store(tmp_path, SystemClock())
    store.migrate()
    store.exams.create(anchor="1.2", patient_key="P", text="new")

    settings = posted(store, tmp_path, tuple(ports), encoded(tmp_path, *kinds, held=held))

    rows = store.deliveries.of_exam(1, 1)
    store.close()
    for destination in ports:
        wanted = {*settings.wanted_by(destination)} | ({"refusal"} if "summary" in settings.wanted_by(destination) else set())
        mine = [row for row in rows if row.destination == destination.name]
        assert {row.kind for row in mine} == wanted & {kind.value for kind in kinds}
        queued = {row.kind for row in mine if row.state is DeliveryState.QUEUED}
        assert queued == wanted & ({kind.value for kind in kinds} - {kind.value for kind in held})


def test_what_is_made_is_what_any_destination_wants(tmp_path: Path) -> None:
    node, where = NodeSection(storage=tmp_path), {"host": "h", "port": 104, "ae_title": "A"}
    minimal, named = Destination(name="a", profile="minimal", **where), Destination(name="b", objects=("report", "overlay"), **where)

    assert Settings(node=node, destination=(minimal, named)).wanted == ("summary", "overlay", "report")
    assert Settings(node=node).wanted == DEFAULT_OBJECTS
    assert Settings(node=node, destination=(Destination(name="c", **where),)).wanted == DEFAULT_OBJECTS


def test_the_profiles_are_those_of_encode() -> None:
    assert PROFILES["standard"] == DEFAULT_OBJECTS
    assert PROFILES["everything"] == OBJECT_NAMES
    assert set(PROFILES["minimal"]) < set(DEFAULT_OBJECTS)


def test_a_destination_that_wants_nothing_or_one_thing_twice_is_a_mistake() -> None:
    for objects in ((), ("map", "map")):
        with pytest.raises(ValueError, match="at least one, and each once"):
            Destination(name="a", host="h", port=104, ae_title="A", objects=objects)


def test_objects_for_a_destination_that_the_settings_no_longer_name_are_not_called_delivered(
    store: Store, peers: Peers, tmp_path: Path
) -> None:
    pacs, old = peers.add("pacs", ALL), Destination(name="old", host="127.0.0.1", port=104, ae_title="OLD")
    posted(store, tmp_path, (pacs, old), encoded(tmp_path, Kind.SUMMARY))

    deliver(store, Settings(node=NodeSection(storage=tmp_path), destination=(pacs,)))

    exam = store.exams.get(1)
    assert (exam.state, states(store, "old")) == (State.HELD, {"summary": DeliveryState.QUEUED})
    assert exam.reason.endswith("the settings no longer name old: run the exam again to send it where they say")
