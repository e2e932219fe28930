from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.kills import CARRIED_OUT
from tests.crash.plan import KILLS, plan
from tests.crash.story import live_through
from tests.support.backend import PATIENCE_S

SEEDS = range(1, 4)


@pytest.mark.timeout(4 * PATIENCE_S)
@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_is_killed_every_job_is_accounted_for(tmp_path: Path, seed: int) -> None:
    report = await live_through(seed, tmp_path)

    assert report.complaints == [], "\n".join([*report.story, *report.complaints])
    assert report.kills


def test_a_plan_is_the_same_for_its_seed_and_other_for_others() -> None:
    assert plan(4) == plan(4)
    assert plan(4) != plan(5)


def test_the_plans_have_every_kind_of_kill_and_of_work() -> None:
    plans = [plan(seed) for seed in range(1, 201)]
    steps = [step for each in plans for step in each.steps]
    errands = [errand for each in plans for errand in each.errands]

    assert {kill.kind for each in plans for kill in each.kills} == set(KILLS) == set(CARRIED_OUT)
    assert {step.act for step in steps} == {"submit", "map", "cancel", "retry"}
    assert {step.act for step in steps if step.kill_after} >= {"submit", "map", "retry"}
    assert any(step.act == "cancel" and step.kill_during is not None for step in steps)
    assert {errand.child for errand in errands} == {"", "sleep", "fork", "daemon"}
    assert {errand.ending for errand in errands} == {"ok", "raise", "SIGKILL", "SIGSEGV"}
