"""Where a story takes place: folders, a backend that is started whenever it is missing, and what is known at the end."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from unittest import mock

import psutil

from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.embedded import (
    EmbeddedBackend,
    ensure_backend,
    process_started_at,
    runtime_file,
)
from jupyter_jobs.jobs.model import WIRE_NAMES, Job
from jupyter_jobs.worker.logfile import LogReader
from tests.crash.processes import Process, Table, freeze, open_files, send
from tests.crash.verdict import Case, Fate, judge, runs_of
from tests.crash.work import FACTS, Ending, Errand, Fact, read_facts
from tests.support.backend import PATIENCE_S
from tests.support.own_folders import kill_jobs, own_folders

Found = TypeVar("Found", list[Process], dict[str, Process])

__all__ = ["World", "new_world"]

VICTIM_S = 1.5
"""How long it is waited for somebody to kill: after a backend was, there is nobody for a while."""

_LOOK_S = 0.005
_DRAFTS = ("*.part", ".*")
"""Names of files that are being written; what is there when all is over was left behind."""


class World:
    """One data folder and what happens there.

    Attributes:
        data_dir: The backend's.
        errands: Id of each job that was asked for -> what it has to do.
        fates: Id -> what was done to it.
        acknowledged: Ids that the backend has confirmed.
        story: What happened, a sentence each.
        kills: How often each kind of process was hit.
        settled: The jobs that were judged.
        ends: Id -> when the work of a job came to a good end, by its own word.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.data_dir = Path(environ["JUPYTER_JOBS_DATA_DIR"])
        self.errands: dict[str, Errand] = {}
        self.fates: defaultdict[str, Fate] = defaultdict(Fate)
        self.acknowledged: set[str] = set()
        self.story: list[str] = []
        self.kills: dict[str, int] = {}
        self.settled: dict[str, Job] = {}
        self.ends: dict[str, float] = {}
        self._facts = folder / "facts"
        self._runtime = Path(environ["JUPYTER_RUNTIME_DIR"])
        self._begun = time.monotonic()

    def expect(self, id_: str, errand: Errand) -> None:
        """Note that a job is asked for."""
        self.errands[id_] = errand

    def tell(self, sentence: str) -> None:
        """Add to the story."""
        self.story.append(f"{time.monotonic() - self._begun:7.3f}  {sentence}")

    def table(self) -> Table:
        """Return what runs now."""
        return Table(self.data_dir)

    def kill_backend(self, number: int = signal.SIGKILL) -> bool:
        """Send a signal to the backend that serves; whether there was one."""
        backend = EmbeddedBackend.read(runtime_file(self.data_dir))
        if backend is None or process_started_at(backend.pid) != backend.started:
            return False
        with suppress(ProcessLookupError):
            os.kill(backend.pid, number)
            self.count("backend", f"{signal.Signals(number).name} to the backend {backend.pid}")
        return True

    def freeze_backend(self, seconds: float) -> None:
        """Let the backend stand still; blocks for as long."""
        for backend in self.table().backends[:1]:
            self.count("frozen", f"the backend {backend.pid} stands still for {seconds:g} s")
            freeze(backend, seconds)

    def kill_nursery(self) -> None:
        """Kill a nursery, once there is one."""
        for nursery in self._once(lambda table: table.nurseries)[:1]:
            self.count("nursery", f"SIGKILL to the nursery {nursery.pid}")
            send(nursery, signal.SIGKILL)

    def kill_shim(self, choose: Callable[[list[str]], str]) -> None:
        """Kill the shim of one of the jobs that run, once one does."""
        if shims := self._once(lambda table: table.shims):
            job = choose(sorted(shims))
            self.fates[job].seen = len(self.log(job))
            self.fates[job].killed.add("shim")
            if send(shims[job], signal.SIGKILL):
                self.count("shim", f"SIGKILL to the shim {shims[job].pid} of {self.name(job)}")

    def kill_work(self, choose: Callable[[list[str]], str]) -> None:
        """Kill the work of one of the jobs that run, once one does."""
        if works := self._once(lambda table: table.works):
            job = choose(sorted(works))
            self.fates[job].killed.add("work")
            if send(works[job], signal.SIGKILL):
                self.count("work", f"SIGKILL to the work {works[job].pid} of {self.name(job)}")

    def freeze_work(self, choose: Callable[[list[str]], str], seconds: float) -> None:
        """Let the work of a job stand still; blocks for as long."""
        if works := self._once(lambda table: table.works):
            job = choose(sorted(works))
            self.count("frozen", f"the work of {self.name(job)} stands still for {seconds:g} s")
            freeze(works[job], seconds)

    def freeze_shim(self, choose: Callable[[list[str]], str], seconds: float) -> None:
        """Let the shim of a job stand still; blocks for as long."""
        if shims := self._once(lambda table: table.shims):
            job = choose(sorted(shims))
            self.count("frozen", f"the shim of {self.name(job)} stands still for {seconds:g} s")
            freeze(shims[job], seconds)

    def next_backend(self, known: set[int]) -> Process | None:
        """Wait for a backend that is none of those; None if none comes. Blocks."""
        deadline = time.monotonic() + 10.0
        while time.monotonic() < deadline:
            for backend in self.table().backends:
                if backend.pid not in known:
                    return backend
            time.sleep(_LOOK_S)
        return None

    def until_log_says(self, word: str, after: int) -> None:
        """Wait until the backend's log has a word behind some place; a few seconds at most. Blocks."""
        deadline = time.monotonic() + 5.0
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError):
                with open(self.data_dir / "backend.log", "rb") as log:
                    log.seek(after)
                    if word.encode() in log.read():
                        return
            time.sleep(_LOOK_S)

    def log_size(self) -> int:
        with suppress(FileNotFoundError):
            return (self.data_dir / "backend.log").stat().st_size
        return 0

    def start_backend(self) -> None:
        """Start a backend if there is none; one that is killed meanwhile is none."""
        with suppress(BackendUnavailable):
            ensure_backend()

    def name(self, job: str) -> str:
        return f"errand {self.errands[job].number}" if job in self.errands else job

    def log(self, job: str) -> list[tuple[int, str]]:
        """Return the lines of a job that are on the disk."""
        reader = LogReader(self.data_dir / "jobs" / job / "log")
        lines: list[tuple[int, str]] = []
        while page := reader.page(lines[-1][0] if lines else 0, 100_000).lines:
            lines += [(line.seq, line.text) for line in page]
        return lines

    def jobs(self) -> dict[str, Job]:
        """Return all jobs as the database has them, without asking the backend."""
        with closing(_open(self.data_dir)) as database:
            rows = database.execute("SELECT * FROM jobs").fetchall()
        bodies = [{name: row[name] for name in WIRE_NAMES.values()} for row in rows]
        for body in bodies:  # lists are kept as JSON
            for name in ("tags", "after"):
                body[name] = json.loads(body[name]) if body[name] else None
        return {body["id"]: Job.from_wire(body) for body in bodies}

    def accounts(self) -> Iterator[str]:
        """Yield what is wrong with the jobs as they stand now, a sentence each."""
        jobs = self.jobs()
        for id_ in sorted(self.acknowledged - jobs.keys() - self.settled.keys()):
            yield f"{self.name(id_)}: was acknowledged and is not there"
        for id_ in sorted(jobs.keys() - self.errands.keys()):
            yield f"{id_}: is there and was not asked for"
        yield from self.settle(jobs.values(), jobs)

    def settle(self, jobs: Iterable[Job], among: Mapping[str, Job]) -> Iterator[str]:
        """Judge jobs, and remember how their work ended; yield what is wrong with them.

        Args:
            jobs: Those to judge, of which the errand is known.
            among: All that are there: others may have waited for one of them.
        """
        found = {id_: read_facts(self._facts / id_) for id_ in among}
        ends = self.ends | _good_ends(found)
        for job in jobs:
            if job.id in self.errands:
                case = Case(
                    job=job,
                    errand=self.errands[job.id],
                    fate=self.fates[job.id],
                    facts=found[job.id],
                    log=self.log(job.id),
                    jobs={**self.settled, **among},
                    ends=ends,
                )
                for complaint in judge(case):
                    yield f"{self.name(job.id)} ({job.id}): {complaint}\n{_describe(case)}"
                self.settled[job.id] = job
        self.ends = ends

    def forget(self, id_: str) -> None:
        """Remove what a job that was settled wrote down."""
        (self._facts / id_).unlink(missing_ok=True)

    def left_overs(self) -> Iterator[str]:
        """Yield what is left of jobs that have all ended: processes, and what the backend holds open. Blocks."""
        deadline = time.monotonic() + 3.0
        while (left := self.table().jobs) and time.monotonic() < deadline:
            time.sleep(10 * _LOOK_S)
        for process in left:
            yield f"a process is left: {process}"
        for backend in self.table().backends:
            for held in open_files(backend.pid):
                if held.startswith(f"{self.data_dir}/jobs/"):
                    yield f"the backend holds {held} open"
        for folder in (self.data_dir, self._runtime):
            for pattern in _DRAFTS:
                for path in folder.rglob(pattern):
                    if path.name == "job.part" and not (self._facts / path.parent.name).exists():
                        continue  # a run that was cancelled before it was launched
                    yield f"a draft is left: {path.relative_to(folder)}"

    def end(self) -> Iterator[str]:
        """End the backend, and yield what is wrong afterwards. Blocks."""
        for backend in self.table().backends:
            process = psutil.Process(backend.pid)
            process.terminate()
            if (code := process.wait(PATIENCE_S)) != 0:
                yield f"the backend ended with exit code {code}"
        deadline = time.monotonic() + 3.0
        while (left := self.table().all) and time.monotonic() < deadline:
            time.sleep(10 * _LOOK_S)
        for process in left:
            yield f"a process is left after the backend: {process}"
        with closing(_open(self.data_dir)) as database:
            (found,) = database.execute("PRAGMA integrity_check").fetchone()
            if found != "ok":
                yield f"the database is damaged: {found}"

    def _once(self, find: Callable[[Table], Found]) -> Found:
        """Return what is found as soon as anything is, or nothing if nothing comes. Blocks."""
        deadline = time.monotonic() + VICTIM_S
        while not (found := find(self.table())) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        return found

    def count(self, kind: str, sentence: str) -> None:
        self.kills[kind] = self.kills.get(kind, 0) + 1
        self.tell(sentence)


@contextmanager
def new_world(folder: Path) -> Iterator[World]:
    """Make a world of its own for a block; afterwards nothing runs there any more."""
    before = set(psutil.Process().children())
    with own_folders(folder) as own:
        (folder / "facts").mkdir()
        environ = {**own, FACTS: str(folder / "facts")}
        with mock.patch.dict(os.environ, environ):
            try:
                yield World(folder, environ)
            finally:
                kill_jobs(environ)
                children = set(psutil.Process().children()) - before
                psutil.wait_procs(
                    children, PATIENCE_S
                )  # those that were killed are still to be reaped


def _good_ends(facts: Mapping[str, Sequence[Fact]]) -> dict[str, float]:
    return {
        id_: run.last
        for id_, found in facts.items()
        for run in runs_of(found)
        if run.ending == Ending.OK
    }


def _open(data_dir: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"file:{data_dir}/jobs.sqlite?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    return database


def _describe(case: Case) -> str:
    job = case.job
    told = f"{job.status} history={list(job.history)} error={job.error} result={job.result!r}"
    facts = [f"{f.time:.3f} {f.pid} {f.word} {f.value}" for f in case.facts]
    times = f"created {job.created_at} started {job.started_at} finished {job.finished_at}"
    return "".join(
        f"      {line}\n"
        for line in (
            str(case.errand),
            str(case.fate),
            told,
            times,
            f"{len(case.log)} lines",
            *facts[:3],
            *facts[-3:],
        )
    )
