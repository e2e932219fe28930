from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.storage.rows import now, number_of, seconds, stamp, summary, token_of


@pytest.mark.parametrize(
    "time",
    ["2026-11-23T05:00:00Z", "2026-11-23T07:00:00+02:00", "2026-11-23T05:00:00", "2026-11-23T05"],
)
def test_a_time_of_any_zone_is_compared_as_text(time: str) -> None:
    assert stamp(time) == "2026-11-23T05:00:00.000Z"
    assert stamp(time) < now()


@pytest.mark.parametrize("time", ["yesterday", "", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_refused(time: str) -> None:
    with pytest.raises(Refusal, match="ISO 8601"):
        stamp(time)


def test_a_duration_is_in_seconds() -> None:
    assert seconds("2026-11-23T05:00:00.000Z", "2026-11-23T05:01:00.250Z") == 60.25


def test_durations_are_summed_up() -> None:
    assert summary([]) is None
    assert summary([2.0]) == {"count": 1, "median": 2.0, "p90": 2.0}
    assert summary([float(n) for n in range(10, 0, -1)]) == {"count": 10, "median": 5.5, "p90": 9.0}


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_the_median_is_never_over_the_90th_percentile(durations: list[float]) -> None:
    told = summary(durations)

    assert told is not None
    assert min(durations) - 1e-3 <= told["median"] <= told["p90"] + 1e-3 <= max(durations) + 2e-3


@given(st.integers(1, 2**60))
def test_a_token_is_read_as_it_was_made(number: int) -> None:
    assert number_of(token_of(number)) == number
