import json
from typing import Any

import pytest

from jupyter_jobs.jobs.model import Job
from jupyter_jobs.widget.scrub import own_frame, scrub


def job(**error: Any) -> Job:
    body = {"id": "job-4711", "version": 1, "status": "FAILED", "error": json.dumps(error)}
    return Job.from_wire(body)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("bad day '2026-13-01'", "bad day '2026-13-01'"),
        ("no such file: '/home/ann/data/day 3.csv'", "no such file: '…/day 3.csv'"),
        ("cannot read /home/ann/data/x.csv, line 3", "cannot read …/x.csv, line 3"),
        ("in /home/ann and /root and ~ and /Users/ann/", "in … and … and … and …"),
        ("in ~/data/x.csv", "in …/x.csv"),
        ("in ~ann/data/x.csv", "in …/x.csv"),
        (r"in C:\Users\ann\x.csv", "in …/x.csv"),
        (r"in 'C:\My Data\x y.csv'", "in '…/x y.csv'"),
        (r"in \\server\share\x.csv", "in …/x.csv"),
        ("see file:///home/ann/x.csv", "see …/x.csv"),
        ("GET https://ann:pw@host.example/a/b?sig=abc#top", "GET https://host.example/a/b?…"),
        ("GET http://127.0.0.1:8000/a", "GET http://…/a"),
        ("refused by 10.0.0.3:5432", "refused by …"),
        ("refused by localhost:5432", "refused by …"),
        ("arn:aws:iam::123456789012:role/x", "arn:aws:iam::…:role/x"),
        ("<thing object at 0x7f3a2b1c9d00>", "<thing object at …>"),
        ("no 2f1f3a44-0b6e-4a8e-9d5e-1d2f3a4b5c6d", "no …"),
        ("key da2-abcdefghijklmnopqrstuvwxyz", "key [hidden]"),
        ("password=hunter22", "password=[hidden]"),
        ("<b>3 /s</b> in /tmp", "<b>3 /s</b> in /tmp"),
        ("1/2 and/or 3 % of s3://bucket/key", "1/2 and/or 3 % of s3://bucket/key"),
        ("it's 5/7 done, 14:31:02", "it's 5/7 done, 14:31:02"),
        ("two\n  lines\tand\x1b[31m colour\x1b[0m\x07", "two lines and colour"),
        ("right\u202eleft \ud800", "rightleft ?"),
    ],
)
def test_what_a_job_says_is_kept_without_what_tells_where_it_ran(said: str, kept: str) -> None:
    assert scrub(said) == kept


def test_a_jobs_own_id_is_not_kept() -> None:
    assert scrub("job-4711 failed", job()) == "… failed"


def frames(*files: str) -> str:
    lines = "".join(f'  File "{file}", line {n}, in step_{n}\n' for n, file in enumerate(files, 1))
    return f"Traceback (most recent call last):\n{lines}ValueError: x"


@pytest.mark.parametrize(
    ("traceback", "where"),
    [
        (frames("/home/ann/clean.py"), "clean.py:1 in step_1"),
        (frames("/home/ann/a.py", "/v/lib/python3.11/site-packages/b.py"), "a.py:1 in step_1"),
        (frames("/home/ann/a.py", "/usr/lib/python3.11/json/c.py"), "a.py:1 in step_1"),
        (frames("<frozen importlib._bootstrap>"), ""),
        (frames("/tmp/ipykernel_12/34.py"), "line 1 in step_1"),
        (frames("<string>"), "line 1 in step_1"),
        (frames(r"C:\work\a.py"), "a.py:1 in step_1"),
        ('  File "/a/b.py", line 7, in <module>', "b.py:7"),
        ("nothing", ""),
        (None, ""),
    ],
)
def test_the_users_own_frame_is_the_last_that_is_no_librarys(
    traceback: str | None, where: str
) -> None:
    assert own_frame(job(traceback=traceback)) == where
