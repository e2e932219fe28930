import json
from typing import Any

import pytest

from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.long_work import (
    ESTIMATES,
    Prospects,
    chart,
    charts,
    first_chart,
    slow_from,
)
from jupyter_jobs.widget.rows import epoch_ms

START = "2026-11-22T10:00:00.000Z"


def at(seconds: float) -> str:
    return f"2026-11-22T10:{int(seconds) // 60:02}:{seconds % 60:06.3f}Z"


def test_a_series_is_drawn_from_edge_to_edge() -> None:
    assert chart("loss", {"last": 0.2104, "spark": [3, 1, 2]}) == ("loss 0.2104", "0,1 24,13 48,7")


@pytest.mark.parametrize("spark", [[5], [5, 5]])
def test_a_series_that_does_not_move_is_a_line(spark: list[int]) -> None:
    assert chart("n", {"last": 5, "spark": spark}) == ("n 5", "0,13 48,13")


@pytest.mark.parametrize("told", [{}, {"last": 1}, {"spark": []}, {"spark": [None]}])
def test_what_has_no_numbers_is_not_drawn(told: dict[str, Any]) -> None:
    assert chart("n", told) is None


def test_a_line_shows_the_loss_before_anything_else() -> None:
    told = {"accuracy": {"last": 0.9, "spark": [0.1]}, "val_loss": {"last": 1, "spark": [2, 1]}}
    metrics = json.dumps(told)

    assert [label for label, _ in charts(metrics)] == ["val_loss 1", "accuracy 0.9"]
    assert first_chart(metrics) == charts(metrics)[0]
    assert first_chart(None) is None
    assert charts(None) == ()


def test_a_run_is_slow_from_the_ninth_tenth_of_earlier_ones_on() -> None:
    usual = '{"count": 5, "median": 50, "p90": 70}'

    assert slow_from(usual, 1_000) == (71_000, "usually 50 s to 70 s")
    assert slow_from('{"count": 5, "median": 50, "p90": 50}', 0) == (62_500, "usually 50 s")


@pytest.mark.parametrize("usual", [None, '{"count": 2, "median": 50, "p90": 70}', "[]"])
def test_too_few_earlier_runs_make_none_slow(usual: str | None) -> None:
    assert slow_from(usual, 1_000) is None


def running(progress: float, seconds: float, version: int) -> dict[str, Any]:
    body = {"id": "a", "status": "RUNNING", "startedAt": START, "version": version}
    return {**body, "progress": progress, "updatedAt": at(seconds)}


def test_an_end_is_looked_at_again_after_some_seconds_only() -> None:
    store = JobStore()
    prospects = Prospects(store)
    ends = []
    for version, (progress, seconds) in enumerate([(0.5, 50), (0.9, 51), (0.9, 53)], 1):
        body = running(progress, seconds, version)
        store.merge(body)
        ends.append(prospects.ends_at(body, epoch_ms(body["updatedAt"])))

    assert ends[0] == epoch_ms(at(100))
    assert ends[1] == ends[0]
    assert ends[2] is not None
    assert ends[2] < epoch_ms(at(70))


def test_of_many_jobs_some_ends_are_looked_at_in_a_message() -> None:
    store = JobStore()
    prospects = Prospects(store)
    bodies = [{**running(0.5, 50, 1), "id": f"j{n}"} for n in range(ESTIMATES + 1)]
    for body in bodies:
        store.merge(body)

    def ends() -> list[int | None]:
        return [prospects.ends_at(body, epoch_ms(body["updatedAt"])) for body in bodies]

    assert ends().index(None) == ESTIMATES
    prospects.begin_message()
    assert None not in ends()


def test_a_job_that_does_not_run_has_no_end() -> None:
    prospects = Prospects(JobStore())

    assert prospects.ends_at({"id": "a", "status": "QUEUED"}, 1) is None
    assert prospects.ends_at({"id": "a", "status": "RUNNING"}, None) is None


def test_what_a_job_waits_for_is_said_until_it_is_there() -> None:
    store = JobStore()
    for id_, status in [("p", "RUNNING"), ("q", "SUCCEEDED"), ("r", "QUEUED")]:
        store.merge({"id": id_, "version": 1, "status": status, "name": f"step {id_}"})
    prospects = Prospects(store)
    body = {"id": "a", "status": "QUEUED", "after": ["p", "q", "r", "elsewhere"]}

    assert prospects.waits_for(body) == "after step p, step r"
    assert prospects.waits_for({**body, "after": ["q"]}) is None
    assert prospects.waits_for({**body, "status": "RUNNING"}) is None
