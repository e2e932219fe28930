import string
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.widget.failures import LIMIT, signature


def failed(message: Any, type_: Any = "E", status: JobStatus = JobStatus.FAILED) -> str | None:
    return signature(Job(id="j", status=status, error={"type": type_, "message": message}))


@pytest.mark.parametrize(
    ("message", "common"),
    [
        # numbers
        ("bad day 7 in row 12", "bad day … in row …"),
        ("-5 is below 0, x=-3", "… is below …, x=…"),
        ("took 3.5e-7s, 99% of 1,000,000 rows, 12MB", "took …% of … rows, …"),
        ("shape (3, 4) vs (5, 6, 7)", "shape (…) vs (…)"),
        ("month must be in 1..12", "month must be in …"),
        ("at 2026-01-02T10:00:00.250Z or 10:30", "at … or …"),
        ("index 5 is out of bounds for axis 0", "index … is out of bounds for axis …"),
        ("Tried to allocate 2.50 GiB (GPU 0)", "Tried to allocate … GiB (GPU …)"),
        ("no float32 for conv2d in utf8", "no float32 for conv2d in utf8"),
        ("node-17 lost batch_9", "node-… lost batch_…"),
        # numbers that name a kind of failure
        ("ended with exit code 3", "ended with exit code 3"),
        ("ended with exit code 3 before line 70", "ended with exit code 3 before line …"),
        ("killed by SIGKILL (perhaps out of memory)", "killed by SIGKILL (perhaps out of memory)"),
        ("killed by signal 9", "killed by signal 9"),
        ("HTTP 404 for job 3", "HTTP 404 for job …"),
        ("[Errno 2] No such file: '/srv/x.csv'", "[Errno 2] No such file: …"),
        # quoted text
        ("bad day '2026-13-01'", "bad day …"),
        ('no "way" out of `here`', "no … out of …"),
        ("can't convert 'x' to int, don't 'y z'", "can't convert … to int, don't …"),
        ("""it said "don't" twice""", "it said … twice"),
        ("'it''s' here", "… here"),
        # addresses and ids
        ("<Thing at 0x7f3a21b0>", "<Thing at …>"),
        ("job 3f0e9c1a-7c55-4a5e-9d8b-0123456789ab vanished", "job … vanished"),
        ("id 01KAP3Q9X51VT7M5C8W2R4ZD0 gone", "id … gone"),
        # paths
        ("cannot open /srv/plants/x.csv: broken", "cannot open …: broken"),
        ("cannot open ~/plants/x.csv", "cannot open …"),
        ("cannot open ../x.csv", "cannot open …"),
        ("open data/raw/part.parquet failed", "open … failed"),
        (r"in C:\Users\ada\x.csv: bad", "in …: bad"),
        ("and/or not, I/O error", "and/or not, I/O error"),
        ("GET https://a.example/c?x=y failed", "GET … failed"),
        ("s3://plants/raw gone", "s3://plants/raw gone".replace("s3://plants/raw", "…")),
        # lines
        ("bad day\nwith a second line 3", "bad day"),
        ("\n\n  later  and \t spaced\n", "later and spaced"),
        ("\x1b[31mred\x1b[0m 3", "red …"),
    ],
)
def test_what_is_the_jobs_own_is_left_out(message: str, common: str) -> None:
    assert failed(message) == f"E: {common}"


@pytest.mark.parametrize(
    "secret", ["api_key=da2-abcdefghijklmnopqrstuvwxyz", "token: abc", "x AKIAABCDEFGHIJKLMNOP"]
)
def test_no_secret_is_told(secret: str) -> None:
    told = failed(f"refused {secret}") or ""

    assert "[hidden]" in told
    assert secret.split()[-1].split("=")[-1] not in told


@pytest.mark.parametrize(
    ("type_", "message", "told"),
    [
        ("ValueError", "", "ValueError"),
        ("ValueError", None, "ValueError"),
        ("", "bad day 3", "failed: bad day …"),
        (None, None, "failed"),
        ("pandas.errors.ParserError", "x", "pandas.errors.ParserError: x"),
        (" two\nlines ", "x", "two lines: x"),
        ("Lost", "x", "failed: Lost: x"),
    ],
)
def test_little_is_said_all_the_same(type_: Any, message: Any, told: str) -> None:
    assert failed(message, type_) == told


def test_a_failure_without_any_error_has_its_status() -> None:
    assert [signature(Job(id="j", status=status)) for status in JobStatus if status.is_failure] == [
        "failed",
        "timed out",
        "lost",
    ]


def test_lost_and_timed_out_jobs_are_of_a_kind_of_their_own() -> None:
    assert failed("the server is gone", "Lost", JobStatus.LOST) == "Lost: the server is gone"
    assert failed("no end", "TimeoutError", JobStatus.TIMED_OUT) == "timed out: no end"
    assert failed("bad day", "ValueError", JobStatus.LOST) == "lost: bad day"


@pytest.mark.parametrize("status", [status for status in JobStatus if not status.is_failure])
def test_all_others_have_none(status: JobStatus) -> None:
    assert failed("bad day", "ValueError", status) is None


words = st.text(string.printable, max_size=40)


@given(words, words, words, words)
def test_no_two_statuses_share_a_failure(type_: str, message: str, other: str, text: str) -> None:
    lost = failed(message, type_, JobStatus.LOST)
    late = failed(message, type_, JobStatus.TIMED_OUT)

    assert len({lost, late, failed(text, other)}) == 3


@given(st.text(max_size=400), st.text(max_size=200))
def test_it_is_one_short_line(message: str, type_: str) -> None:
    told = failed(message, type_)

    assert told is not None
    assert 0 < len(told) <= LIMIT
    assert told == " ".join(told.split())


@given(st.integers(0), st.integers(0))
def test_two_numbers_make_no_difference(one: int, other: int) -> None:
    assert failed(f"row {one} of x") == failed(f"row {other} of x")


@pytest.mark.parametrize(
    "text", ["'", "a/", "1.,", "../", "a.-a", "0", "`a", "1a", "w_1", "x=-", "http://"]
)
def test_no_message_takes_long(text: str) -> None:
    began = time.process_time()
    failed(text * 5000)

    assert time.process_time() - began < 1
