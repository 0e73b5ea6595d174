"""A site's own lesion program: NIfTI in, NIfTI out, with a cap on time and memory.

The site names a command as a list of words; no shell reads it. Placeholders in a word become file names:

- ``{t1}``: the whole T1, bias taken out; ``{flair}``: the FLAIR on the grid of the T1, linearly; both float32, in the scanner's own units
- ``{brain}``: the brain mask on the same grid, uint8
- ``{out}``: where the program writes its mask, on the same grid: whole numbers, 0 where there is no lesion
- ``{workdir}``: an empty folder of its own, also its working folder, its home and its TMPDIR; deleted afterwards

All files are NIfTI-1 without text in the header, and named alike for every patient. The program gets PATH and LANG from the node and no
other variable: a password of the node must not reach it. What it needs beyond can be said in words:
``env FSLDIR=/opt/fsl /opt/tool {t1} {flair} {out}``.

It runs in a session of its own. When the time is over, or when it has ended, all that is left of its process group is killed. `memory_mib`
caps the address space of each process, not the sum of them (RLIMIT_AS). Where the program fails, the answer says why, and has no mask.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

import numpy as np
import SimpleITK as sitk

from node.domain.exam import Check, Gravity
from node.domain.volume import Array, Volume
from node.imaging import from_sitk, to_sitk

PLACEHOLDERS = ("t1", "flair", "brain", "out", "workdir")

MOST_SHARE = 0.5
"""No lesions fill more of a brain than this: a mask that does is of something else. Our default."""

TAIL_LETTERS = 400
"""As much as a Check quotes of the end of what the program wrote."""

# Python itself sets the limits and becomes the program: a `preexec_fn` may hang in a process with threads. 1 is PR_SET_PDEATHSIG: when
# the node's process is killed, the program must not live on.
_LAUNCH = """
import ctypes, os, resource, signal, sys
ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
most = int(sys.argv[1]) << 20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"cannot be started: {error.strerror}")
"""


@dataclass(frozen=True)
class LesionProgram:
    """A program of the site that draws lesions.

    Parameters
    ----------
    words : command and arguments, with placeholders
    timeout_s : after this long it is killed
    memory_mib : address space of each of its processes
    name, version : as the site tells them, for the reader

    Raises
    ------
    ValueError : no command, no ``{out}``, an unknown placeholder, a limit that is not above 0, no name
    """

    words: tuple[str, ...]
    timeout_s: float
    memory_mib: int
    name: str
    version: str = ""

    def __post_init__(self) -> None:
        used = _placeholders(self.words)
        if not self.words or "out" not in used:
            raise ValueError(f"a lesion program is a command with {{out}} among its words; found {list(self.words)}")
        if used - set(PLACEHOLDERS):
            raise ValueError(f"placeholders are {', '.join(PLACEHOLDERS)}; found {', '.join(sorted(used - set(PLACEHOLDERS)))}")
        if not (self.timeout_s > 0 and self.memory_mib > 0 and self.name):
            raise ValueError(f"timeout_s and memory_mib are above 0, name is not empty; found {self}")

    @property
    def needs_flair(self) -> bool:
        """Whether it can do nothing without a FLAIR."""
        return "flair" in _placeholders(self.words)

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of a program: `mask` (S, R, C) bool on the grid of the T1, None where it failed; `check` says which, and why."""

    mask: Array | None
    check: Check


def ask_program(program: LesionProgram, t1: Volume, flair: Volume | None, brain: Volume) -> Answer:
    """Run the program on an exam.

    Parameters
    ----------
    t1 : (S, R, C) bias taken out
    flair : (S, R, C) on the grid of the T1; None where there is none
    brain : (S, R, C) bool there
    """
    if flair is None and program.needs_flair:
        return _failed(program, "it needs a FLAIR, and there is none")
    try:
        with tempfile.TemporaryDirectory(prefix="lesions-") as folder:
            images = {"t1": _float(t1), "brain": brain} | ({} if flair is None else {"flair": _float(flair)})
            files = _written(images, Path(folder))
            _run(program, files, Path(folder))
            mask = _read(files["out"], t1, brain)
    except _FailedError as error:
        return _failed(program, str(error))
    return Answer(mask, Check("lesion_program", True, f"Lesions were drawn by the site's program {program}.", Gravity.NOTE))


class _FailedError(Exception):
    """Why there is no mask, as half a sentence."""


def _failed(program: LesionProgram, why: str) -> Answer:
    message = f"The site's lesion program {program} gave no lesions and was passed over: {why}."
    return Answer(None, Check("lesion_program", False, message, Gravity.WARNING))


def _placeholders(words: tuple[str, ...]) -> set[str]:
    try:
        return {name for word in words for _, name, _, _ in Formatter().parse(word) if name is not None}
    except ValueError as error:
        raise ValueError(f"a brace that is none of a placeholder is doubled; found {list(words)}") from error


def _float(volume: Volume) -> Volume:
    return volume.like(volume.array.astype(np.float32))


def _written(images: dict[str, Volume], folder: Path) -> dict[str, Path]:
    """File of each placeholder; the images are on disk."""
    work = folder / "work"
    work.mkdir()
    files = {name: folder / f"{name}.nii" for name in (*images, "out")}
    for name, image in images.items():
        sitk.WriteImage(to_sitk(image), str(files[name]))
    return files | {"workdir": work}


def _run(program: LesionProgram, files: dict[str, Path], folder: Path) -> None:
    words = [word.format_map({name: str(path) for name, path in files.items()}) for word in program.words]
    work = str(files["workdir"])
    variables = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {"HOME": work, "TMPDIR": work}
    log = folder / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCH, str(program.memory_mib), *words],
            cwd=work,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        ended = _waited(process, program.timeout_s)
    if not ended:
        raise _FailedError(f"it was killed after {program.timeout_s:g} s{_tail(log)}")
    if process.returncode != 0:
        raise _FailedError(f"it ended with {process.returncode}{_tail(log)}")
    if not files["out"].is_file():
        raise _FailedError(f"it wrote no mask{_tail(log)}")


def _waited(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Whether it ended by itself. What is left of its group is killed either way, also when this process is told to stop."""
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return True


def _tail(log: Path) -> str:
    """The end of what the program wrote, on one line."""
    text = " ".join(log.read_bytes()[-4 * TAIL_LETTERS :].decode(errors="replace").split())
    return f"; it wrote last: {text[-TAIL_LETTERS:]}" if text else ""


def _read(file: Path, t1: Volume, brain: Volume) -> Array:
    """(S, R, C) bool the mask, if it can be one."""
    try:
        image = sitk.ReadImage(str(file))
    except RuntimeError as error:
        raise _FailedError("what it wrote is no NIfTI image") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise _FailedError(
            f"its mask has {image.GetDimension()} axes and {image.GetNumberOfComponentsPerPixel()} components; expected 3 and 1"
        )
    mask = from_sitk(image)
    if not mask.same_grid(t1):
        raise _FailedError(f"its mask lies on a grid of {mask.shape} that is not that of the T1 {t1.shape}, or lies elsewhere")
    values = mask.array
    if not np.isfinite(values).all() or (values < 0).any() or (values != np.round(values)).any():
        raise _FailedError("its mask holds values that are no whole numbers from 0 on")
    inside = (values > 0) & brain.array
    if inside.sum() > MOST_SHARE * brain.array.sum():
        raise _FailedError(f"its mask fills {100.0 * inside.sum() / brain.array.sum():.0f} % of the brain; expected lesions")
    return np.asarray(inside)
