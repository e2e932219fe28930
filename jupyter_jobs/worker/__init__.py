"""What runs inside a job's own process tree.

`python -m jupyter_jobs.worker <job folder>` is the *shim*: it starts the work as its child, keeps its log, passes its
progress on and writes down how it ended. The work itself talks to the shim through `current_job()` and `track()`.

    files of a job folder      written by   read by
    job.json                   backend      shim, work      what to do
    reports                    shim         backend         a FIFO of JSON lines; it ends when the shim has ended
    shim.json                  shim         backend         the shim's process id
    log/                       shim         backend         what the work printed, see `logfile`
    work.json, result.pickle   work         shim            what a Python function or notebook came to
    outcome.json               shim         backend         how the job ended
    files/                     work         people          `current_job().dir`
"""

from __future__ import annotations

from jupyter_jobs.worker.handlers import handler
from jupyter_jobs.worker.job import CurrentJob, current_job, track

__all__ = ["CurrentJob", "current_job", "handler", "track"]
