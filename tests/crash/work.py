"""What the jobs do, as a function and as a program, and what each writes down of it.

A job appends to a file of its own: a line when it begins, one for all that it has printed by then, one when it ends.
So what really happened is known, whatever was killed meanwhile. Only the standard library: it starts quickly.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["FACTS", "Ending", "Errand", "Fact", "do", "read_facts"]

FACTS = "JUPYTER_JOBS_TEST_FACTS"
"""The variable that names the folder of the files."""

EXIT_CODE = 3
CHILD_S = 60.0  # that a child lives unless somebody ends it


class Ending:
    """How the last run of a job ends; the ones before it raise."""

    OK = "ok"
    RAISE = "raise"
    KILL = "SIGKILL"
    CRASH = "SIGSEGV"


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What one job is to do.

    Attributes:
        number: Which one.
        kind: `function` or `command`.
        blocks: How often it prints.
        lines: That it prints each time.
        pause: Seconds after each time.
        ending: How its last run ends.
        bad_runs: Runs before that, which raise.
        retries: The rule.
        timeout: The rule.
        child: A process that it starts: `sleep` a program, `fork` a copy of itself, `daemon` a program with a session of
            its own; empty for none.
        after: Number of the errand that must succeed first.
    """

    number: int
    kind: str = "function"
    blocks: int = 1
    lines: int = 1
    pause: float = 0.0
    ending: str = Ending.OK
    bad_runs: int = 0
    retries: int = 0
    timeout: float | None = None
    child: str = ""
    after: int | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Fact:
    """A line of a job's file.

    Attributes:
        time: Seconds since the epoch.
        pid: The process that wrote it.
        word: `begin`, `said`, `end` or `child`.
        value: The number of the run, of the last line that was printed, of the child; or the ending.
    """

    time: float
    pid: int
    word: str
    value: str


def read_facts(path: Path) -> list[Fact]:
    """Return what a job wrote down, oldest first; nothing if it never began."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return []
    fields = [line.split(" ", 3) for line in lines]
    return [Fact(float(at), int(pid), word, value) for at, pid, word, value in fields]


def do(errand: str) -> str:
    """Do an errand, given as JSON; the result names the run."""
    asked = Errand(**json.loads(errand))
    path = Path(os.environ[FACTS], os.environ["JUPYTER_JOBS_ID"])
    run = 1 + sum(fact.word == "begin" for fact in read_facts(path))
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def note(word: str, value: object) -> None:
        os.write(file, f"{time.time():.6f} {os.getpid()} {word} {value}\n".encode())

    note("begin", run)
    child = _start(asked.child)
    if child:
        note("child", child)
    for block in range(asked.blocks):
        first = block * asked.lines + 1
        numbers = range(first, first + asked.lines)
        sys.stdout.write("".join(f"run {run} line {number}\n" for number in numbers))
        sys.stdout.flush()
        note("said", numbers[-1])
        time.sleep(asked.pause)
    ending = Ending.RAISE if run <= asked.bad_runs else asked.ending
    if ending in (Ending.KILL, Ending.CRASH):
        note("end", ending)  # the child is left to whoever watches over this process
        os.kill(os.getpid(), signal.Signals[ending])
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    note("end", ending)
    if ending == Ending.RAISE:
        raise ValueError(f"bad run {run}")
    return f"run {run}"


def _start(child: str) -> int:
    """Start the child of a job and return its process id, 0 for none."""
    if child == "fork":
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            time.sleep(CHILD_S)
            os._exit(0)
        return pid
    if child:
        # Not bound to this object: it is waited for by its number.
        return os.posix_spawn(
            "/bin/sleep", ["sleep", str(CHILD_S)], os.environ, setsid=child == "daemon"
        )
    return 0


if __name__ == "__main__":
    try:
        do(sys.argv[1])
    except ValueError:
        sys.exit(EXIT_CODE)
