"""`ember demo`: the main job on one machine, with nothing but the package.

A node on embedded storage and a demo PACS are started, a synthetic exam is made and sent by C-STORE as a scanner would, the steps are
told while they are done, and what arrived in the demo PACS is shown: headline numbers beside the known truth, pages as pictures.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from node.dimse import Peer, associate, echo
from node.errors import NodeError, TemporaryError
from node.settings import Settings, load, shipped_folder
from node.simulate.exam import write_exam
from node.simulate.options import SimulatedExam, SimulationOptions, small_options
from node.simulate.pacs import DemoPacs, Stored

Say = Callable[[str], None]

MARK = ".ember-demo"
"""A folder that holds this file is the demo's own and may be emptied."""
PATIENCE_S = 900.0
SETTINGS = """# Written by `ember demo`; a site's own file is described in config/node.toml.
[node]
ae_title = "EMBER"
storage = "node"

[receiver]
host = "127.0.0.1"
port = {port}
min_free_gib = 1

[[peer]]
name = "scanner"
ae_titles = ["SCANNER"]
addresses = ["127.0.0.1"]

[[destination]]
name = "demo-pacs"
host = "127.0.0.1"
port = {pacs}
ae_title = "DEMOPACS"

[analysis]
rules = "{config}/rules.toml"
tracers = "{config}/tracers"
scanners = "scanners"

[log]
level = "warning"
"""

SCANNER = """# What a site would have measured of its camera with a phantom; here the simulator says it.
[[scanner]]
manufacturer = '^EMBER SIMULATOR$'
model = '^Simulated PET$'
reconstruction = ''
fwhm_mm = {fwhm_mm}
source = "the simulator's own setting"
"""


def run(folder: Path, *, full: bool, keep: bool, say: Say) -> int:
    """Show the main job; returns the exit status.

    Raises
    ------
    TemporaryError : the folder is somebody else's, or the node did not start
    """
    folder = _own(folder.resolve())
    begun = time.monotonic()
    say("1  Making a synthetic exam: a head with lesions, TSPO PET with a known truth …")
    options = SimulationOptions() if full else small_options()
    exam = write_exam(folder / "exam", options)
    say(f"   {len(exam.files)} DICOM files in {folder / 'exam'} ({time.monotonic() - begun:.0f} s)")
    arrived: list[Stored] = []
    with DemoPacs(folder / "pacs", on_stored=arrived.append) as pacs:
        (folder / "scanners").mkdir()
        (folder / "scanners" / "simulated.toml").write_text(SCANNER.format(fwhm_mm=options.psf_fwhm_mm), encoding="utf-8")
        config = folder / "node.toml"
        config.write_text(SETTINGS.format(port=_free_port(), pacs=pacs.port, config=shipped_folder().as_posix()), encoding="utf-8")
        node = subprocess.Popen([sys.executable, "-m", "node.cli", "--config", str(config), "serve"])
        try:
            return _main_job(config, folder, exam, arrived, say, node, keep=keep)
        finally:
            node.send_signal(signal.SIGTERM)
            node.wait(30)


def _main_job(
    config: Path, folder: Path, exam: SimulatedExam, arrived: list[Stored], say: Say, node: subprocess.Popen[bytes], *, keep: bool
) -> int:
    settings = load(config)
    itself = Peer("the node", "127.0.0.1", settings.receiver.port, settings.node.ae_title, "SCANNER")
    say(f"2  Starting the node {settings.node.ae_title} on port {settings.receiver.port}, and a demo PACS …")
    _wait_for_echo(itself, node)
    say(f"3  Sending the exam by C-STORE, {len(exam.files)} images …")
    begun = time.monotonic()
    _send(exam.files, itself)
    say(f"   sent in {time.monotonic() - begun:.1f} s; every image was durable before it was answered")
    state = _watch(settings, say)
    if state != "DELIVERED":
        say(f"   the exam ended {state}: `ember --config {config} show E00001` tells why")
        return 1
    say(f"4  {len(arrived)} objects have arrived in the demo PACS, {time.monotonic() - begun:.0f} s after the first image was sent")
    _show(settings, folder, exam, arrived, say)
    if keep:
        say(f"\nThe node and the demo PACS go on until Ctrl-C. Try: ember --config {config} show E00001")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


def _own(folder: Path) -> Path:
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise TemporaryError(f"{folder} holds something else than an earlier demo; name another with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_echo(itself: Peer, node: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            echo(itself)
        except NodeError as error:
            if node.poll() is not None or time.monotonic() > deadline:
                raise TemporaryError(f"the node did not start: {error}") from error
            time.sleep(0.3)
        else:
            return


def _send(files: Sequence[Path], itself: Peer) -> None:
    from pydicom import dcmread
    from pynetdicom.presentation import build_context

    kinds = {(str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)) for meta in _metas(files)}
    with associate(itself, [build_context(kind, syntax) for kind, syntax in sorted(kinds)]) as association:
        for file in files:
            answer = association.send_c_store(file)
            if "Status" not in answer or answer.Status != 0:
                raise TemporaryError(f"{dcmread(file).SOPInstanceUID} was not taken: {answer}")


def _metas(files: Iterable[Path]) -> Iterable[Any]:
    from pydicom.filereader import read_file_meta_info

    return (read_file_meta_info(file) for file in files)


def _watch(settings: Settings, say: Say) -> str:
    """Tell each new line of the exam's story until it ends; returns the state."""
    from node.app import SystemClock
    from node.workflow.states import ENDED
    from node.workflow.store.database import Store

    store = Store(settings.node.storage, SystemClock())
    begun, told, doing = time.monotonic(), 0, ""
    while time.monotonic() < begun + PATIENCE_S:
        exams = store.exams.all()
        if exams:
            exam = exams[0]
            events = store.exams.events(exam.number)
            for event in events[told:]:
                say(f"   {time.monotonic() - begun:5.1f} s  {event.state.value:<11} {event.text}")
            told = len(events)
            if exam.state in ENDED:
                store.close()
                return exam.state.value
            if exam.progress and exam.progress != doing:
                doing = exam.progress
                say(f"   {time.monotonic() - begun:5.1f} s  {'':<11} {doing}")
        time.sleep(0.2)
    return "not in time"


def _show(settings: Settings, folder: Path, exam: SimulatedExam, arrived: Sequence[Stored], say: Say) -> None:
    result = json.loads((settings.node.storage / "exams" / "E00001" / "v1" / "result.json").read_text(encoding="utf-8"))
    truth = json.loads(exam.truth_file.read_text(encoding="utf-8"))
    say(f"\n{result['headline']}\n")
    say(f"   {'region':<14}{'SUVR found':>12}{'truth':>9}{'difference':>12}")
    for region, known in (("cerebral_gm", "cortex"), ("thalamus", "thalamus"), ("nawm", "nawm_eroded2mm_6mm_from_lesions")):
        found = next((f["value"] for f in result["findings"] if (f["region"], f["quantity"]) == (region, "SUVR")), None)
        true = truth["regions"][known]["suvr_psf"] / truth["regions"]["cereb_gm_eroded1mm"]["suvr_psf"]
        if found is not None:
            say(f"   {region:<14}{found:>12.3f}{true:>9.3f}{100 * (found / true - 1):>+11.1f} %")
    say(f"   {'lesions':<14}{len(result['lesions']):>12}{len(truth['lesions']):>9}")
    say("   truth: noise-free and blurred by the scanner as the PET is, over the true regions, against eroded cerebellar grey matter")
    pages = _pictures(arrived, folder / "pictures")
    say(f"\nThe pages that the radiologist gets, as pictures: {', '.join(str(page) for page in pages)}")
    say(f"All objects, as the demo PACS keeps them: {folder / 'pacs'}")
    say("Research use only: not for diagnosis or treatment decisions.")


def _pictures(arrived: Sequence[Stored], folder: Path) -> list[Path]:
    """The report pages among what has arrived, and a middle slice of the overlay, as PNG."""
    from PIL import Image
    from pydicom import dcmread

    folder.mkdir(exist_ok=True)
    series: dict[str, list[Any]] = {}
    for stored in arrived:
        if stored.sop_class_uid == "1.2.840.10008.5.1.4.1.1.7":
            dataset = dcmread(stored.path)
            series.setdefault(str(dataset.SeriesDescription), []).append(dataset)
    written = []
    for description, slices in sorted(series.items()):
        slices.sort(key=lambda dataset: int(dataset.InstanceNumber))
        chosen = slices if len(slices) < 10 else [slices[len(slices) // 2]]
        for dataset in chosen:
            name = "".join(letter if letter.isalnum() else "-" for letter in description.lower()).strip("-")
            path = folder / f"{name}-{int(dataset.InstanceNumber)}.png"
            Image.fromarray(dataset.pixel_array).save(path)
            written.append(path)
    return written
