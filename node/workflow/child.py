"""The compute process: the sums of one exam run in a process of their own, with a limit on time and memory.

The worker starts ``ember compute`` and talks with it in lines of JSON: a verb, an exam and its version go in on standard input;
"done", an error by class and text, or what is being done right now come out on standard output. A crash of native code, a runaway
sum or a kill ends that process only; images keep coming in. It dies with its worker.

We chose one process an exam over one a verb, because the imports cost seconds; and lines of JSON over pickles, because what comes from a
process that may have gone wrong must not run code.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import IO, Any, Protocol

from node import errors
from node.workflow.states import Verb

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""The sums are many small matrix products: on several threads they wait for each other, and change in the last bits."""


class ProcessEnded(errors.TemporaryError):
    """The compute process ended without an answer: killed, crashed, over its time or its memory."""


class ComputeProcess:
    """The worker's side. Started with the first verb, ended with `close`.

    Parameters
    ----------
    command : starts the process, which must call `answer_orders`
    timeout_s : for each verb; the process is ended after it
    progress : called with what is being done right now
    """

    def __init__(self, command: Sequence[str], timeout_s: float, progress: Callable[[str], None]) -> None:
        self._command = list(command)
        self._timeout_s = timeout_s
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, verb: Verb, exam: int, version: int) -> str:
        """Do one verb for a version of an exam; returns the sentence that tells what was done.

        Raises
        ------
        NodeError : the one that the verb raised
        ProcessEnded : no answer came
        RuntimeError : the verb failed by a fault of ours; the text is its traceback
        """
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({"verb": verb.value, "exam": exam, "version": version}).encode() + b"\n")
            process.stdin.flush()
            return self._answer(process, verb)
        except BrokenPipeError:
            raise self._ended(process, verb) from None

    def close(self) -> None:
        """End the process, at once."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _start(self) -> subprocess.Popen[bytes]:
        alone = os.environ | dict.fromkeys(ONE_THREAD, "1")
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=alone)
        return self._process

    def _answer(self, process: subprocess.Popen[bytes], verb: Verb) -> str:
        assert process.stdout is not None
        deadline = time.monotonic() + self._timeout_s
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self.close()
                    raise ProcessEnded(f"{verb.value}: no answer within {self._timeout_s:.0f} s; the compute process was ended")
                block = os.read(process.stdout.fileno(), 65536)
                if not block:
                    raise self._ended(process, verb)
                *lines, pending = (pending + block).split(b"\n")
                for line in lines:
                    done = self._read(json.loads(line))
                    if done is not None:
                        return done

    def _read(self, message: dict[str, str]) -> str | None:
        if "progress" in message:
            self._progress(message["progress"])
            return None
        if "error" in message:
            kind = getattr(errors, message["error"], None)
            if isinstance(kind, type) and issubclass(kind, errors.NodeError):
                raise kind(message["text"])
            raise RuntimeError(message["text"])
        return message["done"]

    def _ended(self, process: subprocess.Popen[bytes], verb: Verb) -> ProcessEnded:
        status = process.wait()
        self.close()
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return ProcessEnded(f"{verb.value}: the compute process ended by {how}")


def die_with_parent() -> None:
    """Have the kernel end this process when the one that started it ends, even by kill -9 (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)


class Steps(Protocol):
    """What the process can do."""

    def run(self, verb: Verb, exam: int, version: int) -> str:
        """Do one verb; a sentence tells what was done."""
        ...


def answer_orders(make_steps: Callable[[Callable[[str], None]], Steps], memory_mib: int) -> None:
    """The process's own side: do what standard input orders, until it ends.

    Parameters
    ----------
    make_steps : makes the steps, given how to say what is being done right now
    """
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the worker decides when we end
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mib << 20, memory_mib << 20))
    # Libraries print; our answers go where only we write.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    steps = make_steps(lambda text: _say(answers, {"progress": text}))
    for line in sys.stdin.buffer:
        _say(answers, _do(steps, json.loads(line)))


def _do(steps: Steps, order: dict[str, Any]) -> dict[str, str]:
    try:
        return {"done": steps.run(Verb(order["verb"]), order["exam"], order["version"])}
    except errors.NodeError as error:
        return {"error": type(error).__name__, "text": str(error)}
    except MemoryError:
        # Whatever was half made is in no known state: a new process starts clean.
        os._exit(9)
    except Exception:  # noqa: BLE001 - the other end of the engine's one broad except: it must cross a process
        return {"error": "Fault", "text": traceback.format_exc()}


def _say(answers: IO[bytes], message: dict[str, str]) -> None:
    answers.write(json.dumps(message).encode() + b"\n")
