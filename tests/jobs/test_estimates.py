from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_jobs.jobs.estimates import (
    Estimate,
    Queue,
    Sample,
    about,
    duration,
    estimate,
    usual_span,
    waiting,
)
from jupyter_jobs.jobs.model import Job, JobStatus, Priority

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
USUAL = {"count": 5, "median": 50.0, "p90": 70.0}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def iso(seconds: float) -> str:
    return at(seconds).isoformat(timespec="milliseconds")


def running(progress: float | None = None, **more: Any) -> Job:
    return Job(
        **{
            "id": "j",
            "status": JobStatus.RUNNING,
            "progress": progress,
            "started_at": iso(0),
            **more,
        }
    )


def told(run: float, job: Job, *samples: tuple[float, float]) -> Estimate:
    return estimate(job, at(run), [(iso(seconds), done) for seconds, done in samples])


def end_of(run: float, job: Job, *samples: tuple[float, float]) -> float | None:
    """Seconds after the start."""
    ends_at = told(run, job, *samples).ends_at
    return None if ends_at is None else round((ends_at - START).total_seconds(), 1)


# From progress.


def test_of_one_look_the_average_is_what_is_known() -> None:
    assert end_of(60, running(0.25)) == 240
    assert told(60, running(0.25)).text == "about 3 min left"


def test_nothing_is_said_before_it_moves() -> None:
    assert told(60, running()) == Estimate()
    assert told(60, running(0.0)) == Estimate()


def steady(rate: float, until: int, start: float = 0.0, done: float = 0.0) -> list[Any]:
    return [(start + n, done + rate * n) for n in range(1, until + 1)]


def test_work_that_becomes_faster_ends_as_fast_as_it_now_is() -> None:
    samples = [*steady(0.001, 100), *steady(0.01, 50, 100, 0.1)]

    assert end_of(150, running(0.6), *samples) == 190  # the average since the start says 250


def test_work_that_becomes_slower_ends_as_slow_as_it_now_is() -> None:
    samples = [*steady(0.005, 100), *steady(0.001, 60, 100, 0.5)]
    ends = end_of(160, running(0.56), *samples)

    assert ends == 600  # the average since the start says 286


def test_one_slow_step_in_a_long_run_changes_little() -> None:
    samples = [*steady(0.001, 400), (430.0, 0.401), *steady(0.001, 70, 430, 0.401)]
    ends = end_of(500, running(0.471), *samples)

    assert ends is not None
    assert 1000 < ends < 1170


def test_between_two_steps_the_end_stands_still() -> None:
    steps = [(60.0, 0.1), (120.0, 0.2), (180.0, 0.3)]

    assert {end_of(run, running(0.3), *steps) for run in (180, 200, 220, 239)} == {600}


def test_a_step_that_takes_longer_than_any_moves_the_end_away() -> None:
    steps = [(60.0, 0.1), (120.0, 0.2), (180.0, 0.3)]
    ends = [end_of(run, running(0.3), *steps) for run in (240, 260, 300, 400)]

    assert ends == sorted(ends)
    assert ends[0] == 600
    assert len(set(ends)) == 4


def test_an_end_is_never_in_the_past() -> None:
    assert end_of(100, running(1.0), (50.0, 1.0)) == 100
    assert end_of(100, running(1.5)) == 100


@pytest.mark.parametrize(
    "samples",
    [
        [(10.0, 0.5), (5.0, 0.2)],
        [(10.0, 0.5), (10.0, 0.5)],
        [(-30.0, 0.1), (0.0, 0.2)],
        [(500.0, 0.5)],
    ],
)
def test_samples_in_disorder_do_no_harm(samples: list[tuple[float, float]]) -> None:
    ends = end_of(20, running(0.5), *samples)

    assert ends is not None
    assert ends >= 20


def test_a_clock_that_is_behind_the_backends_does_no_harm() -> None:
    assert told(-60, running(0.5)).ends_at is None
    assert end_of(-60, running(0.5), (10.0, 0.2), (20.0, 0.5)) == 36.7
    assert told(-60, running(usual=USUAL)).ends_at == at(50)


# From earlier runs.


def test_a_job_that_does_not_say_takes_as_long_as_usual() -> None:
    expected = told(10, running(usual=USUAL))

    assert expected.ends_at == at(50)
    assert (expected.usual, expected.text) == ("usually 50 s to 70 s", "about 40 s left")
    assert not expected.is_slow


def test_over_the_median_it_may_take_as_long_as_most_did() -> None:
    assert end_of(55, running(usual=USUAL)) == 70


def test_one_that_takes_longer_than_most_did_is_slow() -> None:
    slow = told(71, running(usual=USUAL))

    assert slow.is_slow
    assert slow.ends_at is None
    assert slow.text == "slow: usually 50 s to 70 s"


def test_few_or_equal_runs_are_no_limit() -> None:
    assert not told(71, running(usual={**USUAL, "count": 2})).is_slow
    alike = {"count": 9, "median": 60.0, "p90": 60.1}
    assert not told(70, running(usual=alike)).is_slow
    assert told(76, running(usual=alike)).is_slow


def test_at_the_beginning_progress_counts_a_little_and_soon_alone() -> None:
    at_first, later = running(0.03, usual=USUAL), running(0.3, usual=USUAL)

    assert end_of(6, at_first) == 65  # a tenth of 200, nine tenths of 50
    assert end_of(30, later) == 100


def test_over_the_usual_time_progress_counts_alone() -> None:
    assert end_of(80, running(0.1, usual=USUAL)) == 800


# States.


def test_what_has_ended_is_not_expected() -> None:
    job = running(1.0, status=JobStatus.SUCCEEDED, usual=USUAL)

    assert told(60, job) == Estimate(usual="usually 50 s to 70 s")


def test_what_is_being_cancelled_is_not_said_to_go_on() -> None:
    assert told(60, running(0.5, status=JobStatus.CANCELLING)).text == ""


def test_one_that_waits_starts_when_it_is_its_turn() -> None:
    job = running(status=JobStatus.QUEUED, started_at=None, usual=USUAL)
    expected = estimate(job, at(0), queue=Queue(2, 40.0))

    assert (expected.starts_at, expected.ends_at) == (at(40), at(90))
    assert expected.text == "2 ahead, starts in about 40 s"
    assert estimate(job, at(0)) == Estimate(usual="usually 50 s to 70 s")


# Its turn.


def queued(id_: str, **more: Any) -> Job:
    given = {"status": JobStatus.QUEUED, "created_at": iso(0), "usual": USUAL}
    return Job(**{"id": id_, **given, **more})


def place(job: Job, *others: Job) -> Queue:
    return waiting(job, [job, *others], at(0), lambda _: ())


def busy(id_: str, left: float) -> Job:
    usual = {"count": 1, "median": left, "p90": left}
    return running(id=id_, usual=usual)


def test_those_ahead_take_the_places_that_become_free() -> None:
    ahead = [queued(f"a{n}", created_at=iso(-10 + n)) for n in range(3)]
    found = place(queued("j"), *ahead, busy("r1", 10), busy("r2", 20))

    assert found == Queue(
        3, 70.0
    )  # the first at 10 until 60, the second at 20 until 70, the third at 60
    assert found.text == "3 ahead, starts in about 70 s"


def test_who_is_more_important_or_came_earlier_is_ahead() -> None:
    found = place(
        queued("j"),
        queued("important", priority=Priority.HIGH, created_at=iso(5)),
        queued("earlier", created_at=iso(-5)),
        queued("later", created_at=iso(5)),
        queued("lowly", priority=Priority.LOW, created_at=iso(-5)),
        busy("r", 10),
    )

    assert found.ahead == 2


def test_what_is_not_known_is_not_said() -> None:
    assert place(queued("j"), queued("a", created_at=iso(-1), usual=None), busy("r", 9)) == Queue(
        1, None
    )
    assert place(queued("j"), running(id="r")) == Queue(0, None)
    assert Queue(1, None).text == "1 ahead"
    assert place(queued("j")) == Queue(0, 0.0)
    assert Queue(0, None).text == "next"


# Words.


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "1 s"),
        (0, "1 s"),
        (7.2, "7 s"),
        (12, "10 s"),
        (47, "45 s"),
        (71, "70 s"),
        (100, "100 s"),
        (118, "2 min"),
        (190, "3 min"),
        (59 * 60, "59 min"),
        (3600, "1 h"),
        (4810, "1 h 20 min"),
        (3 * 3600, "3 h"),
        (86_400, "1 d"),
        (100_000, "1 d 4 h"),
    ],
)
def test_a_span_is_said_as_finely_as_it_can_be_known(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_what_is_usual_is_said_from_the_median_to_the_p90() -> None:
    assert usual_span(USUAL) == "50 s to 70 s"
    assert usual_span({"count": 1, "median": 60.0, "p90": 60.4}) == "60 s"
    assert usual_span({"count": 1, "median": 60.0}) == "60 s"
    assert usual_span(None) == ""
    assert usual_span({}) == ""


def test_many_samples_are_read_at_once() -> None:
    samples: list[Sample] = [(iso(n), n / 1000) for n in range(1, 65)]

    assert estimate(running(0.064), at(64), samples).ends_at == at(1000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0s"),
        (0.44, "0.4s"),
        (9.94, "9.9s"),
        (9.96, "9s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (192, "3m12s"),
        (7500, "2h05m"),
        (273_600, "3d04h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("span", "words"),
    [(0, "0s"), (41.9, "41s"), (192, "3m12s"), (7500, "2h05m"), (273_600, "3d04h"), (-3, "0s")],
)
def test_a_span_is_told_in_two_units(span: float, words: str) -> None:
    assert duration(span, tenths=False) == words


def test_short_spans_have_tenths() -> None:
    assert duration(8.04) == "8.0s"
    assert duration(9.96) == "9s"
