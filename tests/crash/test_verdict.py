"""Each lie about a job is noticed, and the truth passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyter_jobs.jobs.model import Job, JobStatus
from tests.crash.verdict import Case, Fate, judge
from tests.crash.work import Errand, Fact

AT = 1_795_000_000.0
ISO = "2026-11-18T11:06:40.000Z"

ENDED = Job(
    id="one",
    status=JobStatus.SUCCEEDED,
    result="run 1",
    created_at=ISO,
    finished_at="2026-11-18T11:06:44.000Z",
)
FACTS = [
    Fact(AT + 1, 7, "begin", "1"),
    Fact(AT + 2, 7, "said", "2"),
    Fact(AT + 3, 7, "end", "ok"),
]
AGAIN = [replace(fact, time=fact.time + 0.5, pid=8) for fact in FACTS]
LOG = [(1, "run 1 line 1"), (2, "run 1 line 2")]
TRUE = Case(job=ENDED, errand=Errand(number=1, lines=2), fate=Fate(), facts=FACTS, log=LOG)
FAILED: dict[str, Any] = {"status": JobStatus.FAILED, "result": None}
BAD_DAY = {"type": "ValueError", "message": "bad run 1"}
RAISED = [*FACTS[:2], replace(FACTS[2], value="raise")]


def told(**changes: Any) -> Case:
    return replace(TRUE, job=replace(ENDED, **changes))


def test_the_truth_passes() -> None:
    assert judge(TRUE) == []


def test_a_failure_for_its_reason_passes() -> None:
    failed = replace(TRUE, job=replace(ENDED, **FAILED, error=BAD_DAY), facts=RAISED)

    assert judge(failed) == []


def test_a_loss_passes_when_the_shim_was_killed() -> None:
    error = {"type": "Lost", "message": "the process that watched over it was killed"}
    lost = told(status=JobStatus.LOST, result=None, error=error)

    assert judge(replace(lost, fate=Fate(killed={"shim"}), facts=FACTS[:2], log=LOG[:1])) == []


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (told(status=JobStatus.RUNNING, finished_at=None), "come to rest"),
        (told(result="run 2"), "result"),
        (told(**FAILED), "does not say why"),
        (told(**FAILED, error=BAD_DAY), "came to a good end"),
        (told(status=JobStatus.LOST, error={"type": "Lost", "message": "gone"}), "nobody killed"),
        (told(status=JobStatus.CANCELLED), "nobody asked"),
        (told(status=JobStatus.TIMED_OUT, error={"message": "long"}), "no time limit"),
        (told(finished_at="2026-11-18T11:06:41.500Z"), "still worked"),
        (told(history=({"error": "", "finishedAt": ISO},)), "without a reason"),
        (told(after=("other",)), "never came to a good end"),
        (replace(told(after=("other",)), ends={"other": AT + 2}), "before the job other ended"),
        (replace(TRUE, facts=[*FACTS, *AGAIN]), "began 2 times"),
        (replace(TRUE, facts=[*FACTS, *AGAIN]), "good end 2 times"),
        (replace(TRUE, facts=RAISED), "it succeeded, and"),
        (replace(TRUE, log=LOG[:1]), "printed 2 lines, and the log has 1"),
        (replace(TRUE, log=[LOG[0], (2, LOG[0][1])]), "hole or a double"),
        (replace(TRUE, log=[LOG[0], (3, LOG[1][1])]), "without holes"),
        (replace(TRUE, log=[*LOG, (3, "run 2 line 1")]), "tells of run 2"),
        (replace(TRUE, fate=Fate(killed={"shim"}, seen=3)), "had 3 lines"),
    ],
)
def test_a_lie_is_noticed(lie: Case, said: str) -> None:
    assert any(said in complaint for complaint in judge(lie)), judge(lie)
