"""Submit jobs from a notebook and watch them live, over AWS AppSync or on this machine.

Names are loaded when they are first used: the process of every job imports this package, and should not pay for
widgets and sockets that it does not need.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_jobs.appsync.auth import ApiKeyAuth as ApiKeyAuth
    from jupyter_jobs.appsync.auth import IamAuth as IamAuth
    from jupyter_jobs.appsync.auth import TokenAuth as TokenAuth
    from jupyter_jobs.errors import DependencyFailed as DependencyFailed
    from jupyter_jobs.errors import JobCancelled as JobCancelled
    from jupyter_jobs.errors import JobConflict as JobConflict
    from jupyter_jobs.errors import JobFailed as JobFailed
    from jupyter_jobs.errors import JobLost as JobLost
    from jupyter_jobs.errors import JobsError as JobsError
    from jupyter_jobs.errors import JobsRefused as JobsRefused
    from jupyter_jobs.errors import JobTimedOut as JobTimedOut
    from jupyter_jobs.errors import NotEnded as NotEnded
    from jupyter_jobs.jobs.client import JobClient as JobClient
    from jupyter_jobs.jobs.config import JobConfig as JobConfig
    from jupyter_jobs.jobs.handle import JobHandle as JobHandle
    from jupyter_jobs.jobs.joblist import JobList as JobList
    from jupyter_jobs.jobs.joblist import gather as gather
    from jupyter_jobs.jobs.kinds import Command as Command
    from jupyter_jobs.jobs.kinds import Notebook as Notebook
    from jupyter_jobs.jobs.model import JobStatus as JobStatus
    from jupyter_jobs.jobs.model import Priority as Priority
    from jupyter_jobs.jobs.profiles import Profile as Profile
    from jupyter_jobs.jobs.waiting import as_completed as as_completed
    from jupyter_jobs.jobs.waiting import wait as wait
    from jupyter_jobs.widget.monitor import JobMonitor as JobMonitor
    from jupyter_jobs.worker import current_job as current_job
    from jupyter_jobs.worker import handler as handler
    from jupyter_jobs.worker import track as track

__version__ = "0.1.0"

# Quiet unless the user asks: without a handler, warnings would land in whatever cell runs.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_HOME = {
    "ApiKeyAuth": "appsync.auth",
    "Command": "jobs.kinds",
    "DependencyFailed": "errors",
    "IamAuth": "appsync.auth",
    "JobCancelled": "errors",
    "JobClient": "jobs.client",
    "JobConfig": "jobs.config",
    "JobConflict": "errors",
    "JobFailed": "errors",
    "JobHandle": "jobs.handle",
    "JobList": "jobs.joblist",
    "JobLost": "errors",
    "JobMonitor": "widget.monitor",
    "JobStatus": "jobs.model",
    "JobTimedOut": "errors",
    "JobsError": "errors",
    "JobsRefused": "errors",
    "NotEnded": "errors",
    "Notebook": "jobs.kinds",
    "Priority": "jobs.model",
    "Profile": "jobs.profiles",
    "TokenAuth": "appsync.auth",
    "as_completed": "jobs.waiting",
    "current_job": "worker",
    "gather": "jobs.joblist",
    "handler": "worker",
    "track": "worker",
    "wait": "jobs.waiting",
}

__all__ = [
    "ApiKeyAuth",
    "Command",
    "DependencyFailed",
    "IamAuth",
    "JobCancelled",
    "JobClient",
    "JobConfig",
    "JobConflict",
    "JobFailed",
    "JobHandle",
    "JobList",
    "JobLost",
    "JobMonitor",
    "JobStatus",
    "JobTimedOut",
    "JobsError",
    "JobsRefused",
    "NotEnded",
    "Notebook",
    "Priority",
    "Profile",
    "TokenAuth",
    "__version__",
    "as_completed",
    "current_job",
    "gather",
    "handler",
    "load_ipython_extension",
    "track",
    "wait",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Make `%jobs` and `%%job` known, for `%load_ext jupyter_jobs`."""
    importlib.import_module(f"{__name__}.widget.magics").load(shell)
