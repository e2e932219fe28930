"""Whether what is told of a job is what its processes did. Pure: facts and records in, complaints out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from jupyter_jobs.jobs.model import Job, JobStatus
from tests.crash.work import Ending, Errand, Fact

__all__ = ["Case", "Fate", "Run", "judge", "runs_of"]

LATE_S = 1.0
"""That a process may be seen at work after its job is said to have ended: what was told to end needs a moment."""

_LINE = re.compile(r"run (\d+) line (\d+)")


@dataclass
class Fate:
    """What was done to a job from outside.

    Attributes:
        cancelled: Whether somebody asked for its end, heard or not.
        killed: `shim` and `work`, as far as they were killed.
        seen: Lines that its log had on the disk right before its shim was killed.
    """

    cancelled: bool = False
    killed: set[str] = field(default_factory=set)
    seen: int = 0

    @property
    def is_own(self) -> bool:
        """Whether all that happened to the job was its own doing."""
        return not self.cancelled and not self.killed


@dataclass
class Run:
    """A run as its process wrote it down.

    Attributes:
        begun: When.
        said: Lines that it is sure to have printed.
        ending: How it ended; None if it did not say.
        last: When it was last seen.
    """

    begun: float
    said: int = 0
    ending: str | None = None
    last: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """A job, as it is told and as it was.

    Attributes:
        job: As the database has it.
        errand: What it had to do.
        fate: What was done to it.
        facts: What it wrote down.
        log: Its lines: number and text.
        jobs: All jobs by id, for those that it waited for.
        ends: Id -> when the work of a job ended well, by its own word.
    """

    job: Job
    errand: Errand
    fate: Fate
    facts: Sequence[Fact]
    log: Sequence[tuple[int, str]]
    jobs: Mapping[str, Job] = field(default_factory=dict)
    ends: Mapping[str, float] = field(default_factory=dict)

    @property
    def runs(self) -> list[Run]:
        return runs_of(self.facts)


def judge(case: Case) -> list[str]:
    """Return what is wrong with a job; nothing if all is well."""
    return [complaint for rule in _RULES for complaint in rule(case)]


def runs_of(facts: Sequence[Fact]) -> list[Run]:
    """Return the runs that a job's facts tell of, oldest first."""
    runs: list[Run] = []
    for fact in facts:
        if fact.word == "begin":
            runs.append(Run(fact.time))
        elif fact.word == "said":
            runs[-1].said = int(fact.value)
        elif fact.word == "end":
            runs[-1].ending = fact.value
        runs[-1].last = fact.time
    return runs


def _has_ended(case: Case) -> Iterator[str]:
    if not case.job.status.is_terminal:
        yield f"it is {case.job.status}, though everything has come to rest"


def _ran_as_often_as_told(case: Case) -> Iterator[str]:
    job, runs, told = case.job, len(case.runs), len(case.job.history) + 1
    if runs > told:
        yield f"it began {runs} times, and its history tells of {told}"
    if len(job.history) > case.errand.retries:
        yield f"{len(job.history)} runs were followed by another, and it has {case.errand.retries} retries"
    ended_by_itself = job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED)
    if case.fate.is_own and case.errand.timeout is None and ended_by_itself and runs != told:
        yield f"it began {runs} times, and its history tells of {told}, though nobody touched it"
    for run in job.history:
        if not run.get("error") or not run.get("finishedAt"):
            yield f"its history has a run without a reason or an end: {run}"


def _ended_as_told(case: Case) -> Iterator[str]:
    job, errand, fate, runs = case.job, case.errand, case.fate, case.runs
    well = [n for n, run in enumerate(runs, start=1) if run.ending == Ending.OK]
    if job.status is JobStatus.SUCCEEDED:
        if well[-1:] != [len(runs)]:
            yield f"it succeeded, and of its {len(runs)} runs these came to their end: {well}"
        expected = 0 if errand.kind == "command" else f"run {len(runs)}"
        if job.result != expected:
            yield f"its result is {job.result!r}, not {expected!r}"
        if fate.is_own and errand.timeout is None and len(job.history) != errand.bad_runs:
            yield f"{len(job.history)} runs failed, and {errand.bad_runs} were to"
    elif well and fate.is_own and errand.timeout is None:
        yield f"it is {job.status}, and its work came to a good end"
    # Between its last word and its exit it may be killed, or run out of time, and then it is run again.
    if len(well) > 1 and fate.is_own and errand.timeout is None:
        yield f"its work came to a good end {len(well)} times, in the runs {well}"


def _failed_for_a_reason(case: Case) -> Iterator[str]:
    job, errand, fate, runs = case.job, case.errand, case.fate, case.runs
    error = job.error or {}
    if job.status is JobStatus.SUCCEEDED:
        return
    if job.status is not JobStatus.CANCELLED and not error.get("message"):
        yield f"it is {job.status} and does not say why"
    if job.status is JobStatus.FAILED:
        if "work" not in fate.killed:
            ending = runs[-1].ending if runs else None
            told = error.get("signal") or error.get("type")
            expected = {Ending.RAISE: "ExitCode" if errand.kind == "command" else "ValueError"}.get(
                ending or "", ending
            )
            if told != expected:
                yield f"its error is {told}, and its last run ended by {ending}"
        if not fate.cancelled and len(job.history) != errand.retries:
            yield f"it failed after {len(job.history)} of {errand.retries} retries"
    elif job.status is JobStatus.TIMED_OUT:
        if errand.timeout is None:
            yield "it timed out, and had no time limit"
    elif job.status is JobStatus.LOST:
        if "shim" not in fate.killed:
            yield f"it is LOST, and nobody killed its shim: {error.get('message')}"
        if error.get("type") != "Lost":
            yield f"it is LOST with an error of type {error.get('type')}"
    elif job.status is JobStatus.CANCELLED:
        yield from _cancelled_for_a_reason(case)


def _cancelled_for_a_reason(case: Case) -> Iterator[str]:
    job = case.job
    if (job.error or {}).get("type") == "DependencyFailed":
        awaited = [case.jobs.get(id_) for id_ in job.after]
        if not any(other and other.status is not JobStatus.SUCCEEDED for other in awaited):
            yield f"it was cancelled for the sake of jobs that succeeded: {job.after}"
        if case.runs:
            yield "it was cancelled for the sake of another job, and ran"
    elif not case.fate.cancelled:
        yield "it was cancelled, and nobody asked for that"


def _waited_for_others(case: Case) -> Iterator[str]:
    for id_ in case.job.after if case.runs else ():
        if id_ not in case.ends:
            yield f"it ran, and the job {id_} that it waited for never came to a good end"
        elif case.runs[0].begun < case.ends[id_]:
            yield f"it began {case.ends[id_] - case.runs[0].begun:.3f} s before the job {id_} ended"


def _worked_while_it_is_told(case: Case) -> Iterator[str]:
    if not case.facts or case.job.finished_at is None or case.job.created_at is None:
        return
    finished = datetime.fromisoformat(case.job.finished_at).timestamp()
    late = case.facts[-1].time - finished
    if late > LATE_S:
        yield f"it was {case.job.status}, and {late:.2f} s later it still worked: {case.facts[-1]}"


def _log_is_whole(case: Case) -> Iterator[str]:
    numbers = [number for number, _ in case.log]
    if numbers != list(range(1, len(numbers) + 1)):
        hole = next(((a, b) for a, b in pairwise(numbers) if b != a + 1), numbers[:1])
        yield f"its log is not numbered from 1 without holes: {hole}"
    if case.fate.seen > len(numbers):
        yield f"its log had {case.fate.seen} lines when its shim was killed, and has {len(numbers)}"
    printed: dict[int, list[int]] = {}
    for _, text in case.log:
        if (found := _LINE.fullmatch(text)) is not None:
            printed.setdefault(int(found[1]), []).append(int(found[2]))
    runs = case.runs
    for number, lines in printed.items():
        if number > len(runs):
            yield f"its log tells of run {number}, and it began {len(runs)} times"
        if lines != list(range(1, len(lines) + 1)):
            hole = next(((a, b) for a, b in pairwise(lines) if b != a + 1), lines[:1])
            yield f"the log of run {number} has a hole or a double: {hole}"
    for number, run in enumerate(runs, start=1):
        kept = len(printed.get(number, []))
        may_lack = "shim" in case.fate.killed and number == len(runs)
        if kept < run.said and not may_lack:
            yield f"run {number} printed {run.said} lines, and the log has {kept} of them"
        if kept > run.said + case.errand.lines:
            yield f"run {number} printed {run.said} lines, and the log has {kept}"


_RULES: Sequence[Callable[[Case], Iterator[str]]] = (
    _has_ended,
    _ran_as_often_as_told,
    _ended_as_told,
    _failed_for_a_reason,
    _waited_for_others,
    _worked_while_it_is_told,
    _log_is_whole,
)
