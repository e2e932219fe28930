import argparse
from datetime import UTC, datetime, timedelta

import pytest

from jupyter_jobs.cli.spans import moment, roughly, seconds

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        (" 30D ", 30 * 86_400),
        ("2w", 14 * 86_400),
    ],
)
def test_a_span_is_a_number_with_its_unit(text: str, span: float) -> None:
    assert seconds(text) == span


@pytest.mark.parametrize("text", ["", "soon", "10 m", "m", "-5", "0", "0s", "nan", "inf", "1e99"])
def test_what_is_no_span_is_refused_with_examples(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 90, 90s, 10m, 1h30m or 30d"):
        seconds(text)


def test_a_moment_is_so_long_ago_or_a_date() -> None:
    assert moment("2h", NOW) == NOW - timedelta(hours=2)
    assert moment("2026-11-22T10:00Z", NOW) == NOW - timedelta(hours=2)
    assert moment("2026-11-20", NOW) == datetime(2026, 11, 20).astimezone()


@pytest.mark.parametrize("text", ["yesterday", "10 m ago", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no moment; write how long ago"):
        moment(text, NOW)


@pytest.mark.parametrize(
    ("span", "words"), [(1, "~5s"), (41, "~45s"), (55, "~1m"), (130, "~2m"), (4300, "~1h10m")]
)
def test_an_estimate_is_no_finer_than_it_can_be_trusted(span: float, words: str) -> None:
    assert roughly(span) == words
