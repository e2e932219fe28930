"""What runs inside a job's own process tree.

`python -m jupyter_jobs.worker <job folder>` is the *shim*: it starts the work as its child, keeps its log, passes its
progress on and writes down how it ended. Mostly it is a fork of a `nursery`, which saves the start. The work itself
talks to the shim through `current_job()` and `track()`.

    files of a job folder      written by   read by
    job.json                   backend      shim, work      what to do, and as which run; and all that the job's row says of it
    reports                    shim         backend         a FIFO of JSON lines; it ends when the shim has ended
    said                       work         shim            a FIFO of JSON lines, see `channel`
    shim.json                  shim         backend         the shim's process, so that no other is taken for it
    log/                       shim         backend         what the work printed, see `logfile`
    metrics/                   shim         backend         what the work measured, see `metrics`
    work.json, result.pickle   work         shim            what a Python function or notebook came to
    error.pickle               work         backend         the exception of a function, where it can be loaded again
    outcome.json               shim         backend         how the job ended, see `outcome.read_outcome`
    files/                     work         people          `current_job().dir`, $JUPYTER_JOBS_FILES
    traced                     work         submitter       which runs have a span of their own, see `_tracing`

What can be told of a job from its folder alone, a backend tells that finds no row for it.

Log, metrics, files and `traced` go on over the runs of a job that is retried; what a run came to is removed by the next one.
"""

from __future__ import annotations

from jupyter_jobs.worker.handlers import handler
from jupyter_jobs.worker.job import CurrentJob, current_job, track

__all__ = ["CurrentJob", "current_job", "handler", "track"]
