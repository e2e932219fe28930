"""Tests of your own code that submits jobs: a real backend in the test's process, whose jobs follow a script.

In `conftest.py`:

    from jupyter_jobs.testing import scripted_jobs

and in a test, beside code that says `JobMonitor()` as ever:

    def test_the_report_names_the_accuracy(scripted_jobs):
        scripted_jobs.on("train", returns=0.9)

        assert "90 %" in report()

Nothing that is submitted runs. What a job comes to is said by `on`; what takes time takes it when `advance` says so.
Without pytest, `with ScriptedJobs() as jobs:` is the same.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from jupyter_jobs.testing.script import Outcome, Rule, Said
from jupyter_jobs.testing.scripted import ScriptedJobs
from jupyter_jobs.testing.submitted import Submitted

if TYPE_CHECKING:
    from jupyter_jobs.testing.fixture import scripted_jobs

__all__ = ["Outcome", "Rule", "Said", "ScriptedJobs", "Submitted", "scripted_jobs"]


def __getattr__(name: str) -> Any:
    if name != "scripted_jobs":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.fixture").scripted_jobs  # it needs pytest
