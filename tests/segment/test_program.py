"""A site's own lesion program: what it gets, what it may give, and what becomes of one that misbehaves."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from node.domain.exam import Gravity
from node.domain.result import LesionOrigin
from node.domain.volume import Volume
from node.imaging import from_sitk, to_sitk
from node.segment import LesionProgram, segment
from node.segment.program import Answer, ask_program
from tests.segment.known_head import Head, make_head, with_seg

COPY = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
SHAPE = (7, 9, 8)


def oblique(array: np.ndarray, *, turned_deg: float = 12.0) -> Volume:
    c, s = np.cos(np.radians(turned_deg)), np.sin(np.radians(turned_deg))
    axes = np.array([[0.0, -1.2 * s, 0.9 * c], [0.0, 1.2 * c, 0.9 * s], [2.0, 0.0, 0.0]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (-31.0, 17.0, 5.5)
    return Volume(array, affine, "", "2.25.1")


def python(code: str, *words: str, timeout_s: float = 60.0, memory_mib: int = 4096) -> LesionProgram:
    return LesionProgram((sys.executable, "-c", code, *words), timeout_s, memory_mib, "Drawer", "2.1")


@pytest.fixture
def images() -> tuple[Volume, Volume, Volume]:
    random = np.random.default_rng(3)
    t1, flair = (oblique(random.uniform(0, 900, SHAPE).astype(np.float32)) for _ in range(2))
    brain = np.zeros(SHAPE, dtype=bool)
    brain[1:-1, 1:-1, 1:-1] = True
    return t1, flair, oblique(brain)


def written(folder: Path, volume: Volume) -> str:
    file = folder / "made.nii"
    sitk.WriteImage(to_sitk(volume), str(file))
    return str(file)


def mask_of(*voxels: tuple[int, int, int], value: float = 1) -> np.ndarray:
    array = np.zeros(SHAPE, dtype=np.float32)
    for voxel in voxels:
        array[voxel] = value
    return array


def refused(answer: Answer, words: str) -> None:
    assert answer.mask is None
    assert (answer.check.passed, answer.check.gravity) == (False, Gravity.WARNING)
    assert words in answer.check.message


def test_what_it_draws_is_taken_voxel_for_voxel(images: tuple[Volume, Volume, Volume], tmp_path: Path) -> None:
    drawn = mask_of((2, 3, 4), (2, 3, 5), (5, 7, 6), value=7)
    answer = ask_program(python(COPY, written(tmp_path, oblique(drawn)), "{out}"), *images)
    assert answer.mask is not None
    np.testing.assert_array_equal(answer.mask, drawn > 0)
    assert answer.check.passed
    assert "Drawer 2.1" in answer.check.message


def test_what_lies_outside_the_brain_is_dropped(images: tuple[Volume, Volume, Volume], tmp_path: Path) -> None:
    answer = ask_program(python(COPY, written(tmp_path, oblique(mask_of((0, 0, 0), (3, 3, 3)))), "{out}"), *images)
    assert answer.mask is not None
    np.testing.assert_array_equal(np.argwhere(answer.mask), [[3, 3, 3]])


@pytest.mark.parametrize(("name", "index"), [("{t1}", 0), ("{flair}", 1), ("{brain}", 2)])
def test_it_gets_the_images_as_they_are(images: tuple[Volume, Volume, Volume], tmp_path: Path, name: str, index: int) -> None:
    seen = tmp_path / "seen.nii"
    ask_program(python("import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])", name, str(seen), "{out}"), *images)
    got = from_sitk(sitk.ReadImage(str(seen)))
    assert got.same_grid(images[index])
    assert got.array.dtype == (np.uint8 if name == "{brain}" else np.float32)
    np.testing.assert_array_equal(got.array, images[index].array)


def test_it_sees_neither_the_environment_of_the_node_nor_its_working_folder(
    images: tuple[Volume, Volume, Volume], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBER_SECRET", "hush")
    code = (
        "import os, sys; home = sys.argv[1]; "
        "print(sorted(os.environ), os.getcwd() == home, os.listdir(), os.environ['HOME'] == home); sys.exit(3)"
    )
    refused(answer := ask_program(python(code, "{workdir}", "{out}"), *images), "it ended with 3")
    assert "True [] True" in answer.check.message
    assert "EMBER_SECRET" not in answer.check.message


def test_its_files_are_gone_afterwards(images: tuple[Volume, Volume, Volume], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ask_program(python("open('left', 'w').write('x')", "{out}"), *images)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit('no licence')", "it ended with 1; it wrote last: no licence"),
        ("import os; os.kill(os.getpid(), 11)", "it ended with -11"),
        ("pass", "it wrote no mask"),
        ("import sys; open(sys.argv[1], 'w').write('no image')", "no NIfTI image"),
    ],
)
def test_a_program_that_fails_is_passed_over_with_its_last_words(images: tuple[Volume, Volume, Volume], code: str, words: str) -> None:
    refused(ask_program(python(code, "{out}"), *images), words)


def test_a_program_that_is_not_there_is_passed_over(images: tuple[Volume, Volume, Volume]) -> None:
    program = LesionProgram(("/no/such/program", "{out}"), 10.0, 4096, "Absent")
    refused(ask_program(program, *images), "cannot be started: No such file or directory")


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (oblique(mask_of((3, 3, 3), value=0.5)), "no whole numbers"),
        (oblique(mask_of((3, 3, 3), value=-1)), "no whole numbers"),
        (oblique(np.ones(SHAPE, dtype=np.float32)), "fills 100 % of the brain"),
        (oblique(mask_of((3, 3, 3)), turned_deg=14.0), "grid"),
        (oblique(mask_of((3, 3, 3))[:-1]), "grid"),
    ],
)
def test_a_mask_that_can_be_none_is_passed_over(images: tuple[Volume, Volume, Volume], tmp_path: Path, volume: Volume, words: str) -> None:
    refused(ask_program(python(COPY, written(tmp_path, volume), "{out}"), *images), words)


def test_a_mask_with_four_axes_is_passed_over(images: tuple[Volume, Volume, Volume], tmp_path: Path) -> None:
    file = tmp_path / "four.nii"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((2, *SHAPE), dtype=np.uint8), isVector=False), str(file))
    refused(ask_program(python(COPY, str(file), "{out}"), *images), "4 axes")


def test_when_the_time_is_over_the_whole_group_is_killed(images: tuple[Volume, Volume, Volume], tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(60)"
    )
    refused(ask_program(python(code, str(pid), "{out}", timeout_s=3.0), *images), "killed after 3 s")
    assert _gone(int(pid.read_text()))


def test_what_a_program_leaves_running_is_killed(images: tuple[Volume, Volume, Volume], tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "open(sys.argv[1], 'w').write(str(child.pid))"
    )
    refused(ask_program(python(code, str(pid), "{out}"), *images), "wrote no mask")
    assert _gone(int(pid.read_text()))


def test_a_program_that_wants_too_much_memory_is_refused_it(images: tuple[Volume, Volume, Volume]) -> None:
    refused(ask_program(python("bytearray(1 << 30)", "{out}", memory_mib=512), *images), "MemoryError")


def test_a_program_that_needs_a_flair_is_not_started_without_one(images: tuple[Volume, Volume, Volume]) -> None:
    t1, _, brain = images
    refused(ask_program(python(COPY, "{flair}", "{out}"), t1, None, brain), "needs a FLAIR")


@pytest.mark.parametrize(
    ("words", "timeout_s", "memory_mib", "name"),
    [
        ((), 1.0, 1, "x"),
        (("tool", "{t1}"), 1.0, 1, "x"),
        (("tool", "{out}", "{patient}"), 1.0, 1, "x"),
        (("tool", "{out}", "{"), 1.0, 1, "x"),
        (("tool", "{out}"), 0.0, 1, "x"),
        (("tool", "{out}"), 1.0, 0, "x"),
        (("tool", "{out}"), 1.0, 1, ""),
    ],
)
def test_a_command_that_cannot_work_is_no_lesion_program(words: tuple[str, ...], timeout_s: float, memory_mib: int, name: str) -> None:
    with pytest.raises(ValueError, match="found"):
        LesionProgram(words, timeout_s, memory_mib, name)


@pytest.fixture(scope="module")
def head() -> Head:
    return make_head()


def test_the_program_is_preferred_to_our_own_finding(head: Head, tmp_path: Path) -> None:
    grid = head.alignment.t1
    drawn = (head.lesions == 2).astype(np.uint8)
    result = segment(
        head.exam, head.alignment, head.template, seed=1, lesion_program=python(COPY, written(tmp_path, grid.like(drawn)), "{out}")
    )
    assert result.lesion_origin is LesionOrigin.PROGRAM
    np.testing.assert_array_equal(result.lesions.array, drawn)
    assert [c.passed for c in result.checks if c.name == "lesion_program"] == [True]


def test_our_own_finding_stands_in_for_a_program_that_fails(head: Head) -> None:
    result = segment(head.exam, head.alignment, head.template, seed=1, lesion_program=python("raise SystemExit(9)", "{out}"))
    assert result.lesion_origin is LesionOrigin.FOUND
    assert result.lesions.array.max() == 2
    assert [c.passed for c in result.checks if c.name == "lesion_program"] == [False]


def test_a_program_is_not_asked_where_an_expert_has_drawn(head: Head, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    exam = with_seg(head.exam, head.exam.t1.volume.like(head.lesions, unit="1"))
    program = python("open(__import__('sys').argv[1], 'w')", str(asked), "{out}")
    result = segment(exam, head.alignment, head.template, seed=1, lesion_program=program)
    assert result.lesion_origin is LesionOrigin.IMPORTED
    assert not asked.exists()


def test_without_flair_a_program_that_needs_none_is_asked(head: Head, tmp_path: Path) -> None:
    mask = written(tmp_path, head.alignment.t1.like((head.lesions == 1).astype(np.uint8)))
    exam = replace(head.exam, flair=None)
    result = segment(exam, head.alignment, head.template, seed=1, lesion_program=python(COPY, mask, "{out}"))
    assert result.lesion_origin is LesionOrigin.PROGRAM


def _gone(pid: int, *, within_s: float = 10.0) -> bool:
    """Whether a process ends; one that nobody waits for stays as a zombie."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False
