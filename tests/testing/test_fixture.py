from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
from jupyter_jobs import JobMonitor

def train(rate):
    raise RuntimeError("this must not run")

def report(rate=0.1):
    accuracy = JobMonitor().submit(train, rate, retries=2).result(60)
    return f"{accuracy:.0%} correct"
"""

CONFTEST = "from jupyter_jobs.testing import scripted_jobs\n"

TESTS = """
import pytest
from report import report

def test_the_report_names_the_accuracy(scripted_jobs):
    scripted_jobs.on("train", returns=0.9)

    assert report() == "90% correct"
    assert scripted_jobs.submitted[0].args == (0.1,)
    assert scripted_jobs.submitted[0].options == {"retries": 2}

def test_a_bad_day_is_not_hidden(scripted_jobs):
    scripted_jobs.on("tr*", raises=ValueError("bad day"))

    with pytest.raises(ValueError, match="bad day"):
        report()

def test_that_forgot_to_say_what_comes(scripted_jobs):
    report()
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_users_conftest_has_the_fixture_and_his_code_knows_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "report.py").write_text(CODE)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_report.py").write_text(TESTS)

    done = run(tmp_path)

    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert (
        'Nothing is scripted for "train": write scripted_jobs.on("train", returns=…)' in done.stdout
    )


def test_the_fixture_explains_itself(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)

    done = run(tmp_path, "--fixtures")

    assert "A backend of this test's own" in done.stdout


def test_without_pytest_the_rest_is_there() -> None:
    program = """
import sys
sys.modules["pytest"] = None
from jupyter_jobs.testing import ScriptedJobs
with ScriptedJobs() as jobs:
    jobs.on("work")
    print(jobs)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.stdout == "ScriptedJobs()\n", done.stderr
